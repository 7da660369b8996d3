//! The side panel: all that is known of one row.
//!
//! Rendered for the row that is asked for, when it is. Sections fold by themselves, without script.
//!
//! Limits, ours to choose, for a document may hold 64 kB of anything: 16 kB of text for a section, 20 exceptions, 100
//! frames of a stack. Beyond them the page says so, and the raw trace has all.

use maud::{Markup, html};
use serde_json::{Map, Value};
use xray_core::document::{Annotation, Document};

use super::super::shown;
use super::page::{class, count};
use super::rows::{took, word};
use super::sheet::Sheet;
use super::{exceptions, json};
use crate::filter::Filter;
use crate::query::AnnotationValue;
use crate::text::{date_time, duration, label};
use crate::timeline::{Row, RowKind};
use crate::web::condition::{annotation, toggled};
use crate::web::query::Query;

/// Of the row with this index; nothing if there is none.
pub(super) fn of(sheet: &Sheet<'_>, index: usize) -> Markup {
    let Some(row) = sheet.timeline.rows.get(index) else { return html! {} };
    let key = super::view::key(&sheet.timeline, index).unwrap_or_default();
    html! {
        header #detail-head data-row=(index) data-key=(key) {
            h2 { (label::of(row)) @if let Some(word) = word(row) { " " span class={ "badge " (class(row.mark)) } { (word) } } }
            a #detail-close.close href=(sheet.href(&sheet.query.without("sel"))) title="Close (Esc)" aria-label="Close" { "×" }
        }
        (overview(sheet, row))
        @if let Some(document) = row.document {
            (annotations(sheet, document))
            (exceptions::of(sheet, document))
            (resources(document))
            (block("Metadata", &document.metadata))
            (block("Other", &document.other))
            (links(document))
            details #raw {
                summary { "Raw document" }
                pre { (json::pretty(document)) }
            }
        }
    }
}

fn overview(sheet: &Sheet<'_>, row: &Row<'_>) -> Markup {
    let kind = match row.kind {
        RowKind::Segment => "segment",
        RowKind::Subsegment => "subsegment",
        RowKind::Call => "call to another service",
        RowKind::Wait => "message waiting in a queue",
        RowKind::Orphan => "subsegment whose segment has not arrived",
    };
    let start = sheet.timeline.start + row.start;
    let mut facts = vec![("is", kind.to_owned()), ("took", took(row))];
    facts.push(("began", format!("{} UTC, {} in", date_time(start), duration(row.start))));
    if let Some(idle) = row.idle {
        facts.push(("idle", format!("{}: nothing recorded within was active", duration(idle.seconds()))));
    }
    if row.critical {
        facts.push(("critical", "the answer waited for this".to_owned()));
    }
    if let Some(document) = row.document {
        let flags = [(document.fault, "fault"), (document.error, "error"), (document.throttle, "throttle")];
        let flags: Vec<&str> = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect();
        let texts = [
            ("flags", Some(flags.join(", "))),
            ("id", Some(document.id.clone())),
            ("parent", document.parent_id.clone()),
            ("namespace", document.namespace.clone()),
            ("origin", document.origin.clone()),
            ("resource", document.resource_arn.clone()),
            ("user", document.user.clone()),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        facts.extend(texts.filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, shown(&text).into_owned())));
    }
    html! {
        details open {
            summary { "Overview" }
            dl { @for (name, text) in facts { dt { (name) } dd { (text) } } }
        }
    }
}

/// Each leads to the traces that have it too.
fn annotations(sheet: &Sheet<'_>, document: &Document) -> Markup {
    if document.annotations.is_empty() {
        return html! {};
    }
    let carried = sheet.query.only(&["q", "w"]);
    let traces = |condition: &str| {
        let (mut filter, has) = toggled(carried.filter(), condition, Filter::parse);
        if has {
            // It is asked for already.
            filter = carried.filter().unwrap_or_default().to_owned();
        }
        carried.with("q", &filter).href("/traces")
    };
    html! {
        details open {
            summary { "Annotations (" (document.annotations.len()) ")" }
            dl {
                @for (key, value) in &document.annotations {
                    dt { (shown(key)) }
                    dd {
                        @match condition(key, value) {
                            Some(condition) => a href=(traces(&condition)) title={ "Traces with " (shown(&condition)) } { (shown(&said(value))) },
                            None => (shown(&said(value))),
                        }
                    }
                }
            }
        }
    }
}

/// The condition that the annotation has this value; none of what X-Ray does not index.
fn condition(key: &str, value: &Annotation) -> Option<String> {
    let value = match value {
        Annotation::String(text) => AnnotationValue::Text(text.clone()),
        Annotation::Number(number) => AnnotationValue::Number(number.as_f64()?),
        Annotation::Bool(value) => AnnotationValue::Bool(*value),
        Annotation::Other(_) => return None,
    };
    annotation(key, &value)
}

fn said(value: &Annotation) -> String {
    match value {
        Annotation::String(text) => text.clone(),
        Annotation::Number(number) => number.to_string(),
        Annotation::Bool(value) => value.to_string(),
        Annotation::Other(value) => value.to_string(),
    }
}

/// What it called or ran on: HTTP, SQL, AWS, program.
fn resources(document: &Document) -> Markup {
    let members = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    let parts = [
        ("HTTP", document.http.as_ref().map(serde_json::to_value)),
        ("SQL", document.sql.as_ref().map(serde_json::to_value)),
        ("AWS", document.aws.as_ref().map(serde_json::to_value)),
        ("Service", document.service.as_ref().map(serde_json::to_value)),
    ];
    html! {
        @for (name, value) in parts {
            @if let Some(value) = value { (table(name, &members(value))) }
        }
    }
}

/// A list of names and values, those of nested objects under their path.
fn table(name: &str, members: &Map<String, Value>) -> Markup {
    if members.is_empty() {
        return html! {};
    }
    html! {
        details open {
            summary { (name) }
            dl {
                @for (key, value) in flat(members) {
                    dt { (shown(&key)) }
                    dd { (json::block(&value)) }
                }
            }
        }
    }
}

/// Two levels are written out; what is deeper is JSON.
fn flat(members: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut pairs = Vec::new();
    for (key, value) in members {
        match value {
            Value::Object(inner) => {
                pairs.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), text(value))))
            }
            value => pairs.push((key.clone(), text(value))),
        }
    }
    pairs
}

fn block(name: &str, members: &Map<String, Value>) -> Markup {
    if members.is_empty() {
        return html! {};
    }
    html! {
        details open {
            summary { (name) }
            @for (key, value) in members {
                h3 { (shown(key)) }
                pre { (json::pretty(value)) }
            }
        }
    }
}

/// Other traces this work belongs to.
fn links(document: &Document) -> Markup {
    if document.links.is_empty() {
        return html! {};
    }
    html! {
        details open {
            summary { (count(document.links.len(), "linked trace")) }
            ul {
                @for link in document.links.iter().take(20) {
                    @let to = Query::default().with("sel", &link.id).href(&format!("/t/{}", crate::web::escaped(&link.trace_id)));
                    li { a href=(to) { (shown(&link.trace_id)) } }
                }
            }
        }
    }
}
