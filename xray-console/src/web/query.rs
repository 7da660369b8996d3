//! What a page's address says: parameters, in order, and the addresses of other pages made from them.
//!
//! | name | says | pages |
//! |---|---|---|
//! | `q` | a filter expression | traces, map, live |
//! | `w` | how far back: `15m`, `6h`, `7d`, `all` | traces, map |
//! | `from`, `to` | without `w`: seconds since the epoch | traces, map |
//! | `part` | one part of the page, for its script | all |
//!
//! The rest is told where it is used: `sort`, `sel`, `z`, `fold`, `min`, `find`. A page's address is in many of its links, so
//! what no page reads ([`KNOWN`]) is not kept, of what is there twice only the first is, and an address is at most
//! [`ADDRESS`] long.

use std::fmt::Write;

use crate::store::{TimeRangeType, Window};

/// How far back a page looks that says nothing: as the commands of `xrc` do.
pub(super) const DEFAULT_SPAN: &str = "6h";

/// Bytes of the longest address that a page is shown for, as it came and as links would write it.
pub(super) const ADDRESS: usize = 8_192;

/// Every parameter that a page reads.
#[rustfmt::skip]
const KNOWN: [&str; 32] = [
    "q", "w", "from", "to", "part", "token",
    // Lists, and what happens.
    "sort", "health", "n", "after", "rows",
    // A trace; the map.
    "id", "sel", "z", "fold", "min", "find", "only", "critical", "first", "have", "revision", "row", "open", "closed", "at", "trace",
    // The request that sampling rules are tried on.
    "service", "type", "host", "method", "path",
];

/// Seconds that the clock of a sender may be ahead of this machine's.
const AHEAD: f64 = 60.0;

/// Seconds of the longest time that `xrc` is told to look back: 3,650 days.
const LONGEST: f64 = 315_360_000.0;

/// The parameters of an address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads what is behind the `?`. What is no UTF-8 is replaced, what is no escape is taken as it is.
    pub(super) fn parse(text: &str) -> Query {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescaped(name), unescaped(value))
        };
        let mut query = Query::default();
        for (name, value) in text.split('&').filter(|part| !part.is_empty()).map(pair) {
            if KNOWN.contains(&name.as_str()) && query.pairs.iter().all(|(known, _)| *known != name) {
                query.pairs.push((name, value));
            }
        }
        query
    }

    /// The first of this name, if it says anything.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        debug_assert!(KNOWN.contains(&name), "{name} is not among KNOWN, so it is never read");
        let found = self.pairs.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// With this instead of what it was.
    #[must_use]
    pub(super) fn with(&self, name: &str, value: &str) -> Query {
        let mut query = self.without(name);
        query.pairs.push((name.to_owned(), value.to_owned()));
        query
    }

    #[must_use]
    pub(super) fn without(&self, name: &str) -> Query {
        Query { pairs: self.pairs.iter().filter(|(known, _)| known != name).cloned().collect() }
    }

    /// Only these.
    #[must_use]
    pub(super) fn only(&self, names: &[&str]) -> Query {
        Query { pairs: self.pairs.iter().filter(|(known, _)| names.contains(&known.as_str())).cloned().collect() }
    }

    /// What other lists take over: filter and time.
    #[must_use]
    pub(super) fn carried(&self) -> Query {
        self.only(&["q", "w", "from", "to"])
    }

    /// This path with these parameters.
    pub(super) fn href(&self, path: &str) -> String {
        let mut href = path.to_owned();
        for (index, (name, value)) in self.pairs.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
            let before = if index == 0 { '?' } else { '&' };
            // Writing to memory cannot fail.
            let _ = write!(href, "{before}{}={}", escaped(name), escaped(value));
        }
        href
    }

    /// Whether links that have all of it are longer than they may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.href("").len() > ADDRESS
    }

    /// The filter expression; none if there is none or only blanks.
    pub(super) fn filter(&self) -> Option<&str> {
        self.get("q").map(str::trim).filter(|filter| !filter.is_empty())
    }

    /// The time it speaks of. What is no time is as if it were not there.
    pub(super) fn span(&self, now: f64) -> Span {
        let seconds = |name| self.get(name).and_then(|text| text.parse::<f64>().ok()).filter(|time| time.is_finite());
        let word = self.get("w").filter(|word| *word == "all" || seconds_of(word).is_some());
        if let (None, Some(start), Some(end)) = (word, seconds("from"), seconds("to"))
            && start < end
        {
            return Span { start, end, word: None };
        }
        let word = word.unwrap_or(DEFAULT_SPAN).to_owned();
        let start = seconds_of(&word).map_or(f64::NEG_INFINITY, |seconds| (now - seconds).max(0.0));
        let end = if start.is_finite() { now + AHEAD } else { f64::INFINITY };
        Span { start, end, word: Some(word) }
    }
}

