//! Trace ids and segment ids, as the text that X-Ray knows.
//!
//! Both are kept as their ASCII text, inline: an id that came from outside goes on exactly as it came
//! (either case of hex is legal), and writing one is a copy. Ids are compared as text: the same digits in
//! another case are another id.
//!
//! Source: X-Ray Developer Guide, "Segment documents" (fields `trace_id` and `id`).

use std::fmt;
use std::str::FromStr;

use crate::entropy::Entropy;

/// A trace id: `1-{8 hex digits: epoch seconds}-{24 hex digits}`, 35 characters.
///
/// The digits keep the case they came in; X-Ray's own are lower case. The time part is not checked:
/// ids made from W3C trace ids hold random digits there, and X-Ray accepts them.
///
/// # Examples
///
/// ```
/// use xray_core::TraceId;
///
/// let id: TraceId = "1-5759e988-bd862e3fe1be46a994272793".parse()?;
/// assert_eq!(id.epoch_seconds(), 0x5759e988);
/// assert_eq!(id.to_string(), "1-5759e988-bd862e3fe1be46a994272793");
/// # Ok::<(), xray_core::ParseTraceIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; TraceId::LEN]);

impl TraceId {
    /// Characters of a trace id.
    pub const LEN: usize = 35;

    /// A new id: the time part from `epoch_seconds` (seconds since the Unix epoch), the other 96 bits from
    /// `entropy`.
    pub fn new(epoch_seconds: u32, entropy: &dyn Entropy) -> TraceId {
        let mut text = *b"1-00000000-000000000000000000000000";
        write_hex(&mut text[2..10], u64::from(epoch_seconds));
        write_hex(&mut text[11..19], entropy.next_u64());
        write_hex(&mut text[19..35], entropy.next_u64());
        TraceId(text)
    }

    /// The id of the W3C trace id with these 32 hex digits: the first eight become the time part.
    ///
    /// # Errors
    ///
    /// [`ParseTraceIdError`] when `hex` is not exactly 32 hex digits, of either case.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::TraceId;
    ///
    /// let id = TraceId::from_w3c("5759e988bd862e3fe1be46a994272793")?;
    /// assert_eq!(id.as_str(), "1-5759e988-bd862e3fe1be46a994272793");
    /// # Ok::<(), xray_core::ParseTraceIdError>(())
    /// ```
    pub fn from_w3c(hex: &str) -> Result<TraceId, ParseTraceIdError> {
        TraceId::from_w3c_bytes(hex.as_bytes())
    }

