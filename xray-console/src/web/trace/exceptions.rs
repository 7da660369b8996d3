//! Why something failed: exceptions with their stacks, each followed by what it was caused by.
//!
//! An exception names its cause by id; a segment may name one that a subsegment beneath it recorded. Both are looked up
//! in the whole trace.

use maud::{Markup, html};
use xray_core::document::{Cause, Document, Exception, StackFrame};

use super::super::shown;
use super::json;
use super::page::count;
use super::sheet::Sheet;

/// Most exceptions of a document that are shown.
const EXCEPTIONS: usize = 20;
/// Most frames of a stack.
const FRAMES: usize = 100;

pub(super) fn of(sheet: &Sheet<'_>, document: &Document) -> Markup {
    let (chain, more) = match &document.cause {
        None => return html! {},
        Some(Cause::Object(_)) => chain(document.exceptions()),
        Some(Cause::Id(_)) => (Vec::new(), 0),
    };
    let elsewhere = match &document.cause {
        Some(Cause::Id(id)) => Some(id.as_str()),
        // The last of the chain may say that the story goes on in another document.
        _ => chain.last().and_then(|last| last.cause.as_deref()),
    };
    let elsewhere = elsewhere.and_then(|id| recorded(sheet, id));
    if chain.is_empty() && elsewhere.is_none() {
        return html! {};
    }
    html! {
        details open {
            summary { "Exceptions (" (chain.len() + more) ")" }
            @for (place, exception) in chain.iter().enumerate() {
                @if place > 0 {
                    @let above = chain.get(place - 1).and_then(|above| above.cause.as_deref());
                    p.caused { @if above == Some(&*exception.id) { "caused by" } @else { "and" } }
                }
                (one(exception))
            }
            @if more > 0 { p.note { (more) " more" } }
            @if let Some((row, exception)) = elsewhere {
                p.caused { "caused by " a href=(sheet.href_of(row)) { "what failed beneath" } }
                (one(exception))
            }
        }
    }
}

/// The exceptions in the order of cause, the outermost first; and how many are not among them.
fn chain(exceptions: &[Exception]) -> (Vec<&Exception>, usize) {
    let mut rest: Vec<&Exception> = exceptions.iter().take(1_000).collect();
    let mut chain: Vec<&Exception> = Vec::new();
    while !rest.is_empty() && chain.len() < EXCEPTIONS {
        let cause = chain.last().and_then(|last| last.cause.as_deref());
        let place = cause.and_then(|cause| rest.iter().position(|exception| exception.id == cause)).unwrap_or(0);
        chain.push(rest.remove(place));
    }
    let more = exceptions.len() - chain.len();
    (chain, more)
}

/// The row whose document recorded the exception of this id, and the exception.
fn recorded<'s>(sheet: &'s Sheet<'_>, id: &str) -> Option<(usize, &'s Exception)> {
    sheet.timeline.rows.iter().enumerate().find_map(|(index, row)| {
        let exceptions = row.document?.exceptions();
        Some((index, exceptions.iter().find(|exception| exception.id == id)?))
    })
}

fn one(exception: &Exception) -> Markup {
    let kind = exception.kind.as_deref().unwrap_or("exception");
    let left_out = exception.truncated.filter(|frames| *frames > 0);
    let skipped = exception.skipped.filter(|skipped| *skipped > 0);
    html! {
        div.exception {
            h3 { (shown(kind)) @if exception.remote { " " span.badge { "remote" } } }
            @if let Some(message) = &exception.message { p.message { (json::block(message)) } }
            @if !exception.stack.is_empty() {
                ol.stack {
                    @for frame in exception.stack.iter().take(FRAMES) { li { (at(frame)) } }
                }
            }
            @let cut = exception.stack.len().saturating_sub(FRAMES);
            @if cut > 0 { p.note { (count(cut, "frame")) " more" } }
            @if let Some(frames) = left_out { p.note { (frames) " frames left out by the sender" } }
            @if let Some(skipped) = skipped { p.note { (skipped) " exceptions left out by the sender" } }
        }
    }
}

fn at(frame: &StackFrame) -> Markup {
    html! {
        @if let Some(label) = &frame.label { code { (shown(label)) } " " }
        @if let Some(path) = &frame.path {
            span.path { (shown(path)) @if let Some(line) = frame.line { ":" (line) } }
        }
    }
}
