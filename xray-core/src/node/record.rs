//! Writing what is recorded on a node into a draft, outside every lock.

use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::items::{Class, Draft};
use super::parts::{AnnotationValue, ExceptionParts, HttpRequestParts, UrlParts};
use crate::document::escape::{self, Escaper};
use crate::document::names;
use crate::id::hex;

thread_local! {
    static DRAFT: Cell<Option<Box<Draft>>> = const { Cell::new(None) };
}

/// An empty draft, which this thread keeps: boxed, for moving its buffer out and in again takes 25 instructions more.
/// Nested use (a value whose `Debug` records something) gets one of its own.
#[inline(always)] // twice a span, as `give_back`
pub(crate) fn take_draft() -> Box<Draft> {
    DRAFT.try_with(Cell::take).ok().flatten().unwrap_or_else(new_draft)
}

#[cold]
#[inline(never)]
fn new_draft() -> Box<Draft> {
    Box::new(Draft::new())
}

/// Keeps a draft that [`take_draft`] gave.
#[inline(always)]
pub(crate) fn give_back(mut draft: Box<Draft>) {
    if draft.capacity() <= KEPT_BUFFER {
        draft.clear();
        let _ = DRAFT.try_with(|kept| kept.set(Some(draft)));
    }
}

/// Runs `fill` on such a draft.
pub(crate) fn with_draft<T>(fill: impl FnOnce(&mut Draft) -> T) -> T {
    let mut draft = take_draft();
    let result = fill(&mut draft);
    give_back(draft);
    result
}

/// An annotation under a key that is valid already.
pub(crate) fn annotation(draft: &mut Draft, key: &str, value: AnnotationValue<'_>) {
    let out = draft.start();
    escape::string(out, key);
    out.push(b':');
    let cut = scalar(out, value);
    draft.finish(Class::Annotation);
    draft.losses.values_cut += u16::from(cut);
}

/// An annotation's value as JSON; true when it was cut.
fn scalar(out: &mut Vec<u8>, value: AnnotationValue<'_>) -> bool {
    match value {
        AnnotationValue::Str(text) => return text_value(out, text, ANNOTATION_BYTES),
        AnnotationValue::I64(number) => escape::signed(out, number),
        AnnotationValue::U64(number) => escape::unsigned(out, number),
        AnnotationValue::F64(number) => escape::float(out, number),
        AnnotationValue::Bool(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
    }
    false
}

/// A JSON string of at most `room` bytes of text; true when it was cut.
#[inline]
pub(crate) fn text_value(out: &mut Vec<u8>, text: &str, room: usize) -> bool {
    if text.len() <= room {
        escape::string(out, text);
        return false;
    }
    formatted(out, room, format_args!("{text}"))
}

/// A JSON string of what `value` formats to, at most `room` bytes; true when it was cut.
pub(crate) fn formatted(out: &mut Vec<u8>, room: usize, value: fmt::Arguments<'_>) -> bool {
    out.push(b'"');
    let start = out.len();
    let mut escaper = Escaper::new(out, room);
    // An error is either the bound, which `finish` marks, or the value's own, which ends its text.
    let formatted = survives(|| escaper.write_fmt(value));
    let mut cut = escaper.finish();
    if formatted.is_none() {
        out.truncate(start);
        out.extend_from_slice(PANICKED.as_bytes());
        cut = true;
    }
    out.push(b'"');
    cut
}

/// Runs code of the host's that it would not run without us: a program must not fall for being traced.
fn survives<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn source_of<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    survives(|| error.source()).flatten()
}

/// `namespace` empty: the default one. False when the value could not be serialised.
pub(crate) fn metadata(draft: &mut Draft, namespace: &str, key: &str, value: &dyn Fn(&mut Vec<u8>) -> bool) -> bool {
    let out = draft.start();
    if !namespace.is_empty() {
        escape::string(out, namespace);
        out.push(b':');
    }
    escape::string(out, key);
    out.push(b':');
    if !value(out) {
        draft.discard();
        return false;
    }
    draft.finish(if namespace.is_empty() { Class::Metadata } else { Class::MetadataIn });
    true
}

/// `"key":value` by serde. False, and nothing kept, when it does not serialise or is out of proportion.
pub(crate) fn serialized(out: &mut Vec<u8>, value: &impl Serialize) -> bool {
    struct Bounded<'a>(&'a mut Vec<u8>, usize);
    impl std::io::Write for Bounded<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.1 = self.1.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::WriteZero)?;
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    survives(|| serde_json::to_writer(Bounded(out, METADATA_BYTES), value).is_ok()).unwrap_or(false)
}

