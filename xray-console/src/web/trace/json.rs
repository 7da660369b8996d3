//! JSON and long text, as far as it is shown: up to a limit, and with nothing in it that is not seen.

use std::io::{self, Write};

use serde::Serialize;

use crate::text::escape;

/// Most bytes of one piece.
const BYTES: usize = 16_384;

/// The value as indented JSON. Of a document with many subsegments it is the beginning: its own members come first.
pub(super) fn pretty(value: &impl Serialize) -> String {
    let mut text = Bounded(Vec::new());
    let is_whole = serde_json::to_writer_pretty(&mut text, value).is_ok();
    let mut text = block(&String::from_utf8_lossy(&text.0));
    if !is_whole {
        text.push_str("\n… (the rest is in the raw trace)");
    }
    text
}

/// Text of several lines.
pub(super) fn block(text: &str) -> String {
    let end = (0..=text.len().min(BYTES)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let (shown, rest) = text.split_at(end);
    let lines: Vec<_> = shown.split('\n').map(|line| escape(line.strip_suffix('\r').unwrap_or(line))).collect();
    let mut block = lines.join("\n");
    if !rest.is_empty() {
        block.push('…');
    }
    block
}

/// Takes so many bytes, then fails.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = BYTES.saturating_sub(self.0.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes.get(..room).unwrap_or_default());
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_and_what_is_invisible_is_shown() {
        assert_eq!(pretty(&serde_json::json!({"a": "b\u{7f}\u{202e}"})), "{\n  \"a\": \"b\\x7f\\u{202e}\"\n}");
        assert_eq!(block("one\r\ntwo\u{1b}[2J"), "one\ntwo\\x1b[2J");
        let long = pretty(&"ü".repeat(BYTES));
        assert!(long.len() < BYTES + 100 && long.ends_with("raw trace)"), "{}", long.len());
        assert_eq!(block(&"ü".repeat(BYTES)).chars().count(), BYTES / 2 + 1);
    }
}
