//! Reading a trace header, from text or from bytes that may not be text.

use std::str::FromStr;

use super::data::{Data, Key, parts};
use super::{Sampled, TraceHeader};
use crate::{ParseTraceIdError, SegmentId, TraceId};

/// Why a text is not a usable trace header: it has no root that could be joined.
///
/// The text itself is not kept: it came from the network and may hold anything. A `Sampled` beside the
/// unusable root is, because it still decides; `Parent` and the rest mean nothing in another trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTraceHeaderError {
    /// There is no `Root=`, or nothing behind it.
    #[error("trace header has no Root field")]
    MissingRoot {
        /// What the header says about the decision all the same.
        sampled: Option<Sampled>,
    },
    /// `Root=` is not `1-{8 hex digits}-{24 hex digits}`.
    #[error("Root field of the trace header is not a trace id")]
    InvalidRoot {
        /// What the header says about the decision all the same.
        sampled: Option<Sampled>,
        /// What is wrong with the root.
        source: ParseTraceIdError,
    },
}

impl ParseTraceHeaderError {
    /// What the header says about the decision although its root is unusable.
    pub fn sampled(&self) -> Option<Sampled> {
        match self {
            ParseTraceHeaderError::MissingRoot { sampled } | ParseTraceHeaderError::InvalidRoot { sampled, .. } => {
                *sampled
            }
        }
    }
}

impl TraceHeader {
    /// Reads a header value as it stands in an HTTP request, where it need not be text.
    ///
    /// The rules are those of [this module](crate::header). Takes time in proportion to the value's length, of
    /// which at most [`TraceHeader::MAX_READ`] bytes count, and allocates only for unknown keys.
    ///
    /// # Errors
    ///
    /// [`MissingRoot`](ParseTraceHeaderError::MissingRoot) when there is no `Root`,
    /// [`InvalidRoot`](ParseTraceHeaderError::InvalidRoot) when it is not a trace id.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{Sampled, TraceHeader};
    ///
    /// let error = TraceHeader::parse_bytes(b"Root=\xff;Sampled=0").unwrap_err();
    /// assert_eq!(error.sampled(), Some(Sampled::No));
    /// ```
    pub fn parse_bytes(value: &[u8]) -> Result<TraceHeader, ParseTraceHeaderError> {
        match usual(value) {
            Some(header) => Ok(header),
            None => parse_any(value),
        }
    }
}

impl FromStr for TraceHeader {
    type Err = ParseTraceHeaderError;

    /// As [`TraceHeader::parse_bytes`].
    fn from_str(text: &str) -> Result<TraceHeader, ParseTraceHeaderError> {
        TraceHeader::parse_bytes(text.as_bytes())
    }
}

/// The form in which nearly every header comes, at a third of the cost: `Root=…;Parent=…;Sampled=…` to the letter.
fn usual(value: &[u8]) -> Option<TraceHeader> {
    let (root, rest) = value.strip_prefix(b"Root=")?.split_at_checked(TraceId::LEN)?;
    let (parent, rest) = rest.strip_prefix(b";Parent=")?.split_at_checked(SegmentId::LEN)?;
    let sampled = sampled(rest.strip_prefix(b";Sampled=")?)?;
    let header = TraceHeader::new(TraceId::from_bytes(root).ok()?);
    Some(header.with_parent(SegmentId::from_bytes(parent).ok()?).with_sampled(sampled))
}

/// Any other form.
fn parse_any(value: &[u8]) -> Result<TraceHeader, ParseTraceHeaderError> {
    let mut root = None;
    let mut parent = None;
    let mut decision = None;
    let mut data = Data::default();
    for (key, value) in parts(value) {
        match Key::of(key) {
            Key::Root => root = Some(value),
            Key::Parent => parent = Some(value),
            Key::Sampled => decision = Some(value),
            Key::Itself => {}
            Key::Other => data.push(key, value),
        }
    }
    let sampled = decision.and_then(sampled);
    let Some(root) = root else {
        return Err(ParseTraceHeaderError::MissingRoot { sampled });
    };
    let root = TraceId::from_bytes(root).map_err(|source| ParseTraceHeaderError::InvalidRoot { sampled, source })?;
    let parent = parent.and_then(|parent| SegmentId::from_bytes(parent).ok());
    Ok(TraceHeader::from_parts(root, parent, sampled, data.finish()))
}

