//! An emitter with its books: what left, what was lost and why, and XR001 where nobody listens.

use std::fmt;
use std::sync::Arc;

use super::{Emit, EmitError};
use crate::diagnostics::{Code, Diagnostics, messages};
use crate::stats::{Counter, Stats};

/// Counts and reports for one emitter.
pub(crate) struct Outlet {
    emitter: Arc<dyn Emit>,
    stats: Arc<Stats>,
    diagnostics: Arc<Diagnostics>,
    /// Where the destination came from, for XR001.
    origin: Box<dyn fmt::Display + Send + Sync>,
}

/// A document the transport cannot carry. Not counted as lost: it is split and tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge {
    /// Largest document that fits, bytes, where known.
    pub(crate) limit: Option<usize>,
}

impl Outlet {
    pub(crate) fn new(
        emitter: Arc<dyn Emit>,
        stats: Arc<Stats>,
        diagnostics: Arc<Diagnostics>,
        origin: impl fmt::Display + Send + Sync + 'static,
    ) -> Outlet {
        Outlet { emitter, stats, diagnostics, origin: Box::new(origin) }
    }

    /// Sends one document. All losses but [`TooLarge`] are counted here. `true` when it left.
    pub(crate) fn send(&self, document: &[u8]) -> Result<bool, TooLarge> {
        let result = self.emitter.emit(document);
        self.collect_lost();
        match result {
            Ok(()) => {
                self.stats.add(Counter::DocumentsSent, 1);
                self.stats.add(Counter::BytesSent, document.len() as u64);
                Ok(true)
            }
            Err(EmitError::TooLarge { limit }) => Err(TooLarge { limit }),
            Err(error) => {
                self.stats.add(Counter::DroppedSendFailed, 1);
                self.note(&error, 1);
                Ok(false)
            }
        }
    }

    /// Lets the emitter pass on what it holds back, and learns of late losses.
    pub(crate) fn flush(&self) {
        self.emitter.flush();
        self.collect_lost();
    }

    /// Lets the emitter open its connections anew.
    pub(crate) fn reopen(&self) {
        self.emitter.reopen();
    }

    fn collect_lost(&self) {
        if let Some(lost) = self.emitter.lost() {
            self.stats.add(Counter::DroppedRefused, lost.documents);
            self.note(&lost.error, lost.documents);
        }
    }

    fn note(&self, error: &EmitError, documents: u64) {
        self.stats.set_last_error(messages::Chain(error).to_string());
        if let EmitError::Unreachable { .. } = error {
            self.diagnostics.report(Code::Xr001, || messages::unreachable(error, &self.origin, documents));
        }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::diagnostics::DiagnosticsLevel;
    use crate::emit::Lost;
    use crate::emit::manual_clock::ManualClock;

    /// Answers by its script, last first.
    struct Scripted(Mutex<Vec<Result<(), EmitError>>>, Mutex<Option<Lost>>);

    impl Emit for Scripted {
        fn emit(&self, _: &[u8]) -> Result<(), EmitError> {
            self.0.lock().unwrap().pop().unwrap()
        }

        fn lost(&self) -> Option<Lost> {
            self.1.lock().unwrap().take()
        }
    }

    fn refused() -> EmitError {
        EmitError::Unreachable { destination: "udp a:1".into(), source: io::ErrorKind::ConnectionRefused.into() }
    }

    #[test]
    fn the_books_balance_and_xr001_is_told_once() {
        let answers = vec![
            Err(refused()),
            Err(EmitError::Io(io::Error::other("disk"))),
            Err(EmitError::TooLarge { limit: Some(9) }),
            Ok(()),
        ];
        let emitter =
            Arc::new(Scripted(Mutex::new(answers), Mutex::new(Some(Lost { documents: 2, error: refused() }))));
        let stats = Arc::new(Stats::new());
        let told = Arc::new(Mutex::new(Vec::new()));
        let lines = told.clone();
        let diagnostics = Arc::new(
            Diagnostics::new(ManualClock::new(), DiagnosticsLevel::Warn)
                .with_handler(Box::new(move |diagnostic| lines.lock().unwrap().push(diagnostic.to_string()))),
        );
        let outlet = Outlet::new(emitter.clone(), stats.clone(), diagnostics.clone(), "default");

        assert_eq!(outlet.send(b"{}"), Ok(true));
        assert_eq!(outlet.send(b"{}"), Err(TooLarge { limit: Some(9) }));
        assert_eq!(outlet.send(b"{}"), Ok(false));
        assert_eq!(outlet.send(b"{}"), Ok(false));
        *emitter.1.lock().unwrap() = Some(Lost { documents: 1, error: refused() });
        outlet.flush();

        diagnostics.deliver_queued();
        expect_test::expect![[r#"
            documents_sent=1 bytes_sent=2 dropped_send_failed=2 dropped_refused=3 last_error="udp a:1 cannot be reached: connection refused""#]]
        .assert_eq(&stats.snapshot().to_string());
        assert_eq!(told.lock().unwrap().len(), 1);
        assert!(
            told.lock().unwrap()[0]
                .starts_with("XR001: nothing is listening on udp a:1 (from default); 2 documents lost")
        );
    }
}
