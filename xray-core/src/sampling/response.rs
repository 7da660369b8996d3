//! What a rule asks of a request's end: attributes that nobody knows when the request begins.
//!
//! The names are X-Ray's own (filter expressions, segment documents) and OpenTelemetry's semantic conventions. Of all
//! that belong to the response, these can be asked for:
//!
//! | attribute | compared with |
//! |---|---|
//! | `http.status_code`, `http.response.status_code`, `http.status`, `status_code`, `status` | the HTTP status, three digits |
//! | `fault`, `error`, `throttle` | `true` or `false` |
//! | `duration`, `response_time`, `responsetime` | `>2`, `>=0.5`: seconds, 0 to 86,400 |

use std::time::Duration;

use super::SegmentEnd;
use super::wildcard::Pattern;

/// One attribute of the response that a rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ResponseAttribute {
    pub(super) name: Box<str>,
    pub(super) pattern: Pattern,
    asks: Asks,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Status,
    Fault,
    Error,
    Throttle,
    /// Longer than this; `true`: or just as long.
    Longer(Duration, bool),
    /// Of the response, and not among what is known of it here; or a text that is never met.
    Nothing {
        expected: &'static str,
    },
}

impl ResponseAttribute {
    /// `None` for an attribute that a request may have when it begins.
    pub(super) fn new(name: &str, pattern: &str) -> Option<ResponseAttribute> {
        let pattern = Pattern::new(pattern);
        let asks = asked(&name.to_ascii_lowercase(), &pattern)?;
        Some(ResponseAttribute { name: name.into(), pattern, asks })
    }

    /// What would have been understood, where this can never match.
    pub(super) fn expected(&self) -> Option<&'static str> {
        match self.asks {
            Asks::Nothing { expected } => Some(expected),
            _ => None,
        }
    }

    /// False for an attribute that is not among those that can be asked for at all.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self.asks, Asks::Nothing { expected } if expected == OTHERS)
    }

    pub(super) fn matches(&self, end: &SegmentEnd<'_>) -> bool {
        let flag = |set: bool| self.pattern.matches(if set { "true" } else { "false" });
        match self.asks {
            Asks::Status => end.status.is_some_and(|status| matches_status(&self.pattern, status)),
            Asks::Fault => flag(end.fault),
            Asks::Error => flag(end.error),
            Asks::Throttle => flag(end.throttle),
            Asks::Longer(than, or_equal) => end.duration > than || or_equal && end.duration == than,
            Asks::Nothing { .. } => false,
        }
    }
}

fn asked(name: &str, pattern: &Pattern) -> Option<Asks> {
    let flag = |asks| {
        let can_match = pattern.matches("true") || pattern.matches("false");
        if can_match { asks } else { Asks::Nothing { expected: "\"true\" or \"false\"" } }
    };
    Some(match name {
        "http.status_code" | "http.response.status_code" | "http.status" | "status_code" | "status" => {
            let can_match = (100..=999).any(|status| matches_status(pattern, status));
            if can_match { Asks::Status } else { Asks::Nothing { expected: STATUS } }
        }
        "fault" => flag(Asks::Fault),
        "error" => flag(Asks::Error),
        "throttle" => flag(Asks::Throttle),
        "duration" | "response_time" | "responsetime" => {
            longer(pattern.as_str()).unwrap_or(Asks::Nothing { expected: DURATION })
        }
        name if is_of_response(name) => Asks::Nothing { expected: OTHERS },
        _ => return None,
    })
}

fn longer(text: &str) -> Option<Asks> {
    let text = text.trim().strip_prefix('>')?;
    let (or_equal, seconds) = text.strip_prefix('=').map_or((false, text), |seconds| (true, seconds));
    let seconds: f64 = seconds.trim().parse().ok()?;
    // What is no number is in no range.
    (0.0..=86_400.0).contains(&seconds).then(|| Asks::Longer(Duration::from_secs_f64(seconds), or_equal))
}