/// A string member of a block. `key` with quotes and colon.
pub(crate) fn member(draft: &mut Draft, class: Class, key: &[u8], text: &str, room: usize) {
    let out = draft.start();
    out.extend_from_slice(key);
    let cut = text_value(out, text, room);
    draft.finish(class);
    draft.losses.values_cut += u16::from(cut);
}

#[inline(always)] // as `http_member`
pub(crate) fn number<const LENGTH: usize>(draft: &mut Draft, class: Class, key: &[u8; LENGTH], value: u64) {
    let out = draft.start();
    out.extend_from_slice(key);
    escape::unsigned(out, value);
    draft.finish(class);
}

/// The request side of the `http` block; `url` takes the place of the request's own.
pub(crate) fn http_request(draft: &mut Draft, request: &HttpRequestParts<'_>, url: Option<&UrlParts<'_>>) {
    match request.method {
        // Most requests by far: ready made it is a third.
        Some("GET") => draft.push(Class::HttpRequest, br#""method":"GET""#),
        Some("POST") => draft.push(Class::HttpRequest, br#""method":"POST""#),
        method => http_member(draft, br#""method":"#, method),
    }
    match url {
        Some(url) => url_in_parts(draft, url),
        None => http_member(draft, URL, request.url.map(names::url).as_deref()),
    }
    http_member(draft, br#""user_agent":"#, request.user_agent);
    http_member(draft, br#""client_ip":"#, request.client_ip);
    if request.x_forwarded_for {
        draft.push(Class::HttpRequest, br#""x_forwarded_for":true"#);
    }
    if request.traced {
        draft.push(Class::HttpRequest, br#""traced":true"#);
    }
}

/// A member of the `http` block, if there is one.
#[inline(always)] // with the key's length known, its copy is a move or two
fn http_member<const LENGTH: usize>(draft: &mut Draft, key: &[u8; LENGTH], text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        let out = draft.start();
        out.extend_from_slice(key);
        let cut = text_value(out, text, HTTP_BYTES);
        draft.finish(Class::HttpRequest);
        draft.losses.values_cut += u16::from(cut);
    }
}

/// Puts a URL together where it is written, and looks at it there, once: as text of its own, looked at for secrets and
/// for what JSON escapes, it took three times as many instructions, 350 of a request's.
fn url_in_parts(draft: &mut Draft, url: &UrlParts<'_>) {
    let out = draft.start();
    out.extend_from_slice(URL);
    out.push(b'"');
    let start = out.len();
    for part in [url.scheme, "://", url.authority, url.path] {
        out.extend_from_slice(part.as_bytes());
    }
    let written = out.get(start..).unwrap_or_default();
    if written.len() <= HTTP_BYTES && names::is_plain_url(written) {
        out.push(b'"');
        return draft.finish(Class::HttpRequest);
    }
    let whole = String::from_utf8_lossy(written).into_owned();
    draft.discard();
    http_member(draft, URL, Some(&names::url(&whole)));
}

/// Where an exception was noticed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) file: Option<&'static str>,
    pub(crate) line: Option<u32>,
    pub(crate) label: &'static str,
}

/// How many exceptions of a chain a node takes, and how many it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) taken: u8,
    pub(crate) skipped: u8,
}

/// One exception; `cause` is the id of the one that caused it, `skipped` says how many more there were.
pub(crate) fn exception(
    draft: &mut Draft,
    id: u64,
    parts: &ExceptionParts<'_>,
    cause: Option<u64>,
    skipped: u8,
    place: Place,
) {
    let out = draft.start();
    out.extend_from_slice(br#"{"id":""#);
    out.extend_from_slice(&hex(id));
    out.extend_from_slice(br#"","type":"#);
    text_value(out, if parts.kind.is_empty() { "error" } else { parts.kind }, HTTP_BYTES);
    out.extend_from_slice(br#","message":"#);
    let cut = text_value(out, parts.message, MESSAGE_BYTES);
    if parts.remote {
        out.extend_from_slice(br#","remote":true"#);
    }
    if let Some(cause) = cause {
        out.extend_from_slice(br#","cause":""#);
        out.extend_from_slice(&hex(cause));
        out.push(b'"');
    }
    if skipped > 0 {
        out.extend_from_slice(br#","skipped":"#);
        escape::unsigned(out, u64::from(skipped));
    }
    if let Some(file) = place.file {
        out.extend_from_slice(br#","stack":[{"path":"#);
        escape::string(out, file);
        out.extend_from_slice(br#","line":"#);
        escape::unsigned(out, u64::from(place.line.unwrap_or(0)));
        out.extend_from_slice(br#","label":"#);
        escape::string(out, place.label);
        out.extend_from_slice(b"}]");
    }
    out.push(b'}');
    draft.finish(Class::Exception);
    draft.losses.values_cut += u16::from(cut);
}

/// An error and what caused it, outermost first, as many as were admitted; each linked to the next by id.
pub(crate) fn error_chain(
    draft: &mut Draft,
    error: &(dyn Error + 'static),
    kind: Option<&str>,
    admitted: Admitted,
    place: Place,
    new_id: &dyn Fn() -> u64,
) {
    let mut next = Some(error);
    let mut id = new_id();
    for level in 0..admitted.taken {
        let Some(error) = next else { return };
        next = source_of(error);
        let last = level + 1 == admitted.taken;
        let cause = (next.is_some() && !last).then(new_id);
        let guessed = type_from_debug(error);
        let kind = if level == 0 { kind.unwrap_or(&guessed) } else { &guessed };
        let message = bounded_text(&error, MESSAGE_BYTES);
        let place = if level == 0 { place } else { Place::default() };
        let skipped = if last { admitted.skipped } else { 0 };
        exception(draft, id, &ExceptionParts { kind, message: &message, remote: false }, cause, skipped, place);
        id = cause.unwrap_or(0);
    }
}

/// How many errors a chain holds; a chain can be endless, and is counted to 255.
pub(crate) fn chain_length(error: &(dyn Error + 'static)) -> u8 {
    let mut length = 0;
    let mut next = Some(error);
    while let (Some(error), true) = (next, length < u8::MAX) {
        length += 1;
        next = source_of(error);
    }
    length
}

/// A `dyn Error` has lost its type's name; a derived `Debug` starts with it.
fn type_from_debug(error: &(dyn Error + 'static)) -> String {
    // The commonest of all, and its `Debug` is not derived.
    if error.is::<std::io::Error>() {
        return "io::Error".to_owned();
    }
    let mut text = TypeName { text: String::new() };
    let formatted = survives(|| write!(text, "{error:?}"));
    let starts_like_a_type = text.text.starts_with(|first: char| first.is_ascii_uppercase());
    if formatted.is_some() && starts_like_a_type { text.text } else { "error".to_owned() }
}

/// Keeps the leading identifier of what is written to it, and stops the formatting behind it.
struct TypeName {
    text: String,
}

impl Write for TypeName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            if !(letter.is_ascii_alphanumeric() || letter == '_') || self.text.len() >= 100 {
                return Err(fmt::Error);
            }
            self.text.push(letter);
        }
        Ok(())
    }
}

/// What a value displays, at most `room` bytes and a little more: the rest is never formatted.
pub(crate) fn bounded_text(value: &dyn fmt::Display, room: usize) -> String {
    struct Bounded(String, usize);
    impl Write for Bounded {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.push_str(text);
            if self.0.len() > self.1 { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut bounded = Bounded(String::new(), room);
    match survives(|| write!(bounded, "{value}")) {
        Some(_) => bounded.0,
        None => PANICKED.to_owned(),
    }
}

/// In place of a value that panicked while it was formatted.
const URL: &[u8; 6] = br#""url":"#;
const PANICKED: &str = "[panicked while formatted]";
/// Bytes of an exception's message. X-Ray takes more; messages tend to hold what should not travel.
pub(crate) const MESSAGE_BYTES: usize = 512;
/// Bytes of an annotation's text. Source: X-Ray Developer Guide, "Segment documents" (1,000 characters).
pub(crate) const ANNOTATION_BYTES: usize = 1000;
/// Bytes of one metadata value, serialised or formatted.
pub(crate) const METADATA_BYTES: usize = 16 * 1024;
/// Bytes of a text in the `http`, `aws` or `sql` block. Source: the same page (250 characters).
pub(crate) const HTTP_BYTES: usize = 250;
/// A thread keeps its draft's buffer up to this size.
const KEPT_BUFFER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_parts_is_written_as_the_whole_one_is() {
        let long = "/x".repeat(200);
        for (authority, path) in [
            ("shop.example.com", "/orders/7"),
            ("h", ""),
            ("[::1]:8080", "/@me"),
            ("me:secret@example.com", "/orders"),
            ("example.com", "/a?token=1"),
            ("example.com", "/a/b/c/d#top"),
            ("example.com", "/a\"b\\c"),
            ("example.com", "/größe"),
            ("example.com", &long),
        ] {
            let [whole, parts] = [false, true].map(|in_parts| {
                with_draft(|draft| {
                    let url = format!("https://{authority}{path}");
                    let url = Some(url.as_str());
                    let parts = UrlParts { scheme: "https", authority, path };
                    let request = HttpRequestParts { url, ..HttpRequestParts::default() };
                    http_request(draft, &request, in_parts.then_some(&parts));
                    draft.items().map(|(class, item)| (class, item.to_vec())).collect::<Vec<_>>()
                })
            });
            assert_eq!((whole.len(), &whole), (1, &parts), "{authority}{path}");
        }
    }
}