/// A time that a page speaks of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    /// Seconds since the epoch, included.
    pub(super) start: f64,
    /// Seconds since the epoch, not included.
    pub(super) end: f64,
    /// What it is called (`15m`, `all`), if it ends now.
    pub(super) word: Option<String>,
}

impl Span {
    /// Of traces that begin in it.
    pub(super) fn window(&self) -> Window {
        Window { start: self.start, end: self.end, kind: TimeRangeType::TraceId }
    }

    /// As an option of `xrc`: ` --since 15m`. That looks back from now, so a time that has ended is taken from its start.
    pub(super) fn option(&self, now: f64) -> String {
        match &self.word {
            Some(word) if word == DEFAULT_SPAN => String::new(),
            Some(word) if word == "all" => " --since 3650d".to_owned(),
            Some(word) => format!(" --since {word}"),
            None => format!(" --since {:.0}s", (now - self.start).clamp(1.0, LONGEST)),
        }
    }
}

/// Seconds of `30s`, `15m`, `6h`, `7d`.
fn seconds_of(word: &str) -> Option<f64> {
    let (number, unit) = word.split_at_checked(word.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    let number = number.parse::<f64>().ok()?;
    Some(number * unit).filter(|seconds| seconds.is_finite() && *seconds > 0.0)
}

/// The text with everything escaped that might mean something in an address or a cookie.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            // Writing to memory cannot fail.
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escape = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escape = escape.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match (first, escape.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_put_into_an_address_comes_out_of_it(name in 1..KNOWN.len(), value in ".{1,64}", other in ".{1,9}") {
            let query = Query::default().with(KNOWN[name], &value).with(KNOWN[0], &other);
            let href = query.href("/traces");
            prop_assert!(href.bytes().all(|byte| byte.is_ascii_graphic()), "{href}");
            let (_, text) = href.split_once('?').unwrap();
            prop_assert_eq!(Query::parse(text), query);
        }

        #[test]
        fn any_text_is_read(text in ".{0,64}") {
            let query = Query::parse(&text);
            let again = Query::parse(query.href("").trim_start_matches('?'));
            prop_assert_eq!(again.get("q"), query.get("q"));
        }
    }

    #[test]
    fn forms_and_broken_escapes_are_read() {
        let query = Query::parse("q=a+b%20c%2B&sel=%&find=%zz&z=%ff&w");
        assert_eq!(query.get("q"), Some("a b c+"));
        assert_eq!((query.get("sel"), query.get("find"), query.get("z")), (Some("%"), Some("%zz"), Some("\u{fffd}")));
        assert_eq!(query.get("w"), None);
    }

    #[test]
    fn what_no_page_reads_and_what_is_there_twice_gets_into_no_link() {
        let query = Query::parse("x=1&q=a&q=b&w=1h&%71=c&utm_source=y");
        assert_eq!(query.href("/traces"), "/traces?q=a&w=1h");
        let quotes = |count| Query::parse(&format!("q={}", "\"".repeat(count))).is_too_long();
        assert_eq!((quotes(2_700), quotes(2_800)), (false, true), "each is three bytes in a link");
    }

    #[test]
    fn no_time_makes_a_command_longer_than_a_line() {
        assert_eq!(Query::parse("from=-1e308&to=5").span(100.0).option(100.0), " --since 315360000s");
    }

    #[test]
    fn times_are_read_and_what_is_none_is_the_default() {
        let span = |text: &str| {
            let span = Query::parse(text).span(100_000.0);
            (span.start, span.end, span.word)
        };
        let word = |word: &str| Some(word.to_owned());
        assert_eq!(span("w=15m"), (99_100.0, 100_060.0, word("15m")));
        assert_eq!(span("w=all"), (f64::NEG_INFINITY, f64::INFINITY, word("all")));
        assert_eq!(span("from=5&to=7&w=15m").2, word("15m"));
        assert_eq!(span("from=5&to=7.5&w="), (5.0, 7.5, None));
        for wrong in ["", "w=", "w=x", "w=-1h", "w=1é", "from=7&to=5", "from=nan&to=inf", "from=1"] {
            assert_eq!(span(wrong), (78_400.0, 100_060.0, word("6h")), "{wrong}");
        }
    }
}
