//! The tracer's own voice: numbered messages that say what happened and how to mend it.
//!
//! A layer must never report by `tracing` events: they would come back to it. Messages go to standard error, or to
//! a handler the host installs. A code is told the first time it happens, then at most once a minute with
//! the number of times it was held back, so trouble on every request costs two atomic operations a request.
//! Whoever reports only queues (64 messages at most); the sender thread writes, so that a request never waits for
//! standard error.
//!
//! | `XRAY_DIAG` | told |
//! |---|---|
//! | `off` | nothing; the counters go on |
//! | `warn` (default) | as above |
//! | `verbose` | every time, and details of single requests |

mod codes;
pub(crate) mod messages;

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::subscriber::NoSubscriber;

pub use codes::Code;

use crate::Clock;

/// How much is told: [`Builder::diagnostics`](crate::Builder::diagnostics).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiagnosticsLevel {
    /// Nothing.
    Off,
    /// Each code the first time, then once a minute at most.
    #[default]
    Warn,
    /// Each code every time, and details of single requests.
    Verbose,
}

impl fmt::Display for DiagnosticsLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DiagnosticsLevel::Off => "off",
            DiagnosticsLevel::Warn => "warn",
            DiagnosticsLevel::Verbose => "verbose",
        })
    }
}

/// One message.
///
/// Displays as one line: `XR001: nothing is listening on … (12 more since the last report)`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Which message it is.
    pub code: Code,
    /// What happened and how to mend it. One line; shows configuration values, never text from the network.
    pub message: String,
    /// How often it was held back since it was last told.
    pub repeats: u64,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if self.repeats > 0 {
            write!(f, " ({} more since the last report)", self.repeats)?;
        }
        Ok(())
    }
}

/// Takes the messages instead of standard error.
pub(crate) type Handler = Box<dyn Fn(&Diagnostic) + Send + Sync>;

/// Where everything that works for one layer reports to.
pub(crate) struct Diagnostics {
    clock: Arc<dyn Clock>,
    level: DiagnosticsLevel,
    handler: Handler,
    limits: [Limit; Code::ALL.len()],
    queue: Mutex<VecDeque<Diagnostic>>,
    panics: AtomicU64,
}

/// When a code was last told, and how often it has been held back since.
struct Limit {
    told_at: AtomicU64,
    held_back: AtomicU64,
}

thread_local! {
    /// A handler that causes a report must not be called again from within itself.
    static DELIVERING: Cell<bool> = const { Cell::new(false) };
}

impl Diagnostics {
    /// To standard error, a line each, prefixed `xray: `.
    pub(crate) fn new(clock: Arc<dyn Clock>, level: DiagnosticsLevel) -> Diagnostics {
        Diagnostics {
            clock,
            level,
            handler: Box::new(to_stderr),
            limits: [const { Limit { told_at: AtomicU64::new(NEVER), held_back: AtomicU64::new(0) } }; Code::ALL.len()],
            queue: Mutex::new(VecDeque::new()),
            panics: AtomicU64::new(0),
        }
    }

    /// To `handler` instead.
    #[must_use]
    pub(crate) fn with_handler(mut self, handler: Handler) -> Diagnostics {
        self.handler = handler;
        self
    }

    /// Queues a message unless its code was told within the last minute. `true` when something waits to be
    /// delivered because of it. `message` is only built when it is needed, outside all locks.
    pub(crate) fn report(&self, code: Code, message: impl FnOnce() -> String) -> bool {
        self.report_at(self.level, code, message)
    }

    /// As [`Diagnostics::report`], every time.
    pub(crate) fn report_each(&self, code: Code, message: impl FnOnce() -> String) -> bool {
        let level = match self.level {
            DiagnosticsLevel::Off => DiagnosticsLevel::Off,
            DiagnosticsLevel::Warn | DiagnosticsLevel::Verbose => DiagnosticsLevel::Verbose,
        };
        self.report_at(level, code, message)
    }

