//! The header's value once it is understood, and how it is written.

use std::fmt;

use super::data::Data;
use crate::{SegmentId, TraceId};

/// What a header says about the decision. A header may also say nothing: `Option<Sampled>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sampled {
    /// `Sampled=1`: record.
    Yes,
    /// `Sampled=0`: do not record.
    No,
    /// `Sampled=?`: not decided; the caller wants to read our decision in the response.
    Requested,
}

impl Sampled {
    /// The decision, if one has been made: `None` for [`Sampled::Requested`].
    pub fn decided(self) -> Option<bool> {
        match self {
            Sampled::Yes => Some(true),
            Sampled::No => Some(false),
            Sampled::Requested => None,
        }
    }

    /// The header's element with its separator, `;Sampled=…`.
    fn element(self) -> &'static str {
        match self {
            Sampled::Yes => ";Sampled=1",
            Sampled::No => ";Sampled=0",
            Sampled::Requested => ";Sampled=?",
        }
    }
}

impl From<bool> for Sampled {
    fn from(sampled: bool) -> Sampled {
        if sampled { Sampled::Yes } else { Sampled::No }
    }
}

/// A trace header with a usable root.
///
/// `Display` writes `Root=…;Parent=…;Sampled=…;data`, leaving out what is absent: visible ASCII, at most
/// [`TraceHeader::MAX_LEN`] bytes. [`FromStr`](std::str::FromStr) and [`TraceHeader::parse_bytes`] read it
/// by the rules of [this module](crate::header).
///
/// # Examples
///
/// ```
/// use xray_core::{Sampled, TraceHeader};
///
/// let text = "Self=1-67891233-abcdef012345678912345678; root=1-5759e988-bd862e3fe1be46a994272793; Sampled=?";
/// let header: TraceHeader = text.parse()?;
/// assert_eq!(header.sampled(), Some(Sampled::Requested));
///
/// let onward = header.with_parent("53995c3f42cd8ad8".parse()?).with_sampled(Sampled::Yes);
/// assert_eq!(
///     onward.to_string(),
///     "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceHeader {
    root: TraceId,
    parent: Option<SegmentId>,
    sampled: Option<Sampled>,
    data: Option<Box<str>>,
}

impl TraceHeader {
    /// Most bytes of a header that are read; what follows is ignored.
    ///
    /// Ours to choose: 25 times the longest header we write, and what most HTTP servers allow all headers together.
    pub const MAX_READ: usize = 8 * 1024;

    /// Most bytes of [`data`](TraceHeader::data), separators between its parts included.
    /// Source: the Node SDK, which alone of the official ones has a bound.
    pub const MAX_DATA: usize = 256;

    /// Most bytes that `Display` writes.
    pub const MAX_LEN: usize = "Root=".len()
        + TraceId::LEN
        + PARENT.len()
        + SegmentId::LEN
        + ";Sampled=?".len()
        + ";".len()
        + TraceHeader::MAX_DATA;

    /// A header with this root and nothing else.
    pub fn new(root: TraceId) -> TraceHeader {
        TraceHeader { root, parent: None, sampled: None, data: None }
    }

    /// The same header with this parent.
    #[must_use]
    pub fn with_parent(mut self, parent: SegmentId) -> TraceHeader {
        self.parent = Some(parent);
        self
    }

    /// The same header with this decision.
    #[must_use]
    pub fn with_sampled(mut self, sampled: Sampled) -> TraceHeader {
        self.sampled = Some(sampled);
        self
    }

    /// The same header with this data instead of its own: `key=value;key=value`, as
    /// [`data`](TraceHeader::data) of another header returned it.
    ///
    /// The rules of reading apply: parts that are not visible ASCII, that have no value, that use a key of the
    /// header itself (`Root`, `Parent`, `Sampled`, `Self`) or that do not fit are left out.
    #[must_use]
    pub fn with_data(mut self, data: &str) -> TraceHeader {
        self.data = Data::of(data.as_bytes());
        self
    }

    /// Root: the id of the trace.
    pub fn root(&self) -> TraceId {
        self.root
    }