/// A status has three digits; compared without an allocation.
fn matches_status(pattern: &Pattern, status: u16) -> bool {
    let digit = |number: u16| b'0' + (number % 10) as u8;
    let digits = [digit(status / 100), digit(status / 10), digit(status)];
    std::str::from_utf8(&digits).is_ok_and(|text| pattern.matches(text))
}

/// Attributes that the response or the end of the work sets, and that are not among those above.
fn is_of_response(name: &str) -> bool {
    let families = ["http.response", "rpc.response.", "exception."];
    let names = [
        "rpc.grpc.status_code",
        "rpc.connect_rpc.error_code",
        "grpc.status_code",
        "otel.status_code",
        "otel.status_description",
        "error.type",
        "error.message",
        "exception",
    ];
    families.iter().any(|family| name.starts_with(family)) || names.contains(&name)
}

const STATUS: &str = "a pattern that an HTTP status can match, such as \"5*\"";
const DURATION: &str = "\">\" or \">=\" and seconds from 0 to 86400, such as \">2.5\"";
const OTHERS: &str = "what is known of a request's end: http.status_code, fault, error, throttle or duration (gRPC's codes set the flags)";

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, pattern: &str) -> ResponseAttribute {
        ResponseAttribute::new(name, pattern).unwrap()
    }

    #[test]
    fn a_response_is_matched_by_status_flags_and_duration() {
        let end = SegmentEnd::new("orders", Duration::from_millis(2500)).with_status(503);
        for (name, pattern, expected) in [
            ("http.status_code", "5*", true),
            ("HTTP.Response.Status_Code", "503", true),
            ("status", "4??", false),
            ("http.status", "*", true),
            ("fault", "true", true),
            ("fault", "TRUE", true),
            ("fault", "false", false),
            ("error", "false", true),
            ("error", "true", false),
            ("throttle", "*", true),
            ("duration", ">2", true),
            ("duration", "> 2.5", false),
            ("response_time", ">=2.5", true),
            ("responsetime", ">3", false),
        ] {
            assert_eq!(attribute(name, pattern).matches(&end), expected, "{name} {pattern}");
            assert_eq!(attribute(name, pattern).expected(), None, "{name} {pattern}");
        }
    }

    #[test]
    fn without_a_status_no_pattern_of_one_matches() {
        let end = SegmentEnd::new("job", Duration::ZERO);
        assert!(!attribute("http.status_code", "*").matches(&end));
        assert!(attribute("fault", "false").matches(&end));
    }

    #[test]
    fn what_can_never_match_says_what_would() {
        for (name, pattern, expected) in [
            ("http.status_code", "5xx", STATUS),
            ("http.status_code", "", STATUS),
            ("status", "5000", STATUS),
            ("fault", "yes", "\"true\" or \"false\""),
            ("duration", "2", DURATION),
            ("duration", "2*", DURATION),
            ("duration", ">", DURATION),
            ("duration", ">-1", DURATION),
            ("duration", ">nan", DURATION),
            ("duration", ">1e9", DURATION),
            ("rpc.grpc.status_code", "14", OTHERS),
            ("http.response.header.x", "*", OTHERS),
            ("http.response_content_length", "*", OTHERS),
            ("error.type", "*", OTHERS),
        ] {
            assert_eq!(attribute(name, pattern).expected(), Some(expected), "{name} {pattern}");
            let end = SegmentEnd::new("orders", Duration::from_secs(3)).with_status(500);
            assert!(!attribute(name, pattern).matches(&end), "{name} {pattern}");
        }
    }

    #[test]
    fn attributes_of_the_request_are_not_taken_for_the_response() {
        for name in ["tenant", "http.route", "http.request.method", "errors", "faulty", "http", "url.path", "durations"]
        {
            assert_eq!(ResponseAttribute::new(name, "*"), None, "{name}");
        }
    }
}