fn sampled(value: &[u8]) -> Option<Sampled> {
    match value {
        b"1" => Some(Sampled::Yes),
        b"0" => Some(Sampled::No),
        b"?" => Some(Sampled::Requested),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
    const PARENT: &str = "53995c3f42cd8ad8";

    /// What a header becomes: the text it prints as, or `Err` with what it says about the decision.
    fn read(text: &str) -> Result<String, Option<Sampled>> {
        let result: Result<TraceHeader, _> = text.parse();
        result.map(|header| header.to_string()).map_err(|error| error.sampled())
    }

    #[test]
    fn headers_are_read_as_the_most_tolerant_sdk_reads_them() {
        let full = format!("Root={ROOT};Parent={PARENT};Sampled=1");
        // Each line: the point, the header, what it prints as. R and P as values stand for the ids above.
        let cases = [
            ("plain", "Root=R;Parent=P;Sampled=1", "Root=R;Parent=P;Sampled=1"),
            ("any order", "Sampled=1;Parent=P;Root=R", "Root=R;Parent=P;Sampled=1"),
            ("space after the separator", "Root=R; Parent=P; Sampled=1", "Root=R;Parent=P;Sampled=1"),
            ("spaces everywhere", "\t Root = R ;\tParent =P ; Sampled= 1 ", "Root=R;Parent=P;Sampled=1"),
            ("keys in any case", "ROOT=R;parent=P;sAmPlEd=1", "Root=R;Parent=P;Sampled=1"),
            ("trailing and double separators", ";;Root=R;;;Parent=P;;Sampled=1;;", "Root=R;Parent=P;Sampled=1"),
            ("a part without =", "Root=R;nonsense;Parent=P;Sampled=1", "Root=R;Parent=P;Sampled=1"),
            ("an empty key", "=x;Root=R;=;Parent=P;Sampled=1", "Root=R;Parent=P;Sampled=1"),
            ("an empty value", "Root=R;Parent=;Foo=;Sampled=", "Root=R"),
            ("an empty value after a good one", "Root=R;Root=;Sampled=1;Sampled=", "Root=R;Sampled=1"),
            ("root only", "Root=R", "Root=R"),
            ("no decision, as Go and Java write it", "Root=R;", "Root=R"),
            ("no decision, with data, as Go writes it", "Root=R;;k=v", "Root=R;k=v"),
            ("not sampled", "Root=R;Sampled=0", "Root=R;Sampled=0"),
            ("asked", "Root=R;Sampled=?", "Root=R;Sampled=?"),
            ("another decision", "Root=R;Sampled=2", "Root=R"),
            ("a long decision", "Root=R;Sampled=11", "Root=R"),
            ("a parent that is no id", "Root=R;Parent=foo;Sampled=1", "Root=R;Sampled=1"),
            ("a parent one digit short", "Root=R;Parent=53995c3f42cd8ad;Sampled=0", "Root=R;Sampled=0"),
            ("Self of a load balancer", "Self=R;Root=R;Sampled=1", "Root=R;Sampled=1"),
            ("self in another case", "Root=R;SELF=x", "Root=R"),
            ("Lineage", "Root=R;Parent=P;Sampled=1;Lineage=a:1|b:2", "Root=R;Parent=P;Sampled=1;Lineage=a:1|b:2"),
            ("unknown keys go last", "a=1;Root=R;b=2;Sampled=0;c=3", "Root=R;Sampled=0;a=1;b=2;c=3"),
            ("a value with =", "Root=R;k=a=b=", "Root=R;k=a=b="),
            ("a value with a space", "Root=R;k=a b;l=c", "Root=R;l=c"),
            ("a value beyond ASCII", "Root=R;k=\u{e9};l=c", "Root=R;l=c"),
            ("a key with a control character", "Root=R;k\u{1}=v;l=c", "Root=R;l=c"),
            ("a line break", "Root=R;k=v\r\nSet-Cookie: x;l=c", "Root=R;l=c"),
            ("a repeated root", "Root=nonsense;Root=R", "Root=R"),
            ("a repeated decision", "Root=R;Sampled=1;Sampled=0", "Root=R;Sampled=0"),
            ("a repeated decision, the last unknown", "Root=R;Sampled=1;Sampled=x", "Root=R"),
            ("a repeated parent, the last unusable", "Root=R;Parent=P;Parent=x", "Root=R"),
            ("a repeated unknown key", "Root=R;k=1;l=2;k=3", "Root=R;l=2;k=3"),
        ];
        for (point, text, printed) in cases {
            let ids = |text: &str| {
                text.replace("=R", &format!("={ROOT}"))
                    .replace("= R", &format!("= {ROOT}"))
                    .replace("=P", &format!("={PARENT}"))
            };
            assert_eq!(read(&ids(text)), Ok(ids(printed)), "{point}");
        }
        assert_eq!(read(&full), Ok(full));
    }

    #[test]
    fn hex_digits_keep_their_case() {
        let text = "Root=1-632BB806-bd862e3fE1BE46a994272793;Parent=53995C3F42CD8AD8;Sampled=1";
        assert_eq!(read(text), Ok(text.to_owned()));
        let leading_zeros = "Root=1-00000001-bd862e3fe1be46a994272793";
        assert_eq!(read(leading_zeros), Ok(leading_zeros.to_owned()));
    }

    #[test]
    fn an_unusable_root_discards_all_but_the_decision() {
        let roots = [
            "dummy",
            "1-5759e988-bd862e3fe1be46a99427279",   // short
            "1-5759e988-bd862e3fe1be46a9942727933", // long
            "2-5759e988-bd862e3fe1be46a994272793",  // version
            "1_5759e988-bd862e3fe1be46a994272793",  // first delimiter
            "1-5759e988_bd862e3fe1be46a994272793",  // second delimiter
            "1-5759z988-bd862e3fe1be46a994272793",  // time
            "1-5759e988-bd862e3fe1be46a99427279z",  // number
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "\u{e9}",
        ];
        let decisions = [
            (";Sampled=1", Some(Sampled::Yes)),
            (";Sampled=0", Some(Sampled::No)),
            (";Sampled=?", Some(Sampled::Requested)),
            (";Sampled=x", None),
            ("", None),
        ];
        for root in roots {
            for (decision, sampled) in decisions {
                let text = format!("Root={root};Parent={PARENT};k=v{decision}");
                let error = text.parse::<TraceHeader>().unwrap_err();
                assert!(matches!(error, ParseTraceHeaderError::InvalidRoot { .. }), "{text}");
                assert_eq!(error.sampled(), sampled, "{text}");
            }
        }
        let last = format!("Root={ROOT};Root=nonsense;Sampled=0");
        assert_eq!(read(&last), Err(Some(Sampled::No)));
    }

    #[test]
    fn without_a_root_there_is_no_header() {
        for text in ["", " ", ";", "=", ";;=;", "Root", "Root=", "Parent=53995c3f42cd8ad8", "garbage"] {
            let error = text.parse::<TraceHeader>().unwrap_err();
            assert_eq!(error, ParseTraceHeaderError::MissingRoot { sampled: None }, "{text:?}");
        }
        assert_eq!(read("Sampled=1"), Err(Some(Sampled::Yes)));
    }

    #[test]
    fn errors_do_not_repeat_what_came_from_the_network() {
        let error = "Root=<script>".parse::<TraceHeader>().unwrap_err();
        assert_eq!(error.to_string(), "Root field of the trace header is not a trace id");
        assert!(!format!("{error:?}").contains("script"));
    }

    #[test]
    fn data_over_budget_is_dropped_and_reserved_keys_behind_it_still_read() {
        let value = "v".repeat(TraceHeader::MAX_DATA);
        let text = format!("k={value};a=1;Root={ROOT};Sampled=0;Parent={PARENT}");
        assert_eq!(read(&text), Ok(format!("Root={ROOT};Parent={PARENT};Sampled=0;a=1")));
    }

    #[test]
    fn only_the_first_8_kib_are_read() {
        let root = format!("Root={ROOT};Sampled=1;");
        let padding = |len: usize| "x".repeat(len - root.len());
        let decided = |sampled| Ok(format!("Root={ROOT};Sampled={sampled}"));
        // The last part ends with the last byte that is read, is cut there, or is behind it.
        let last = ";Sampled=0";
        let fits = format!("{root}{}{last}", padding(TraceHeader::MAX_READ - last.len()));
        assert_eq!(fits.len(), TraceHeader::MAX_READ);
        assert_eq!(read(&fits), decided(0));
        assert_eq!(read(&format!("{fits};Sampled=1")), decided(0));
        assert_eq!(read(&format!("{fits}0")), decided(1));
        assert_eq!(read(&format!("{root}{}{last}", padding(TraceHeader::MAX_READ))), decided(1));
        assert_eq!(read(&format!("{}{root}", ";".repeat(TraceHeader::MAX_READ))), Err(None));
        assert_eq!(read(&"x".repeat(1 << 20)), Err(None));
        let parts = format!("{root}{}", "k=v;".repeat(1 << 20));
        assert_eq!(read(&parts), Ok(format!("Root={ROOT};Sampled=1;k=v")));
    }

    /// Parts that look like a header's, so that properties reach past the first check.
    fn likely() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just(format!("Root={ROOT}")),
            "(?i)root= ?1-[0-9a-fA-F]{8}-[0-9a-f]{24}",
            "(?i)parent=[0-9a-f]{15,17}",
            "(?i)sampled ?=[01?x]?",
            "(?i)self=.{0,4}",
            "[a-zA-Z]{0,8} ?=[ -~]{0,100}",
            ".{0,12}",
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.join(";"))
    }

    fn prints_and_parses_to_itself(value: &[u8]) -> Result<(), TestCaseError> {
        if let Ok(header) = TraceHeader::parse_bytes(value) {
            let printed = header.to_string();
            prop_assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()), "{printed:?}");
            prop_assert!(printed.len() <= TraceHeader::MAX_LEN);
            prop_assert!(header.data().len() <= TraceHeader::MAX_DATA);
            prop_assert_eq!(printed.parse(), Ok(header.clone()));
            let onward = TraceHeader::new(header.root()).with_data(header.data());
            prop_assert_eq!(onward.data(), header.data());
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_quietly(text in ".{0,256}") {
            prints_and_parses_to_itself(text.as_bytes())?;
        }

        #[test]
        fn the_usual_form_is_read_like_any_other(
            text in "Root=1-[0-9a-fA-Fg]{8}-[0-9a-f]{24};Parent=[0-9a-fA-Fg]{16};Sampled=[01?x](;k=v)?"
        ) {
            prop_assert_eq!(TraceHeader::parse_bytes(text.as_bytes()), parse_any(text.as_bytes()));
        }

        #[test]
        fn any_bytes_parse_or_fail_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            prints_and_parses_to_itself(&bytes)?;
        }

        #[test]
        fn what_looks_like_a_header_prints_and_parses_to_itself(text in likely()) {
            prints_and_parses_to_itself(text.as_bytes())?;
        }

        #[test]
        fn bytes_after_a_good_root_never_unmake_it(
            tail in proptest::collection::vec(any::<u8>().prop_filter("a second root", |byte| *byte != b'='), 0..64)
        ) {
            let value = [format!("Root={ROOT};").as_bytes(), &tail].concat();
            let header = TraceHeader::parse_bytes(&value).unwrap();
            prop_assert_eq!(header.to_string(), format!("Root={ROOT}"));
        }
    }
}
