//! The text of one line.

use xray_core::document::{Annotation, Document, names};

use super::Picture;

/// Characters of an exception's message worth a place in a line.
const MESSAGE_CHARS: usize = 60;

/// What is said of a segment or subsegment; `is_top` if it came as a document of its own.
pub(super) fn label(document: &Document, is_top: bool, options: &Picture) -> String {
    let mut words = Vec::new();
    match (is_top, document.is_lone_subsegment()) {
        (true, false) => words.push("segment".to_owned()),
        (true, true) | (false, _) => {
            // One SDK marks all other subsegments as local; that says nothing.
            let namespace = document.namespace.as_deref().filter(|namespace| *namespace != "local");
            words.extend(namespace.map(visible));
            if let ("aws", Some(aws)) = (namespace.unwrap_or_default(), &document.aws) {
                words.extend(aws.operation().map(visible));
            }
            if is_top {
                words.push("lone".to_owned());
            }
        }
    }
    words.extend(document.http_status().map(|status| status.to_string()));
    let marks = [
        (document.error, "error"),
        (document.throttle, "throttle"),
        (document.fault, "fault"),
        (document.in_progress, "in progress"),
    ];
    words.extend(marks.iter().filter(|(set, _)| *set).map(|(_, mark)| (*mark).to_owned()));
    if options.causes {
        words.extend(causes(document));
    }
    if options.annotations && !document.annotations.is_empty() {
        words.push(annotations(document));
    }
    if options.ids {
        words.push(format!("#{}", visible(&document.id)));
    }
    if options.times && !options.timeline {
        words.push(document.seconds().map_or("open".to_owned(), milliseconds));
    }
    let name = if document.name.is_empty() { "(no name)" } else { &document.name };
    if words.is_empty() { visible(name) } else { format!("{}  {}", visible(name), words.join(" ")) }
}

fn causes(document: &Document) -> Option<String> {
    let shown = |exception: &xray_core::document::Exception| {
        let kind = exception.kind.as_deref().unwrap_or("exception");
        let message = exception.message.as_deref().unwrap_or_default();
        visible(&format!("{kind}: {}", names::text(message, MESSAGE_CHARS)))
    };
    let causes: Vec<String> = document.exceptions().iter().map(shown).collect();
    (!causes.is_empty()).then(|| format!("({})", causes.join("; ")))
}

fn annotations(document: &Document) -> String {
    let shown = |(key, value): (&String, &Annotation)| {
        let value = match value {
            Annotation::String(text) => visible(text),
            Annotation::Number(number) => number.to_string(),
            Annotation::Bool(value) => value.to_string(),
            Annotation::Other(value) => value.to_string(),
        };
        format!("{}={value}", visible(key))
    };
    let shown: Vec<String> = document.annotations.iter().map(shown).collect();
    format!("{{{}}}", shown.join(", "))
}

/// In place of a parent that did not come.
pub(super) fn missing(parent: &str) -> String {
    format!("(parent {} not here)", short(parent))
}

/// Above a document that is, by way of others, its own parent.
pub(super) fn looping(parent: &str) -> String {
    format!("(parent {} lies beneath)", short(parent))
}

fn short(id: &str) -> String {
    /// Hex digits that tell ids apart for a reader.
    const SHOWN: usize = 8;
    names::text(&visible(id), SHOWN + 1).into_owned()
}

/// Milliseconds, with a decimal where it matters.
pub(super) fn milliseconds(seconds: f64) -> String {
    let millis = seconds * 1e3;
    if millis.abs() < 9.95 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// A text that stays in its line, whoever sent it.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '·' } else { c }).collect()
}
