//! JSON text, written straight into a byte buffer.
//!
//! Most strings need no escape: eight bytes are looked at together, and clean stretches are copied whole.

use std::fmt;

/// Writes a JSON string with its quotes.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    if let (Some(first), Some(last), true) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>(), bytes.len() <= 16) {
        if hits(u64::from_le_bytes(*first)) | hits(u64::from_le_bytes(*last)) == 0 {
            return short_string::<8, 18>(out, first, last, bytes.len());
        }
    } else if let (Some(first), Some(last), true) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>(), bytes.len() < 8)
    {
        if hits(two_halves(first, last)) == 0 {
            return short_string::<4, 10>(out, first, last, bytes.len());
        }
    }
    out.push(b'"');
    escaped_long(out, bytes);
    out.push(b'"');
}

/// Writes a string of `N` to twice `N` bytes, its first and its last ones, among quotes that are there already: as
/// [`escaped_short`], and without looking for room three times.
#[inline(always)]
fn short_string<const N: usize, const ROOM: usize>(out: &mut Vec<u8>, first: &[u8; N], last: &[u8; N], length: usize) {
    let end = out.len() + length + 2;
    out.extend_from_slice(&[b'"'; ROOM]);
    if let Some(place) = out.last_chunk_mut::<ROOM>() {
        if let Some(place) = place.get_mut(1..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *first;
        }
        if let Some(place) = place.get_mut(length + 1 - N..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *last;
        }
    }
    out.truncate(end);
}

/// Writes the inside of a JSON string.
#[inline]
pub(crate) fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) if bytes.len() <= 16 => escaped_short(out, bytes, *first, *last),
        _ => escaped_long(out, bytes),
    }
}

/// Of eight to sixteen bytes, as most names, values and messages are: looked at and copied as two overlapping words,
/// which takes half of what a look and a copy of unknown length take, 50 instructions less.
#[inline(always)]
fn escaped_short(out: &mut Vec<u8>, bytes: &[u8], first: [u8; 8], last: [u8; 8]) {
    if hits(u64::from_le_bytes(first)) | hits(u64::from_le_bytes(last)) != 0 {
        return each_escaped(out, bytes);
    }
    let end = out.len() + bytes.len();
    out.extend_from_slice(&first);
    out.truncate(end - 8);
    out.extend_from_slice(&last);
}

#[inline(never)]
fn escaped_long(out: &mut Vec<u8>, bytes: &[u8]) {
    if is_clean(bytes) {
        out.extend_from_slice(bytes);
    } else {
        each_escaped(out, bytes);
    }
}

/// Apart from the usual case, which then needs few registers.
#[cold]
#[inline(never)]
fn each_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut clean = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte >= 0x20 && *byte != b'"' && *byte != b'\\' {
            continue;
        }
        out.extend_from_slice(bytes.get(clean..at).unwrap_or_default());
        clean = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let mut hex = *b"\\u0000";
                if let Some(digits) = hex.last_chunk_mut::<2>() {
                    crate::id::write_hex(digits, u64::from(*control));
                }
                out.extend_from_slice(&hex);
            }
        }
    }
    out.extend_from_slice(bytes.get(clean..).unwrap_or_default());
}

/// No byte is a quote, a backslash or a control character.
#[inline]
fn is_clean(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else { return is_clean_short(bytes) };
    // The last eight may have been seen in part: looking twice costs less than byte by byte.
    let mut words = bytes.chunks_exact(8).filter_map(|chunk| chunk.first_chunk::<8>());
    !(words.any(|word| word_needs_escape(u64::from_le_bytes(*word))) || word_needs_escape(u64::from_le_bytes(*last)))
}

