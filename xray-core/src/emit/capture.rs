//! Documents kept in memory, for tests.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Emit, EmitError};

/// Keeps each document as text. Clones share one list.
///
/// For tests. It holds 100,000 documents at most; what comes after is an error, so that a test which
/// forgot to read it cannot take all memory.
///
/// # Examples
///
/// ```
/// use xray_core::{Capture, Emit};
///
/// let capture = Capture::new();
/// capture.emit(br#"{"name":"orders"}"#)?;
/// assert_eq!(capture.documents(), [r#"{"name":"orders"}"#]);
/// assert_eq!(capture.take().len(), 1);
/// assert!(capture.documents().is_empty());
/// # Ok::<(), xray_core::EmitError>(())
/// ```
#[derive(Clone, Default)]
pub struct Capture {
    documents: Arc<Mutex<Vec<String>>>,
}

impl Capture {
    /// Documents kept at most.
    pub const LIMIT: usize = 100_000;

    /// An empty one.
    pub fn new() -> Capture {
        Capture::default()
    }

    /// A copy of the documents so far, oldest first.
    pub fn documents(&self) -> Vec<String> {
        self.with(|documents| documents.clone())
    }

    /// The documents so far, oldest first; none are kept.
    pub fn take(&self) -> Vec<String> {
        self.with(std::mem::take)
    }

    fn with<T>(&self, action: impl FnOnce(&mut Vec<String>) -> T) -> T {
        action(&mut self.documents.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Emit for Capture {
    /// # Errors
    ///
    /// [`EmitError::Io`] when the document is not UTF-8 or the list is full.
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        let text = std::str::from_utf8(document).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.with(|documents| {
            if documents.len() >= Capture::LIMIT {
                return Err(io::Error::other("capture is full").into());
            }
            documents.push(text.to_owned());
            Ok(())
        })
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").field("documents", &self.with(|documents| documents.len())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_and_take_empties() {
        let capture = Capture::new();
        capture.clone().emit(b"1").unwrap();
        capture.emit(b"2").unwrap();
        assert_eq!(capture.take(), ["1", "2"]);
        assert_eq!(capture.documents(), [""; 0]);
    }

    #[test]
    fn a_full_capture_refuses() {
        let capture = Capture::new();
        capture.with(|documents| documents.resize(Capture::LIMIT, String::new()));
        assert!(matches!(capture.emit(b"{}"), Err(EmitError::Io(_))));
        assert_eq!(capture.documents().len(), Capture::LIMIT);
    }

    #[test]
    fn text_that_is_not_utf8_is_refused() {
        assert!(matches!(Capture::new().emit(&[0xff]), Err(EmitError::Io(_))));
    }
}
