//! The W3C `traceparent` header, which speaks when no trace header does.
//!
//! ```text
//! 00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01
//! ```
//!
//! Version 00 is read to the letter: lower-case hex, 55 characters, no id of zeros. A later version is read
//! by its first four fields, as the recommendation asks; version ff is refused. Of the flags only `sampled`
//! (bit 0) is looked at. `tracestate` is not read.
//!
//! Source: W3C Recommendation "Trace Context", section 3.2.

use super::{Sampled, TraceHeader};
use crate::{SegmentId, TraceId};

/// The trace header that says the same, or why the value cannot be used.
pub(super) fn read(value: &[u8]) -> Result<TraceHeader, &'static str> {
    let value = value.trim_ascii();
    let Some((fields, rest)) = value.split_at_checked(LEN) else {
        return Err("shorter than 55 characters");
    };
    let mut fields = fields.split(|byte| *byte == b'-');
    let mut field = |len: usize| {
        let is_field = |text: &&[u8]| text.len() == len && text.iter().all(is_lower_hex);
        fields.next().filter(is_field).ok_or("a field has the wrong length or is not lower-case hex")
    };
    let (version, trace, parent, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
    match (version, rest.first()) {
        (b"ff", _) => return Err("version ff is not allowed"),
        (b"00", Some(_)) => return Err("longer than version 00 allows"),
        (_, Some(byte)) if *byte != b'-' => return Err("fields are not separated by a hyphen"),
        _ => {}
    }
    if is_zero(trace) || is_zero(parent) {
        return Err("an id is all zeros");
    }
    let root = TraceId::from_w3c_bytes(trace).map_err(|_| "trace id is not hex")?;
    let parent = SegmentId::from_bytes(parent).map_err(|_| "parent id is not hex")?;
    let low_digit = flags.last().and_then(|digit| char::from(*digit).to_digit(16));
    let sampled = low_digit.is_some_and(|digit| digit & 1 == 1);
    Ok(TraceHeader::new(root).with_parent(parent).with_sampled(Sampled::from(sampled)))
}

/// Characters of a version 00 value, and the least of any later one.
const LEN: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

fn is_lower_hex(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn is_zero(id: &[u8]) -> bool {
    id.iter().all(|digit| *digit == b'0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "5759e988bd862e3fe1be46a994272793";
    const PARENT: &str = "53995c3f42cd8ad8";

    fn read(text: &str) -> Option<String> {
        super::read(text.as_bytes()).ok().map(|header| header.to_string())
    }

    fn joined(sampled: u8) -> Option<String> {
        let root = "1-5759e988-bd862e3fe1be46a994272793";
        Some(format!("Root={root};Parent={PARENT};Sampled={sampled}"))
    }

    #[test]
    fn the_first_eight_digits_become_the_time_and_bit_0_the_decision() {
        assert_eq!(read(&format!("00-{TRACE}-{PARENT}-01")), joined(1));
        assert_eq!(read(&format!("00-{TRACE}-{PARENT}-00")), joined(0));
        assert_eq!(read(&format!(" 00-{TRACE}-{PARENT}-00\t")), joined(0));
        for (digit, sampled) in "0123456789abcdef".chars().zip([0, 1].into_iter().cycle()) {
            assert_eq!(read(&format!("00-{TRACE}-{PARENT}-f{digit}")), joined(sampled), "{digit}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_first_four_fields() {
        assert_eq!(read(&format!("01-{TRACE}-{PARENT}-01")), joined(1));
        assert_eq!(read(&format!("cc-{TRACE}-{PARENT}-01-what-the-future-brings")), joined(1));
        assert_eq!(read(&format!("cc-{TRACE}-{PARENT}-01-")), joined(1));
        assert_eq!(read(&format!("cc-{TRACE}-{PARENT}-01.what")), None);
        assert_eq!(read(&format!("ff-{TRACE}-{PARENT}-01")), None);
    }

    #[test]
    fn version_00_is_read_to_the_letter() {
        let refused = [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-1"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("00-{TRACE}-{PARENT}-011"),
            format!("00-{TRACE}-{PARENT}-0x"),
            format!("0-{TRACE}-{PARENT}-001"),
            format!("00-{TRACE}-{}-01", PARENT.to_uppercase()),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{TRACE}{PARENT}--01"),
            format!("00-{}-{PARENT}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
        ];
        for text in refused {
            assert_eq!(read(&text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(header) = super::read(&bytes) {
                prop_assert!(header.parent().is_some());
            }
        }

        #[test]
        fn every_valid_value_is_joined(trace in "[0-9a-f]{31}[1-9a-f]", parent in "[1-9a-f][0-9a-f]{15}", flags in any::<u8>()) {
            let header = super::read(format!("00-{trace}-{parent}-{flags:02x}").as_bytes()).unwrap();
            prop_assert_eq!(header.root().as_str().replace('-', ""), format!("1{trace}"));
            prop_assert_eq!(header.parent(), parent.parse().ok());
            prop_assert_eq!(header.sampled(), Some(Sampled::from(flags & 1 == 1)));
        }
    }
}
