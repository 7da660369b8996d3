//! The way out: from a finished document to whoever reads it.
//!
//! An [`Emit`] carries one document at a time. The layer calls it on its own sender thread, never on a
//! thread of the host, so an emitter may take its time; what waits meanwhile is bounded and counted.
//!
//! | emitter | takes documents to |
//! |---|---|
//! | `Udp` (feature `udp`) | the X-Ray daemon, one datagram each |
//! | [`JsonLines`] | any writer, one line each |
//! | [`Capture`] | memory, for tests |

mod address;
mod capture;
mod json_lines;
#[cfg(test)]
pub(crate) mod manual_clock;
#[cfg(feature = "layer")]
pub(crate) mod outlet;
#[cfg(feature = "layer")]
pub(crate) mod pipeline;
#[cfg(feature = "udp")]
mod udp;

use std::io;
use std::sync::Arc;

pub use address::{AddressFault, DaemonAddress, Endpoint, ParseDaemonAddressError};
pub use capture::Capture;
pub use json_lines::JsonLines;
#[cfg(feature = "udp")]
pub use udp::Udp;

/// Carries documents out of the process.
///
/// Called from one thread at a time by the layer, on its sender thread, where `tracing` events go
/// nowhere; in synchronous delivery (AWS Lambda) on whichever threads end segments, perhaps several at a time. A panic is
/// caught and counted, and the document is lost.
///
/// # Examples
///
/// ```
/// use xray_core::{Emit, EmitError};
///
/// struct Stdout;
///
/// impl Emit for Stdout {
///     fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
///         println!("{}", String::from_utf8_lossy(document));
///         Ok(())
///     }
/// }
/// ```
pub trait Emit: Send + Sync + 'static {
    /// Sends one document: JSON text in UTF-8, without the daemon's header line.
    ///
    /// # Errors
    ///
    /// The document did not leave. After [`EmitError::TooLarge`] the layer splits it and tries again;
    /// any other error is counted and the document dropped.
    fn emit(&self, document: &[u8]) -> Result<(), EmitError>;

    /// Passes on what the emitter holds back. Called when the sender comes to rest and by a flush.
    fn flush(&self) {}

    /// Gives up connections made before the process was stopped and restored elsewhere (Lambda SnapStart); the next
    /// document opens new ones.
    fn reopen(&self) {}

    /// What has been found lost since the last call among documents that [`Emit::emit`] took.
    ///
    /// A datagram that nobody listens to is refused only when the next one is sent. Asked after each
    /// document and each flush; each loss is told once.
    fn lost(&self) -> Option<Lost> {
        None
    }
}

impl<E: Emit + ?Sized> Emit for Arc<E> {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        (**self).emit(document)
    }

    fn flush(&self) {
        (**self).flush();
    }

    fn reopen(&self) {
        (**self).reopen();
    }

    fn lost(&self) -> Option<Lost> {
        (**self).lost()
    }
}

/// Documents that were taken and then lost.
#[derive(Debug)]
pub struct Lost {
    /// How many; at least 1.
    pub documents: u64,
    /// Why, for the latest of them.
    pub error: EmitError,
}

/// Why a document did not leave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The transport cannot carry a document of this size.
    #[error("document is too large for the transport")]
    TooLarge {
        /// Largest document that fits, bytes; `None` when the transport does not say.
        limit: Option<usize>,
    },
    /// The destination has no address, no route, or nobody listening.
    #[error("{destination} cannot be reached")]
    Unreachable {
        /// What was tried, such as `udp 127.0.0.1:2000`.
        destination: String,
        /// What the system said.
        source: io::Error,
    },
    /// Any other failure of the transport or the writer.
    #[error("document cannot be written")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arc_of_an_emitter_is_the_emitter() {
        struct Told;
        impl Emit for Told {
            fn emit(&self, _: &[u8]) -> Result<(), EmitError> {
                Err(EmitError::TooLarge { limit: Some(7) })
            }
            fn lost(&self) -> Option<Lost> {
                Some(Lost { documents: 2, error: EmitError::TooLarge { limit: None } })
            }
        }
        let shared: Arc<dyn Emit> = Arc::new(Told);
        assert!(matches!(shared.emit(b"{}"), Err(EmitError::TooLarge { limit: Some(7) })));
        assert_eq!(Emit::lost(&shared).map(|lost| lost.documents), Some(2));
    }

    #[test]
    fn emitters_can_be_shared() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Capture>();
        shared::<JsonLines<std::io::Stdout>>();
        shared::<DaemonAddress>();
        shared::<EmitError>();
        #[cfg(feature = "udp")]
        shared::<Udp>();
    }
}
