//! Whether a value by itself is of its kind.

use std::borrow::Cow;

use xray_core::document::{limits, names};
use xray_core::{SegmentId, TraceId};

use super::json::Json;
use super::schema::Kind;

/// What would be allowed, if the value by itself is not. What it holds is not looked at.
pub(super) fn refused(value: &Json, kind: Kind) -> Option<Cow<'static, str>> {
    let text = value.as_str();
    let is_text = |check: &dyn Fn(&str) -> bool| text.is_some_and(check);
    let is_id = |text: &str| text.parse::<SegmentId>().is_ok();
    let (fits, allowed) = match kind {
        Kind::Text => (text.is_some(), "a text"),
        Kind::Name => {
            (is_text(&names::is_segment_name), "1 to 200 letters, digits, spaces and _ . : / % & # = + \\ - @")
        }
        Kind::Url => (is_text(&|text| text.chars().count() <= limits::URL_CHARS), "a text of at most 250 characters"),
        Kind::Id => (is_text(&is_id), "16 hex digits"),
        Kind::TraceId => (is_text(&|text| text.parse::<TraceId>().is_ok()), "1-8hex-24hex"),
        Kind::Time => (
            value.as_f64().is_some_and(|time| (0.0..LATEST).contains(&time)),
            "seconds (not milliseconds) since the epoch",
        ),
        Kind::Bool => (matches!(value, Json::Bool(_)), "true or false"),
        Kind::True => (*value == Json::Bool(true), "true, or to leave it out"),
        Kind::Count => (value.as_i64().is_some_and(|count| count >= 0), "a whole number from 0"),
        Kind::Length => (value.as_i64().is_some_and(|bytes| bytes >= -1), "a whole number from -1"),
        Kind::Status => {
            (value.as_i64().is_some_and(|status| (100..=999).contains(&status)), "a whole number from 100 to 999")
        }
        Kind::OneOf(texts) => {
            let fits = is_text(&|text| texts.contains(&text));
            return (!fits).then(|| Cow::Owned(format!("one of {texts:?}")));
        }
        Kind::Object(_) | Kind::Open(_) | Kind::Annotations | Kind::Metadata | Kind::Attributes => {
            (matches!(value, Json::Object(_)), "an object")
        }
        Kind::List(_) | Kind::Subsegments => (
            matches!(value, Json::Array(items) if !items.is_empty()),
            "a list of at least one item, or to leave it out",
        ),
        Kind::Cause => (
            is_text(&is_id) || matches!(value, Json::Object(_)),
            "an object, or the 16 hex digits of an exception elsewhere",
        ),
    };
    (!fits).then_some(Cow::Borrowed(allowed))
}

/// Seconds since the epoch beyond any clock, and before any time in milliseconds: the year 5138.
const LATEST: f64 = 1e11;