/// As [`is_clean`], and none of these bytes is there either: one look where it takes two otherwise.
pub(crate) fn is_clean_without(bytes: &[u8], others: [u8; 3]) -> bool {
    let Some(last) = bytes.last_chunk::<8>() else {
        return is_clean_short(bytes) && !bytes.iter().any(|byte| others.contains(byte));
    };
    let lanes = others.map(|byte| ONES * u64::from(byte));
    let is_suspect = |word: u64| {
        let [first, second, third] = lanes.map(|lane| (word ^ lane).wrapping_sub(ONES));
        (hits(word) | (first | second | third) & !word & HIGH) != 0
    };
    let mut words = bytes.chunks_exact(8).filter_map(|chunk| chunk.first_chunk::<8>());
    !(words.any(|word| is_suspect(u64::from_le_bytes(*word))) || is_suspect(u64::from_le_bytes(*last)))
}

/// The same of less than eight bytes.
#[inline]
fn is_clean_short(bytes: &[u8]) -> bool {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(first), Some(last)) => hits(two_halves(first, last)) == 0,
        _ => !bytes.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\'),
    }
}

fn two_halves(first: &[u8; 4], last: &[u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
}

/// The same for eight bytes at a time.
fn word_needs_escape(word: u64) -> bool {
    hits(word) != 0
}

/// The high bit of a byte shows that it needs an escape, or that one below it does. A byte above 0x7f never needs one.
#[inline(always)]
fn hits(word: u64) -> u64 {
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | backslash | control) & !word & HIGH
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Writes an unsigned number.
pub(crate) fn unsigned(out: &mut Vec<u8>, value: u64) {
    if value >= 10_000 {
        return long(out, value);
    }
    let ([a, b], [c, d]) = (two_digits(value as usize / 100), two_digits(value as usize % 100));
    match value {
        0..10 => out.push(d),
        10..100 => out.extend_from_slice(&[c, d]),
        100..1000 => out.extend_from_slice(&[b, c, d]),
        _ => out.extend_from_slice(&[a, b, c, d]),
    }
}

#[inline(never)]
fn long(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - used..).unwrap_or_default());
}

/// The digits of a number below 100.
pub(crate) fn two_digits(number: usize) -> [u8; 2] {
    TWO_DIGITS.get(number).copied().unwrap_or_default()
}

#[allow(clippy::indexing_slicing)] // at compile time
const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// The digits of a number below 1000, and a zero byte: three times a node, where pairs of digits took half as many
/// instructions again.
#[inline(always)]
pub(crate) fn three_digits(number: usize) -> [u8; 4] {
    THREE_DIGITS.get(number).copied().unwrap_or_default()
}

#[allow(clippy::indexing_slicing)] // at compile time
static THREE_DIGITS: [[u8; 4]; 1000] = {
    let mut all = [[0; 4]; 1000];
    let mut number = 0;
    while number < 1000 {
        let [tens, ones] = TWO_DIGITS[number % 100];
        all[number] = [b'0' + (number / 100) as u8, tens, ones, 0];
        number += 1;
    }
    all
};

/// Writes a boolean.
pub(crate) fn boolean(out: &mut Vec<u8>, value: bool) {
    if value {
        out.extend_from_slice(b"true");
    } else {
        out.extend_from_slice(b"false");
    }
}

/// Writes a signed number.
pub(crate) fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    unsigned(out, value.unsigned_abs());
}

/// Writes a fractional number; JSON has no NaN and no infinity, so these become strings.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    use std::io::Write;
    // Writing to a Vec cannot fail.
    let _ = if value.is_finite() { write!(out, "{value:?}") } else { write!(out, "\"{value}\"") };
}

/// Takes formatted text, escapes it into a buffer, and stops at a number of bytes.
#[derive(Debug)]
pub(crate) struct Escaper<'a> {
    out: &'a mut Vec<u8>,
    room: usize,
    /// Length of `out` up to which the text stays when the rest turns out too long; known near the end of the room.
    kept: Option<usize>,
    cut: bool,
}