    /// Parent: the id of the sender's segment or subsegment.
    pub fn parent(&self) -> Option<SegmentId> {
        self.parent
    }

    /// Sampled: the sender's decision, if it says anything.
    pub fn sampled(&self) -> Option<Sampled> {
        self.sampled
    }

    /// `Lineage` and unknown keys as `key=value;key=value` in the order they came, or an empty text.
    ///
    /// At most [`TraceHeader::MAX_DATA`] bytes of visible ASCII. To be carried unchanged to the next service.
    pub fn data(&self) -> &str {
        self.data.as_deref().unwrap_or_default()
    }

    /// Appends the text that `Display` writes.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        // Room for all but the data, which few headers have: writing piece by piece would grow the buffer four times.
        out.reserve(TraceHeader::MAX_LEN - TraceHeader::MAX_DATA + self.data().len());
        self.pieces(|piece| out.extend_from_slice(piece));
    }

    pub(super) fn from_parts(
        root: TraceId,
        parent: Option<SegmentId>,
        sampled: Option<Sampled>,
        data: Option<Box<str>>,
    ) -> TraceHeader {
        TraceHeader { root, parent, sampled, data }
    }

    /// All ASCII. As bytes: an id would be looked through to become a `str`, which takes longer than to copy it.
    fn pieces(&self, mut each: impl FnMut(&[u8])) {
        each(b"Root=");
        each(self.root.as_bytes());
        if let Some(parent) = &self.parent {
            each(PARENT.as_bytes());
            each(parent.as_bytes());
        }
        if let Some(sampled) = self.sampled {
            each(sampled.element().as_bytes());
        }
        if let Some(data) = &self.data {
            each(b";");
            each(data.as_bytes());
        }
    }
}

const PARENT: &str = ";Parent=";

impl fmt::Display for TraceHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.pieces(|piece| {
            if result.is_ok() {
                result = f.write_str(std::str::from_utf8(piece).unwrap_or_default());
            }
        });
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

    fn root() -> TraceHeader {
        TraceHeader::new(ROOT.parse().unwrap())
    }

    #[test]
    fn absent_parts_leave_no_trace_in_the_text() {
        let parent = "53995c3f42cd8ad8".parse().unwrap();
        let cases = [
            (root(), ""),
            (root().with_parent(parent), ";Parent=53995c3f42cd8ad8"),
            (root().with_sampled(Sampled::Yes), ";Sampled=1"),
            (root().with_sampled(Sampled::No), ";Sampled=0"),
            (root().with_sampled(Sampled::Requested), ";Sampled=?"),
            (root().with_data("Lineage=a:1|b:2"), ";Lineage=a:1|b:2"),
            (
                root().with_data("k=v").with_sampled(Sampled::No).with_parent(parent),
                ";Parent=53995c3f42cd8ad8;Sampled=0;k=v",
            ),
        ];
        for (header, rest) in cases {
            assert_eq!(header.to_string(), format!("Root={ROOT}{rest}"));
        }
    }

    #[test]
    fn write_to_appends_what_display_writes() {
        let header = root().with_sampled(Sampled::Yes).with_data("a=1");
        let mut out = b"before ".to_vec();
        header.write_to(&mut out);
        assert_eq!(out, format!("before {header}").as_bytes());
    }

    #[test]
    fn the_longest_header_is_as_long_as_promised() {
        let data = format!("k={}", "v".repeat(TraceHeader::MAX_DATA - 2));
        let header = root().with_parent(SegmentId::from_u64(1)).with_sampled(Sampled::Requested).with_data(&data);
        assert_eq!(header.data(), data);
        assert_eq!(header.to_string().len(), TraceHeader::MAX_LEN);
    }

    #[test]
    fn data_cannot_smuggle_in_what_a_header_may_not_hold() {
        let header = root().with_data("Root=1;a=1;Sampled=1; b = 2 ;c=x y;d=\r\n;e=\u{e9};self=x");
        assert_eq!(header.data(), "a=1;b=2");
        assert_eq!(header.with_data(""), root());
    }
}
