//! Why a span failed: its `exception` events as X-Ray's exceptions.
//!
//! An error and its sources are linked by id, the outermost first, as X-Ray shows them. The sources come from where the
//! sender's language keeps them: `tracing-opentelemetry` lists those of a Rust error in `exception.stacktrace`, anyhow
//! and others write "Caused by", Java and Python write theirs among the stacks.

use xray_core::SegmentId;
use xray_core::document::{Cause, CauseObject, Document, Exception, StackFrame};

use super::attributes::{Reader, cut};
use super::derived_id;
use super::stack::{self, Trace};
use crate::losses::Losses;
use crate::span::{Attributes, Event, Kind, Span, Status, Value};

pub(super) fn describe(document: &mut Document, span: &Span, reader: &mut Reader<'_>, losses: &mut Losses) {
    let mut found = Found { span, remote: matches!(span.kind, Kind::Client | Kind::Producer), exceptions: Vec::new() };
    for event in &span.events {
        if is_exception(event) {
            found.event(&event.attributes, losses);
        }
    }
    // `tracing-opentelemetry` repeats the last on the span; spans that failed without an event have it there alone.
    let message = reader.text(&["exception.message"]);
    let kind = reader.text(&["exception.type"]);
    let stack = reader.any("exception.stacktrace");
    reader.any("error.chain");
    let error_type = reader.text(&["error.type"]);
    if found.exceptions.is_empty() && (message.is_some() || kind.is_some()) {
        found.chain(kind.or(error_type), message, stack, losses);
    }
    if found.exceptions.is_empty() && (document.fault || document.error || document.throttle) {
        let description = match &span.status {
            Status::Error(text) if !text.is_empty() => Some(text.as_str()),
            _ => reader.text(&["error.message"]),
        };
        // A status code as error type says nothing that the document does not.
        let error_type = error_type.filter(|kind| kind.parse::<u16>().is_err());
        if description.is_some() || error_type.is_some() {
            found.chain(error_type, description, None, losses);
        }
    }
    let reference = reader.text(&["aws.xray.cause"]).filter(|id| id.parse::<SegmentId>().is_ok());
    if !found.exceptions.is_empty() {
        let mut cause = CauseObject::default();
        cause.exceptions = found.exceptions;
        document.cause = Some(Cause::Object(cause));
    } else if let Some(id) = reference {
        document.cause = Some(Cause::Id(id.to_owned()));
    }
}

/// Whether an attribute of an event is part of the exception that is made of it.
pub(super) fn is_own(key: &str) -> bool {
    key.starts_with("exception.") || key.starts_with("aws.xray.exception.")
}

/// Whether an exception is made of an event.
pub(super) fn is_exception(event: &Event) -> bool {
    event.name == "exception"
        || event.attributes.iter().any(|(key, _)| key == "exception.message" || key == "exception.type")
}

struct Found<'a> {
    span: &'a Span,
    remote: bool,
    exceptions: Vec<Exception>,
}