    pub(crate) fn from_w3c_bytes(hex: &[u8]) -> Result<TraceId, ParseTraceIdError> {
        let hex: &[u8; 32] = hex.try_into().map_err(|_| ParseTraceIdError::Length { found: hex.len() })?;
        let (time, rest) = hex.split_at(8);
        let mut text = *b"1-00000000-000000000000000000000000";
        text[2..10].copy_from_slice(time);
        text[11..35].copy_from_slice(rest);
        TraceId::check(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as ASCII bytes.
    pub fn as_bytes(&self) -> &[u8; TraceId::LEN] {
        &self.0
    }

    /// The time part: seconds since the Unix epoch by convention, not by check.
    pub fn epoch_seconds(&self) -> u32 {
        self.0[2..10].iter().fold(0, |sum, digit| sum << 4 | hex_value(*digit))
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Result<TraceId, ParseTraceIdError> {
        let text = text.try_into().map_err(|_| ParseTraceIdError::Length { found: text.len() })?;
        TraceId::check(text)
    }

    /// True for the id that is all zeros, which stands for "no trace" in official SDKs.
    pub fn is_zero(&self) -> bool {
        self.0[2..].iter().all(|digit| matches!(digit, b'0' | b'-'))
    }

    fn check(text: [u8; TraceId::LEN]) -> Result<TraceId, ParseTraceIdError> {
        let shape = text[0] == b'1' && text[1] == b'-' && text[10] == b'-';
        let hex = text[2..10].iter().chain(&text[11..]).all(u8::is_ascii_hexdigit);
        if shape && hex { Ok(TraceId(text)) } else { Err(ParseTraceIdError::Shape) }
    }
}

impl FromStr for TraceId {
    type Err = ParseTraceIdError;

    fn from_str(text: &str) -> Result<TraceId, ParseTraceIdError> {
        TraceId::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({})", self.as_str())
    }
}

/// Why a text is not a trace id. The text itself is not kept: it may come from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTraceIdError {
    /// A trace id has 35 characters, a W3C one 32.
    #[error("trace id has {found} bytes; it must have the form 1-8hex-24hex, 35 characters")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// The version is not 1, a hyphen is missing, or a digit is not hexadecimal.
    #[error("trace id does not have the form 1-8hex-24hex")]
    Shape,
}

/// The id of a segment or subsegment: 16 hex digits, unique in its trace.
///
/// # Examples
///
/// ```
/// use xray_core::SegmentId;
///
/// let id: SegmentId = "53995c3f42cd8ad8".parse()?;
/// assert_eq!(id, SegmentId::from_u64(0x5399_5c3f_42cd_8ad8));
/// # Ok::<(), xray_core::ParseSegmentIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId([u8; SegmentId::LEN]);

impl SegmentId {
    /// Characters of a segment id.
    pub const LEN: usize = 16;

    /// The id with this value, in lower-case hex with leading zeros.
    pub fn from_u64(value: u64) -> SegmentId {
        let mut text = [b'0'; SegmentId::LEN];
        write_hex(&mut text, value);
        SegmentId(text)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The id as ASCII bytes.
    pub fn as_bytes(&self) -> &[u8; SegmentId::LEN] {
        &self.0
    }

    pub(crate) fn from_bytes(text: &[u8]) -> Result<SegmentId, ParseSegmentIdError> {
        let text: [u8; SegmentId::LEN] = text.try_into().map_err(|_| ParseSegmentIdError)?;
        let hex = text.iter().all(u8::is_ascii_hexdigit);
        if hex { Ok(SegmentId(text)) } else { Err(ParseSegmentIdError) }
    }
}

impl FromStr for SegmentId {
    type Err = ParseSegmentIdError;

    fn from_str(text: &str) -> Result<SegmentId, ParseSegmentIdError> {
        SegmentId::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SegmentId({})", self.as_str())
    }
}

/// The text is not 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("segment id is not 16 hex digits")]
pub struct ParseSegmentIdError;

/// Fills `out` with the low `out.len()` hex digits of `value`, lower case. At most 16.
pub(crate) fn write_hex(out: &mut [u8], value: u64) {
    let digits = hex(value);
    for (place, digit) in out.iter_mut().rev().zip(digits.iter().rev()) {
        *place = *digit;
    }
}

/// The 16 hex digits of a number, lower case. By a table: ids are a good part of a document, and arithmetic on eight
/// digits at a time took twice the instructions.
pub(crate) fn hex(value: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (place, byte) in digits.chunks_exact_mut(2).zip(value.to_be_bytes()) {
        place.copy_from_slice(&HEX.get(usize::from(byte)).copied().unwrap_or_default());
    }
    digits
}

/// The two digits of each byte.
#[allow(clippy::indexing_slicing)] // at compile time
const HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

fn hex_value(digit: u8) -> u32 {
    char::from(digit).to_digit(16).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Fixed(u64);

    impl Entropy for Fixed {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn a_new_id_has_leading_zeros_and_lower_case() {
        let id = TraceId::new(0xab, &Fixed(0xc));
        assert_eq!(id.as_str(), "1-000000ab-0000000c000000000000000c");
        let id = TraceId::new(u32::MAX, &Fixed(u64::MAX));
        assert_eq!(id.as_str(), "1-ffffffff-ffffffffffffffffffffffff");
        assert_eq!(SegmentId::from_u64(0xabc).as_str(), "0000000000000abc");
    }

    #[test]
    fn what_is_not_an_id_is_refused_with_the_reason() {
        let length = |text: &str| Err(ParseTraceIdError::Length { found: text.len() });
        for text in ["", "1-5759e988-bd862e3fe1be46a99427279", "1-5759e988-bd862e3fe1be46a9942727933"] {
            assert_eq!(text.parse::<TraceId>(), length(text));
        }
        for text in [
            "2-5759e988-bd862e3fe1be46a994272793",
            "1_5759e988-bd862e3fe1be46a994272793",
            "1-5759e988_bd862e3fe1be46a994272793",
            "1-5759e98g-bd862e3fe1be46a994272793",
            "1-5759e988-bd862e3fe1be46a99427279 ",
            "1-5759e988-bd862e3fe1be46a9942727\u{e9}",
        ] {
            assert_eq!(text.parse::<TraceId>(), Err(ParseTraceIdError::Shape), "{text}");
        }
        for text in ["", "53995c3f42cd8ad", "53995c3f42cd8ad80", "53995c3f42cd8adg", "53995c3f42cd8a\u{e9}"] {
            assert_eq!(text.parse::<SegmentId>(), Err(ParseSegmentIdError), "{text}");
        }
    }

    #[test]
    fn a_w3c_id_is_32_hex_digits_of_either_case() {
        let id = TraceId::from_w3c("5759E988bd862e3fe1be46a994272793").unwrap();
        assert_eq!(id.as_str(), "1-5759E988-bd862e3fe1be46a994272793");
        assert_eq!(id.epoch_seconds(), 0x5759_e988);
        for text in ["", "5759e988bd862e3fe1be46a99427279", "1-5759e988-bd862e3fe1be46a994272793"] {
            assert_eq!(TraceId::from_w3c(text), Err(ParseTraceIdError::Length { found: text.len() }));
        }
        let no_hex = "5759e988bd862e3fe1be46a99427279g";
        assert_eq!(TraceId::from_w3c(no_hex), Err(ParseTraceIdError::Shape));
    }

    proptest! {
        #[test]
        fn ids_print_and_parse_to_themselves(time in any::<u32>(), random in any::<u64>()) {
            let trace = TraceId::new(time, &Fixed(random));
            prop_assert_eq!(trace.to_string().parse(), Ok(trace));
            prop_assert_eq!(trace.epoch_seconds(), time);
            let segment = SegmentId::from_u64(random);
            prop_assert_eq!(segment.to_string().parse(), Ok(segment));
            prop_assert_eq!(u64::from_str_radix(segment.as_str(), 16), Ok(random));
        }

        #[test]
        fn any_text_is_an_id_that_prints_the_same_or_is_refused_quietly(text in "(1-[0-9a-fA-Fg]{8}-[0-9a-fA-F]{23,24})|([0-9a-fA-F]{15,17})|.{0,40}") {
            if let Ok(id) = text.parse::<TraceId>() {
                prop_assert_eq!(id.to_string(), text.clone());
            }
            if let Ok(id) = text.parse::<SegmentId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
