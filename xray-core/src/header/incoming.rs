//! What a request's headers say, whichever of them speaks.

use super::{MESSAGE_ATTRIBUTE, NAME, ParseTraceHeaderError, Sampled, TRACEPARENT, TraceHeader, traceparent};

/// What a request's trace headers say, for whoever opens its segment.
///
/// How far it is believed is decided there, not here.
///
/// | trace header | `traceparent` | [`header`](Incoming::header) | [`sampled`](Incoming::sampled) |
/// |---|---|---|---|
/// | usable | any, not read | the trace header | its `Sampled` |
/// | absent or empty | usable | root and parent of `traceparent` | its flag: set 1, unset 0 |
/// | unusable | usable | root and parent of `traceparent` | `Sampled` of the trace header, else the flag |
/// | unusable | absent or unusable | none: a new trace | `Sampled` of the trace header |
/// | absent or empty | absent or unusable | none: a new trace | none |
///
/// A `traceparent` beside an unusable trace header is believed because it was written by the same sender or
/// passed on by one: joining its trace keeps the caller connected, which a new trace would not.
///
/// # Examples
///
/// ```
/// use xray_core::{Incoming, Sampled};
///
/// let incoming = Incoming::read(None, Some(b"00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01"));
/// assert_eq!(incoming.sampled(), Some(Sampled::Yes));
/// assert_eq!(incoming.header().unwrap().root().as_str(), "1-5759e988-bd862e3fe1be46a994272793");
///
/// let incoming = Incoming::read(Some(b"Root=oops;Sampled=0"), None);
/// assert_eq!(incoming.header(), None);
/// assert_eq!(incoming.sampled(), Some(Sampled::No));
/// assert_eq!(incoming.malformed().unwrap().bytes(), 19);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    pub(crate) header: Option<TraceHeader>,
    pub(crate) sampled: Option<Sampled>,
    pub(crate) malformed: Option<Malformed>,
    /// The root came by `traceparent`, where nothing is a time.
    pub(crate) undated: bool,
}

impl Incoming {
    /// Reads the value of `X-Amzn-Trace-Id`, else that of W3C `traceparent`; `None` where a header is absent.
    ///
    /// Values need not be text. Never fails: what cannot be used is told by [`Incoming::malformed`].
    pub fn read(trace_header: Option<&[u8]>, traceparent: Option<&[u8]>) -> Incoming {
        let error = match trace_header.map(|value| (value, TraceHeader::parse_bytes(value))) {
            Some((_, Ok(header))) => return Incoming::from(header),
            Some((value, Err(error))) if !value.trim_ascii().is_empty() => Some((value, error)),
            _ => None,
        };
        let mut incoming = match traceparent {
            Some(value) if !value.trim_ascii().is_empty() => Incoming::from_traceparent(value),
            _ => Incoming::default(),
        };
        if let Some((value, error)) = error {
            incoming.decide(error.sampled());
            let reason = match error {
                ParseTraceHeaderError::MissingRoot { .. } => "there is no Root field",
                ParseTraceHeaderError::InvalidRoot { .. } => "Root does not have the form 1-8hex-24hex",
            };
            incoming.malformed = Some(Malformed { header: NAME, bytes: value.len(), reason });
        }
        incoming
    }

    /// Reads the attribute `AWSTraceHeader` of an SQS message; `None` where the message has none.
    ///
    /// The rules are those of the HTTP header; only what [`Incoming::malformed`] tells is named after the attribute.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::Incoming;
    ///
    /// let incoming = Incoming::read_message(Some("Root=1-5759e988-bd862e3fe1be46a994272793; Sampled=1"));
    /// assert!(incoming.header().is_some());
    /// assert_eq!(Incoming::read_message(Some("dummy")).malformed().unwrap().header(), "AWSTraceHeader");
    /// assert_eq!(Incoming::read_message(None), Incoming::default());
    /// ```
    pub fn read_message(attribute: Option<&str>) -> Incoming {
        let mut incoming = Incoming::read(attribute.map(str::as_bytes), None);
        if let Some(malformed) = &mut incoming.malformed {
            malformed.header = MESSAGE_ATTRIBUTE;
        }
        incoming
    }

    /// The header to join: with a usable root, from either source. `None` starts a new trace.
    pub fn header(&self) -> Option<&TraceHeader> {
        self.header.as_ref()
    }

    /// What the caller says about the decision; it may speak although there is no header to join.
    pub fn sampled(&self) -> Option<Sampled> {
        self.sampled
    }

    /// The header that was there and could not be used; the trace header when both were.
    pub fn malformed(&self) -> Option<Malformed> {
        self.malformed
    }

    fn from_traceparent(value: &[u8]) -> Incoming {
        match traceparent::read(value) {
            Ok(header) => Incoming { undated: true, ..Incoming::from(header) },
            Err(reason) => Incoming {
                malformed: Some(Malformed { header: TRACEPARENT, bytes: value.len(), reason }),
                ..Incoming::default()
            },
        }
    }

    /// Puts this decision, if there is one, in the place of what is there.
    fn decide(&mut self, sampled: Option<Sampled>) {
        if let Some(sampled) = sampled {
            self.sampled = Some(sampled);
            self.header = self.header.take().map(|header| header.with_sampled(sampled));
        }
    }
}

/// A header that is already parsed: from a queue message, a job record, another protocol.
impl From<TraceHeader> for Incoming {
    fn from(header: TraceHeader) -> Incoming {
        Incoming { sampled: header.sampled(), header: Some(header), ..Incoming::default() }
    }
}

