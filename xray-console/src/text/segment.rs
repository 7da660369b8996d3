//! One segment or subsegment: all of its fields.

use serde_json::Value;
use xray_core::document::Document;

use super::format::{columns, date_time, duration};
use super::{Color, Style, escape, label};
use crate::timeline::Mark;

/// The widest column of names.
const NAMES: usize = 40;
/// Most lines of fields; metadata may hold tens of thousands.
const FIELDS: usize = 2_000;
/// Who it is and when it was, before what it did.
const FIRST: [&str; 6] = ["id", "trace_id", "parent_id", "type", "start_time", "end_time"];
/// Most subsegments that are listed; of the others the number is told.
const SUBSEGMENTS: usize = 100;

/// The document as lines: what it is, its fields with their values, and what is directly beneath it.
///
/// # Examples
///
/// ```
/// use xray_console::text::{Style, segment};
/// use xray_core::document::Document;
///
/// let call = Document::parse(
///     r#"{"name":"DynamoDB","id":"53995c3f42cd8ad8","start_time":1465510280.5,"end_time":1465510280.75,
///         "namespace":"aws","aws":{"operation":"PutItem","retries":2},"throttle":true}"#,
/// )?;
/// assert_eq!(
///     segment(&call, Style::new(80)),
///     "\
/// DynamoDB PutItem (2 retries)  THROTTLE  250ms
/// id             53995c3f42cd8ad8
/// start_time     2016-06-09 22:11:20 UTC, 1465510280.5
/// end_time       2016-06-09 22:11:20 UTC, 1465510280.75
/// aws.operation  PutItem
/// aws.retries    2
/// namespace      aws
/// throttle       true
/// "
/// );
/// # Ok::<(), xray_core::document::ParseDocumentError>(())
/// ```
pub fn segment(document: &Document, style: Style) -> String {
    let mark = Mark::of(document);
    let word = match mark {
        Mark::Ok if document.in_progress => "  IN PROGRESS",
        Mark::Ok => "",
        Mark::Error => "  ERROR",
        Mark::Throttle => "  THROTTLE",
        Mark::Fault => "  FAULT",
    };
    let lasted = document.seconds().map(|seconds| format!("  {}", ascii(duration(seconds), style))).unwrap_or_default();
    let mut text = format!("{}{}{lasted}\n", label::of_document(document), style.paint(Color::of(mark), word));

    let mut fields = Vec::new();
    let all = serde_json::to_value(document).unwrap_or_default();
    let all = all.as_object().into_iter().flatten();
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(key, _)| place(key));
    for (key, value) in all {
        match (key.as_str(), value) {
            ("name" | "subsegments", _) => {}
            ("start_time" | "end_time", Value::Number(seconds)) => {
                let moment = date_time(seconds.as_f64().unwrap_or(f64::NAN));
                fields.push((key.clone(), format!("{moment} UTC, {seconds}")));
            }
            _ => flatten(escape(key).into_owned(), value, &mut fields),
        }
    }
    let width = fields.iter().map(|(name, _)| columns(name)).max().unwrap_or(0).min(NAMES);
    for (name, value) in fields.iter().take(FIELDS) {
        let blanks = " ".repeat(width.saturating_sub(columns(name)) + 2);
        text.push_str(&format!("{}{blanks}{value}\n", style.paint(Color::Dim, name)));
    }
    if fields.len() > FIELDS {
        text.push_str(&format!("{} more fields: --raw\n", fields.len() - FIELDS));
    }
    for beneath in document.subsegments.iter().take(SUBSEGMENTS) {
        let lasts = beneath.seconds().map(|seconds| ascii(duration(seconds), style));
        let lasts = lasts.unwrap_or_else(|| "in progress".to_owned());
        text.push_str(&format!(
            "{} {}  {}  {lasts}\n",
            style.pick("└", "`-"),
            escape(&beneath.id),
            label::of_document(beneath)
        ));
    }
    if document.subsegments.len() > SUBSEGMENTS {
        text.push_str(&format!("{} more subsegments\n", document.subsegments.len() - SUBSEGMENTS));
    }
    text
}

/// A value by the names of its members, joined: `http.request.method`, `cause.exceptions[0].message`.
fn flatten(name: String, value: &Value, to: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(key, value)| flatten(format!("{name}.{}", escape(key)), value, to));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(index, value)| flatten(format!("{name}[{index}]"), value, to));
        }
        Value::String(text) => to.push((name, escape(text).into_owned())),
        _ => to.push((name, value.to_string())),
    }
}

fn ascii(text: String, style: Style) -> String {
    if style.ascii { text.replace('µ', "u") } else { text }
}
