//! What has no place of its own: annotations, metadata, events, links of subsegments.

use serde_json::{Map, Value as Json};
use xray_core::document::{Annotation, Document, Link, limits, names};

use super::attributes::{Reader, cut, double, is_masked, json, open_text};
use super::{Mapping, exceptions, seconds};
use crate::losses::Losses;
use crate::span::{Event, Span, Value};

pub(super) fn describe(
    document: &mut Document,
    span: &Span,
    reader: &Reader<'_>,
    mapping: &Mapping,
    losses: &mut Losses,
) {
    let listed = listed(reader);
    for (key, value) in reader.rest() {
        if key == LISTED {
            continue;
        }
        if let Some(namespace) = key.strip_prefix("aws.xray.metadata.") {
            if restored(document, namespace, value) {
                continue;
            }
        }
        let named = key.strip_prefix("annotation.");
        if named.is_some() || listed.contains(&key) || mapping.indexes(key) {
            match scalar(key, value, losses) {
                Some(value) => {
                    let key = annotation_key(named.unwrap_or(key), losses);
                    document.annotations.insert(key, value);
                    continue;
                }
                None => losses.annotations_moved += u64::from(named.is_some() || listed.contains(&key)),
            }
        }
        if !mapping.keeps(key) {
            continue;
        }
        let value = json(key, value, losses);
        let key = key.strip_prefix("metadata.").or(named).unwrap_or(key);
        metadata(document, "default", key, value);
    }
    events(document, span, losses);
}

/// The keys that the sender wants indexed.
fn listed<'a>(reader: &Reader<'a>) -> Vec<&'a str> {
    match reader.get(LISTED) {
        Some(Value::List(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Source: the OpenTelemetry collector's `awsxrayexporter`.
const LISTED: &str = "aws.xray.annotations";

/// Metadata that came from X-Ray and goes back there: an object of keys as JSON text.
fn restored(document: &mut Document, namespace: &str, value: &Value) -> bool {
    let Some(members) = value.as_str().and_then(object) else { return false };
    for (key, value) in members {
        metadata(document, namespace, &key, value);
    }
    true
}

/// An object written as JSON text, of a depth that a document bears; none if it is anything else, or empty.
pub(super) fn object(text: &str) -> Option<Map<String, Json>> {
    if text.len() > limits::DOCUMENT_BYTES {
        return None;
    }
    let Ok(Json::Object(members)) = serde_json::from_str(text) else { return None };
    let bearable = !members.is_empty() && members.values().all(|value| !is_deeper(value, RESTORED_DEPTH));
    bearable.then_some(members)
}

fn is_deeper(value: &Json, than: usize) -> bool {
    let Some(below) = than.checked_sub(1) else { return true };
    match value {
        Json::Array(items) => items.iter().any(|item| is_deeper(item, below)),
        Json::Object(members) => members.values().any(|value| is_deeper(value, below)),
        _ => false,
    }
}

/// As deep as an attribute's value.
const RESTORED_DEPTH: usize = 16;

/// A value that X-Ray indexes.
pub(super) fn scalar(key: &str, value: &Value, losses: &mut Losses) -> Option<Annotation> {
    if is_masked(key, value, losses) {
        return Some(Annotation::String(names::MASK.to_owned()));
    }
    match value {
        Value::Text(text) => {
            let text = open_text(key, text);
            Some(Annotation::String(cut(&text, limits::ANNOTATION_TEXT_CHARS, losses).into_owned()))
        }
        Value::Bool(value) => Some(Annotation::Bool(*value)),
        Value::Int(number) => Some(Annotation::Number((*number).into())),
        Value::Double(number) => Some(double(*number, losses).into()),
        _ => None,
    }
}

pub(super) fn annotation_key(key: &str, losses: &mut Losses) -> String {
    let valid = names::annotation_key(key);
    losses.names_changed += u64::from(valid.len() != key.len());
    valid.into_owned()
}

/// Adds to the metadata of a namespace.
pub(super) fn metadata(document: &mut Document, namespace: &str, key: &str, value: Json) {
    let entry = document.metadata.entry(metadata_key(namespace)).or_insert_with(|| Json::Object(Map::new()));
    // It always is one: nothing else is put there.
    if let Json::Object(members) = entry {
        members.insert(metadata_key(key), value);
    }
}

/// Keys that begin with `AWS.` are X-Ray's own.
fn metadata_key(key: &str) -> String {
    if key.starts_with("AWS.") { format!("_{key}") } else { key.to_owned() }
}

/// The span's events, as `xray-core` writes those of `tracing`.
fn events(document: &mut Document, span: &Span, losses: &mut Losses) {
    let kept = span.events.iter().filter(|event| says_more(event));
    let mut list: Vec<Json> = Vec::new();
    for event in kept {
        if list.len() >= EVENTS {
            losses.events_dropped += 1;
            continue;
        }
        list.push(event_json(event, losses));
    }
    if !list.is_empty() {
        metadata(document, "tracing", "events", Json::Array(list));
    }
}

/// Whether an event is more than the exception that is made of it.
fn says_more(event: &Event) -> bool {
    event.name != "exception"
        || event.attributes.iter().any(|(key, _)| !(exceptions::is_own(key) || key.starts_with("code.")))
}

fn event_json(event: &Event, losses: &mut Losses) -> Json {
    let failed = exceptions::is_exception(event);
    let mut members = Map::new();
    members.insert("time".to_owned(), seconds(event.time).into());
    let mut fields = Map::new();
    for (key, value) in &event.attributes {
        match (key.as_str(), value) {
            ("level" | "target", Value::Text(text)) => {
                members.insert(key.clone(), cut(text, LEVEL_CHARS, losses).into());
            }
            // What the exception says is not said again.
            (key, _) if failed && (exceptions::is_own(key) || key.starts_with("code.") || key.ends_with(".chain")) => {}
            _ => {
                fields.insert(key.clone(), json(key, value, losses));
            }
        }
    }
    if !event.name.is_empty() {
        members.insert("message".to_owned(), cut(&event.name, MESSAGE_CHARS, losses).into());
    }
    if !fields.is_empty() {
        members.insert("fields".to_owned(), Json::Object(fields));
    }
    Json::Object(members)
}

/// Links of a subsegment, for X-Ray shows those of segments alone.
pub(super) fn links(document: &mut Document, links: Vec<Link>) {
    if links.is_empty() {
        return;
    }
    let links = links.iter().filter_map(|link| serde_json::to_value(link).ok()).collect();
    metadata(document, "default", "otel.links", Json::Array(links));
}

/// Most events of a span that are kept. Ours to choose, as the `tracing` layer's.
const EVENTS: usize = 32;
/// Longest text of an event, characters.
const MESSAGE_CHARS: usize = 4 * 1024;
/// Longest level or target, characters.
const LEVEL_CHARS: usize = 250;
