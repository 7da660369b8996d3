//! One document a line, to any writer: a file, standard output, a pipe.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Emit, EmitError};

/// Writes each document as one line of JSON.
///
/// A line is handed over in one `write_all`, so lines of other writers to the same place do not land in its
/// middle. The writer is flushed when the sender comes to rest, not after each line.
///
/// # Examples
///
/// ```
/// use xray_core::{Emit, JsonLines};
///
/// let lines = JsonLines::new(Vec::new());
/// lines.emit(br#"{"name":"orders"}"#)?;
/// lines.emit(br#"{"name":"stock"}"#)?;
/// assert_eq!(lines.into_inner(), b"{\"name\":\"orders\"}\n{\"name\":\"stock\"}\n");
/// # Ok::<(), xray_core::EmitError>(())
/// ```
pub struct JsonLines<W> {
    inner: Mutex<Inner<W>>,
}

struct Inner<W> {
    writer: W,
    line: Vec<u8>,
}

impl<W> JsonLines<W> {
    /// Lines to `writer`.
    pub fn new(writer: W) -> JsonLines<W> {
        JsonLines { inner: Mutex::new(Inner { writer, line: Vec::new() }) }
    }

    /// The writer, as it is: not flushed.
    pub fn into_inner(self) -> W {
        self.inner.into_inner().unwrap_or_else(PoisonError::into_inner).writer
    }

    fn lock(&self) -> MutexGuard<'_, Inner<W>> {
        // A writer that panicked may have left half a line; the next line is still worth writing.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W: Write + Send + 'static> Emit for JsonLines<W> {
    /// # Errors
    ///
    /// [`EmitError::Io`] with what the writer said.
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        let Inner { writer, line } = &mut *self.lock();
        line.clear();
        // In JSON a raw line break can only stand between tokens, where a blank means the same.
        line.extend(document.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        line.push(b'\n');
        writer.write_all(line)?;
        Ok(())
    }

    fn flush(&self) {
        // A writer that cannot flush fails at its next write too, and that is counted.
        let _ = self.lock().writer.flush();
    }
}

impl<W> fmt::Debug for JsonLines<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufWriter};

    use super::*;

    #[test]
    fn line_breaks_between_tokens_do_not_break_the_line() {
        let lines = JsonLines::new(Vec::new());
        lines.emit(b"{\r\n\"a\": 1}").unwrap();
        assert_eq!(lines.into_inner(), b"{  \"a\": 1}\n");
    }

    #[test]
    fn flush_reaches_the_writer() {
        let lines = JsonLines::new(BufWriter::new(Vec::new()));
        lines.emit(b"{}").unwrap();
        assert_eq!(lines.lock().writer.get_ref(), b"");
        lines.flush();
        assert_eq!(lines.lock().writer.get_ref(), b"{}\n");
    }

    #[test]
    fn a_failing_writer_is_an_error() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = JsonLines::new(Full).emit(b"{}").unwrap_err();
        assert!(matches!(error, EmitError::Io(source) if source.kind() == io::ErrorKind::StorageFull));
    }
}