/// A decision without a trace to join: of many messages that are worked on together.
impl From<Sampled> for Incoming {
    fn from(sampled: Sampled) -> Incoming {
        Incoming { sampled: Some(sampled), ..Incoming::default() }
    }
}

/// Which header could not be used, for a diagnostic. Its text is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub(crate) header: &'static str,
    pub(crate) bytes: usize,
    pub(crate) reason: &'static str,
}

impl Malformed {
    /// The header's name: [`NAME`], [`TRACEPARENT`] or [`MESSAGE_ATTRIBUTE`].
    pub fn header(&self) -> &'static str {
        self.header
    }

    /// Length of its value, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is wrong with it, in words of ours.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OURS: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";
    const W3C: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const W3C_JOINED: &str = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331";

    fn read(trace_header: &str, traceparent: &str) -> Incoming {
        Incoming::read(Some(trace_header.as_bytes()), Some(traceparent.as_bytes()))
    }

    fn text(incoming: &Incoming) -> Option<String> {
        incoming.header().map(TraceHeader::to_string)
    }

    #[test]
    fn a_usable_trace_header_wins() {
        for traceparent in [W3C, "nonsense", ""] {
            let incoming = read(OURS, traceparent);
            assert_eq!(text(&incoming), Some(OURS.to_owned()));
            assert_eq!((incoming.sampled(), incoming.malformed()), (None, None));
        }
        assert_eq!(read(&format!("{OURS};Sampled=?"), W3C).sampled(), Some(Sampled::Requested));
    }

    #[test]
    fn nothing_there_is_nothing_wrong() {
        assert_eq!(Incoming::read(None, None), Incoming::default());
        assert_eq!(read("", " "), Incoming::default());
    }

    #[test]
    fn without_a_trace_header_traceparent_speaks() {
        for trace_header in [None, Some(&b""[..]), Some(b" ")] {
            let incoming = Incoming::read(trace_header, Some(W3C.as_bytes()));
            assert_eq!(text(&incoming), Some(format!("{W3C_JOINED};Sampled=1")));
            assert_eq!((incoming.sampled(), incoming.malformed()), (Some(Sampled::Yes), None));
        }
        let incoming = read("", &W3C.replace("-01", "-00"));
        assert_eq!(incoming.sampled(), Some(Sampled::No));
    }

    #[test]
    fn an_unusable_trace_header_decides_and_traceparent_is_joined() {
        let incoming = read("Root=1-abc;Sampled=0", W3C);
        assert_eq!(text(&incoming), Some(format!("{W3C_JOINED};Sampled=0")));
        assert_eq!(incoming.sampled(), Some(Sampled::No));
        assert_eq!(incoming.malformed().unwrap().header(), NAME);

        let incoming = read("Root=1-abc", W3C);
        assert_eq!(incoming.sampled(), Some(Sampled::Yes));
    }

    #[test]
    fn an_unusable_trace_header_alone_still_decides() {
        let incoming = read("Root=1-abc;Parent=53995c3f42cd8ad8;Sampled=1", "");
        assert_eq!((text(&incoming), incoming.sampled()), (None, Some(Sampled::Yes)));
        let malformed = incoming.malformed().unwrap();
        assert_eq!((malformed.header(), malformed.bytes()), (NAME, 44));
        assert_eq!(malformed.reason(), "Root does not have the form 1-8hex-24hex");
    }

    #[test]
    fn of_two_unusable_headers_the_trace_header_is_told() {
        let incoming = read("Sampled=?", "00-1-2-3");
        assert_eq!((text(&incoming), incoming.sampled()), (None, Some(Sampled::Requested)));
        let malformed = incoming.malformed().unwrap();
        assert_eq!((malformed.header(), malformed.reason()), (NAME, "there is no Root field"));
    }

    #[test]
    fn an_unusable_traceparent_alone_is_told() {
        let incoming = Incoming::read(None, Some(b"00-1-2-3"));
        assert_eq!((text(&incoming), incoming.sampled()), (None, None));
        let malformed = incoming.malformed().unwrap();
        assert_eq!((malformed.header(), malformed.bytes()), (TRACEPARENT, 8));
    }

    #[test]
    fn a_message_is_read_as_a_request_is() {
        let incoming = Incoming::read_message(Some(OURS));
        assert_eq!(incoming, read(OURS, ""));
        let incoming = Incoming::read_message(Some("Root=dummy;Sampled=1"));
        assert_eq!((text(&incoming), incoming.sampled()), (None, Some(Sampled::Yes)));
        let malformed = incoming.malformed().unwrap();
        assert_eq!((malformed.header(), malformed.bytes()), ("AWSTraceHeader", 20));
        assert_eq!(Incoming::read_message(Some(" ")), Incoming::default());
    }

    #[test]
    fn a_decision_alone_joins_nothing() {
        let incoming = Incoming::from(Sampled::No);
        assert_eq!((incoming.header(), incoming.sampled(), incoming.malformed()), (None, Some(Sampled::No), None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_quietly(
            trace_header in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..128)),
            traceparent in proptest::option::of("([0-9a-f]{2}-){0,2}[0-9a-f]{0,32}-[0-9a-f]{0,16}-.{0,4}"),
        ) {
            let incoming = Incoming::read(trace_header.as_deref(), traceparent.as_deref().map(str::as_bytes));
            if let Some(header) = incoming.header() {
                prop_assert_eq!(header.sampled(), incoming.sampled());
            }
        }
    }
}