impl<'a> Escaper<'a> {
    /// At most `room` bytes of text (before escaping) are taken, with the mark where it is cut.
    pub(crate) fn new(out: &'a mut Vec<u8>, room: usize) -> Escaper<'a> {
        Escaper { out, room, kept: None, cut: false }
    }

    /// Takes what fits.
    fn take(&mut self, text: &str) {
        self.room -= text.len();
        escaped(self.out, text);
    }

    /// Ends the text: a cut one gets a visible mark. True when it was cut.
    pub(crate) fn finish(self) -> bool {
        if self.cut {
            self.out.extend_from_slice(CUT_MARK.as_bytes());
        }
        self.cut
    }
}

impl fmt::Write for Escaper<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Room for the mark is left, whatever comes: nothing is near the end yet.
        if self.kept.is_none() && text.len() + CUT_MARK.len() <= self.room {
            self.take(text);
            return Ok(());
        }
        self.write_near_end(text)
    }
}

impl Escaper<'_> {
    #[cold]
    #[inline(never)]
    fn write_near_end(&mut self, text: &str) -> fmt::Result {
        if self.cut {
            return Err(fmt::Error);
        }
        let before_mark = self.room.saturating_sub(CUT_MARK.len());
        let mut rest = text;
        if self.kept.is_none() && text.len() > before_mark {
            let end = (0..=before_mark).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            let (first, last) = text.split_at_checked(end).unwrap_or((text, ""));
            self.take(first);
            self.kept = Some(self.out.len());
            rest = last;
        }
        if rest.len() <= self.room {
            self.take(rest);
            return Ok(());
        }
        self.out.truncate(self.kept.unwrap_or(self.out.len()));
        self.cut = true;
        // An error ends the formatting: nobody pays for text that is not kept.
        Err(fmt::Error)
    }
}

/// Stands behind text that was cut.
pub(crate) const CUT_MARK: &str = "…[cut]";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in "\\PC{0,40}|[\\x00-\\x7f]{0,40}") {
            let mut out = Vec::new();
            string(&mut out, &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn numbers_read_back(unsigned_value: u64, signed_value: i64, float_value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            let mut out = Vec::new();
            unsigned(&mut out, unsigned_value);
            prop_assert_eq!(serde_json::from_slice::<u64>(&out).unwrap(), unsigned_value);
            out.clear();
            signed(&mut out, signed_value);
            prop_assert_eq!(serde_json::from_slice::<i64>(&out).unwrap(), signed_value);
            out.clear();
            float(&mut out, float_value);
            let read: f64 = serde_json::from_slice(&out).unwrap();
            prop_assert!((read - float_value).abs() <= float_value.abs() * 1e-15);
        }

        #[test]
        fn eight_bytes_together_find_what_each_alone_does(word: [u8; 8]) {
            let alone = word.iter().any(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
            prop_assert_eq!(word_needs_escape(u64::from_le_bytes(word)), alone);
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character_with_a_mark() {
        for (parts, kept) in [
            (&["ab", "日本語", "de"][..], "ab日本語de"),
            (&["ab", "日本語", "def"], "ab日…[cut]"),
            (&["ab日本語def"], "ab日…[cut]"),
            (&["abcdefghijkl", "m", "n"], "abcde…[cut]"),
            (&["abcdefghijklm"], "abcdefghijklm"),
        ] {
            let mut out = Vec::new();
            let mut escaper = Escaper::new(&mut out, 13);
            let _ = parts.iter().try_for_each(|part| escaper.write_str(part));
            assert_eq!(escaper.finish(), kept.ends_with("[cut]"));
            assert_eq!(String::from_utf8(out).unwrap(), kept);
        }
    }

    #[test]
    fn numbers_that_json_lacks_become_strings() {
        let mut out = Vec::new();
        float(&mut out, f64::NAN);
        out.push(b',');
        float(&mut out, f64::INFINITY);
        assert_eq!(out, b"\"NaN\",\"inf\"");
    }
}