impl Found<'_> {
    fn event(&mut self, attributes: &Attributes, losses: &mut Losses) {
        let mut reader = Reader::new(attributes);
        let first = self.exceptions.len();
        let kind = reader.text(&["exception.type"]).or_else(|| reader.text(&["error.type"]));
        let message = reader.text(&["exception.message"]);
        let stack = reader.any("exception.stacktrace");
        self.chain(kind, message, stack, losses);
        let Some(exception) = self.exceptions.get_mut(first) else { return };
        // `tracing-opentelemetry` knows where the event stands in the source, which is better than no stack.
        let path = reader.text(&["code.file.path", "code.filepath"]);
        if let Some(path) = path.filter(|_| exception.stack.is_empty()) {
            let mut frame = StackFrame::default();
            frame.path = Some(path.chars().take(TYPE_CHARS).collect());
            frame.line = reader.int(&["code.line.number", "code.lineno"]).filter(|line| *line >= 0);
            let label = reader.text(&["code.function.name", "code.module.name", "code.namespace"]);
            frame.label = label.map(|label| label.chars().take(TYPE_CHARS).collect());
            exception.stack.push(frame);
        }
        // What X-Ray had said before it became a span.
        let is_id = |id: &&str| id.parse::<SegmentId>().is_ok();
        if let Some(id) = reader.text(&["aws.xray.exception.id"]).filter(is_id) {
            exception.id = id.to_owned();
        }
        if let Some(cause) = reader.text(&["aws.xray.exception.cause"]).filter(is_id) {
            exception.cause = Some(cause.to_owned());
        }
        if let Some(remote) = reader.bool("aws.xray.exception.remote") {
            exception.remote = remote;
        }
        let count = |number: Option<i64>| number.filter(|number| *number > 0);
        exception.truncated = count(reader.int(&["aws.xray.exception.truncated"])).or(exception.truncated);
        exception.skipped = count(reader.int(&["aws.xray.exception.skipped"])).or(exception.skipped);
    }

    /// An exception and those it was caused by.
    fn chain(&mut self, kind: Option<&str>, message: Option<&str>, stack: Option<&Value>, losses: &mut Losses) {
        let traces = traces(kind, message, stack);
        let first = self.exceptions.len();
        let room = EXCEPTIONS.saturating_sub(first);
        let total = traces.len();
        for (at, trace) in traces.into_iter().take(room.min(CHAIN)).enumerate() {
            let mut exception = Exception::default();
            exception.id = derived_id(self.span, 1 + (first + at) as u64).to_string();
            exception.kind = Some(cut(trace.kind.as_deref().unwrap_or("error"), TYPE_CHARS, losses).into_owned());
            exception.message =
                trace.message.as_deref().map(|message| cut(message, MESSAGE_CHARS, losses).into_owned());
            exception.remote = self.remote;
            exception.truncated = (trace.truncated > 0).then_some(trace.truncated);
            exception.stack = trace.frames;
            self.exceptions.push(exception);
        }
        let ids: Vec<String> = self.exceptions.iter().map(|exception| exception.id.clone()).collect();
        for (at, exception) in self.exceptions.iter_mut().enumerate().skip(first) {
            exception.cause = ids.get(at + 1).cloned();
        }
        let left = total - (self.exceptions.len() - first);
        losses.events_dropped += u64::from(left > 0);
        if let Some(last) = self.exceptions.last_mut().filter(|_| left > 0) {
            last.skipped = i64::try_from(left).ok();
        }
    }
}

/// The error itself, then its sources.
fn traces(kind: Option<&str>, message: Option<&str>, stack: Option<&Value>) -> Vec<Trace> {
    let (text, sources) = message.map(stack::split_causes).unwrap_or_default();
    let mut traces = match stack {
        Some(Value::Text(text)) => stack::parse(text),
        // The sources of a Rust error, by the name of a stack.
        Some(Value::List(items)) => {
            let sources = items.iter().filter_map(Value::as_str).map(Trace::of_message);
            std::iter::once(Trace::default()).chain(sources).collect()
        }
        _ => Vec::new(),
    };
    if traces.is_empty() {
        traces.push(Trace::default());
    }
    if traces.len() == 1 {
        traces.extend(sources.into_iter().map(|source| Trace::of_message(&source)));
    }
    if let Some(first) = traces.first_mut() {
        first.kind = kind.map(str::to_owned).or(first.kind.take());
        first.message = Some(text).filter(|text| !text.is_empty()).or(first.message.take());
    }
    traces
}

/// Most exceptions of a span, and of one chain. Ours to choose, as the `tracing` layer's.
const EXCEPTIONS: usize = 16;
const CHAIN: usize = 8;
/// Longest message, characters.
const MESSAGE_CHARS: usize = 512;
/// Longest type, characters. Source: X-Ray Developer Guide, "Segment documents".
const TYPE_CHARS: usize = 250;