    fn report_at(&self, level: DiagnosticsLevel, code: Code, message: impl FnOnce() -> String) -> bool {
        let Some(limit) = self.limits.get(code as usize) else {
            return false;
        };
        match level {
            DiagnosticsLevel::Off => return false,
            DiagnosticsLevel::Verbose => {}
            DiagnosticsLevel::Warn => {
                let now = self.clock.monotonic();
                let told_at = limit.told_at.load(Ordering::Relaxed);
                let due = told_at == NEVER || now.saturating_sub(told_at) >= PERIOD;
                let ours =
                    due && limit.told_at.compare_exchange(told_at, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
                if !ours {
                    limit.held_back.fetch_add(1, Ordering::Relaxed);
                    return false;
                }
            }
        }
        let repeats = limit.held_back.swap(0, Ordering::Relaxed);
        let diagnostic = Diagnostic { code, message: message(), repeats };
        let mut queue = self.lock();
        if queue.len() >= QUEUE {
            drop(queue);
            limit.held_back.fetch_add(repeats.saturating_add(1), Ordering::Relaxed);
            return false;
        }
        queue.push_back(diagnostic);
        true
    }

    /// As [`Diagnostics::report`], at level `verbose` only: what happens in the order of things, such as a
    /// request that was not sampled.
    pub(crate) fn detail(&self, code: Code, message: impl FnOnce() -> String) -> bool {
        self.level == DiagnosticsLevel::Verbose && self.report(code, message)
    }

    /// Hands over what is queued. Called by the sender between documents, or by whoever reports where there is
    /// no sender. Messages that the handler itself causes wait for the next call.
    pub(crate) fn deliver_queued(&self) {
        if self.lock().is_empty() || DELIVERING.replace(true) {
            return;
        }
        let queued = std::mem::take(&mut *self.lock());
        for diagnostic in &queued {
            if catch_unwind(AssertUnwindSafe(|| without_tracing(|| (self.handler)(diagnostic)))).is_err() {
                self.panics.fetch_add(1, Ordering::Relaxed);
            }
        }
        DELIVERING.set(false);
    }

    /// Panics of the handler since the last call.
    pub(crate) fn take_panics(&self) -> u64 {
        self.panics.swap(0, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Diagnostic>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diagnostics").field("level", &self.level).finish_non_exhaustive()
    }
}

/// Runs foreign code so that its spans and events go nowhere: above all not back to us.
pub(crate) fn without_tracing<T>(work: impl FnOnce() -> T) -> T {
    // Within a callback of a scoped subscriber there is none already, and `with_default` would panic: the thread's
    // current subscriber is borrowed then.
    if tracing::dispatcher::get_default(|dispatch| dispatch.is::<NoSubscriber>()) {
        return work();
    }
    tracing::dispatcher::with_default(&tracing::Dispatch::none(), work)
}

/// To standard error at once, for what is found out where there is no layer to report through.
pub(crate) fn tell_now(code: Code, message: String) {
    to_stderr(&Diagnostic { code, message, repeats: 0 });
}

fn to_stderr(diagnostic: &Diagnostic) {
    // Not `eprintln!`: it panics when standard error is closed.
    let _ = writeln!(std::io::stderr().lock(), "xray: {diagnostic}");
}

const NEVER: u64 = u64::MAX;
/// Nanoseconds between two reports of a code.
const PERIOD: u64 = 60 * 1_000_000_000;
/// Messages that wait at most; the next is held back and counted with its code.
const QUEUE: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::emit::manual_clock::ManualClock;

    type Lines = Arc<Mutex<Vec<String>>>;

    fn hub(level: DiagnosticsLevel) -> (Diagnostics, Arc<ManualClock>, Lines) {
        let (clock, lines) = (ManualClock::new(), Lines::default());
        let told = lines.clone();
        let hub = Diagnostics::new(clock.clone(), level)
            .with_handler(Box::new(move |diagnostic| told.lock().unwrap().push(diagnostic.to_string())));
        (hub, clock, lines)
    }

    fn delivered(hub: &Diagnostics, lines: &Lines) -> Vec<String> {
        hub.deliver_queued();
        std::mem::take(&mut lines.lock().unwrap())
    }

    #[test]
    fn a_code_is_told_first_and_then_once_a_minute_with_its_count() {
        let (hub, clock, lines) = hub(DiagnosticsLevel::Warn);
        assert!(hub.report(Code::Xr001, || "lost".into()));
        assert!(!hub.report(Code::Xr001, || unreachable!("held back messages are not built")));
        assert!(hub.report(Code::Xr002, || "no layer".into()));
        assert_eq!(delivered(&hub, &lines), ["XR001: lost", "XR002: no layer"]);
        clock.advance(Duration::from_secs(60) - Duration::from_nanos(1));
        assert!(!hub.report(Code::Xr001, || unreachable!()));
        clock.advance(Duration::from_nanos(1));
        assert!(hub.report(Code::Xr001, || "lost again".into()));
        assert_eq!(delivered(&hub, &lines), ["XR001: lost again (2 more since the last report)"]);
        assert_eq!(delivered(&hub, &lines), [""; 0]);
    }

    #[test]
    fn verbose_tells_all_and_off_nothing() {
        let (hub_verbose, _, lines) = hub(DiagnosticsLevel::Verbose);
        hub_verbose.report(Code::Xr012, || "a".into());
        hub_verbose.report(Code::Xr012, || "b".into());
        hub_verbose.detail(Code::Xr010, || "c".into());
        assert_eq!(delivered(&hub_verbose, &lines), ["XR012: a", "XR012: b", "XR010: c"]);

        let (hub_warn, _, lines) = hub(DiagnosticsLevel::Warn);
        assert!(!hub_warn.detail(Code::Xr010, || unreachable!()));
        assert_eq!(delivered(&hub_warn, &lines), [""; 0]);

        let (hub_off, _, lines) = hub(DiagnosticsLevel::Off);
        assert!(!hub_off.report(Code::Xr001, || unreachable!()));
        assert_eq!(delivered(&hub_off, &lines), [""; 0]);
    }

    #[test]
    fn a_full_queue_holds_back_and_counts() {
        let (hub, _, lines) = hub(DiagnosticsLevel::Verbose);
        for _ in 0..QUEUE + 3 {
            hub.report(Code::Xr005, || "missing".into());
        }
        assert_eq!(delivered(&hub, &lines).len(), QUEUE);
        hub.report(Code::Xr005, || "missing".into());
        assert_eq!(delivered(&hub, &lines), ["XR005: missing (3 more since the last report)"]);
    }

    #[test]
    fn a_handler_that_panics_or_reports_does_no_harm() {
        let clock = ManualClock::new();
        let hub: Arc<std::sync::OnceLock<Diagnostics>> = Arc::default();
        let calls = Arc::new(AtomicU64::new(0));
        let (inner, counted) = (hub.clone(), calls.clone());
        let made = Diagnostics::new(clock, DiagnosticsLevel::Verbose).with_handler(Box::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let hub = inner.get().unwrap();
            hub.report(Code::Xr006, || "caused by the handler".into());
            hub.deliver_queued();
            std::panic::resume_unwind(Box::new("handler failed"));
        }));
        let hub = hub.get_or_init(|| made);
        hub.report(Code::Xr001, || "first".into());
        hub.deliver_queued();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        hub.deliver_queued();
        assert_eq!(calls.load(Ordering::SeqCst), 2);
        assert_eq!(hub.take_panics(), 2);
        assert_eq!(hub.take_panics(), 0);
    }
}
