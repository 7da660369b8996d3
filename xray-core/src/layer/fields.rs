//! From a span's or an event's values to items: rendered at once, typed as they came, before any lock is taken.

use std::error::Error;
use std::fmt;

use tracing::field::{Field as TracingField, Visit};

use super::callsite::{Callsite, Field, Meaning};
use crate::document::{escape, names};
use crate::node::{
    ANNOTATION_BYTES, Class, Draft, Flags, HTTP_BYTES, MESSAGE_BYTES, METADATA_BYTES, bounded_text, flag, formatted,
    text_value,
};

/// What a span's values say besides the items they become.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Flags of the node.
    pub(crate) bits: u16,
    /// `xray = false`.
    pub(crate) deselected: bool,
    /// Few spans have any of it.
    pub(crate) texts: Option<Box<Texts>>,
}

/// Texts that become no item of the span, or not at once.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// Text for an exception.
    pub(crate) message: Option<String>,
    /// Type for an exception.
    pub(crate) kind: Option<String>,
    /// The user, who belongs to the segment.
    pub(crate) user: Option<String>,
    /// Bytes of a name that had to be made valid.
    pub(crate) renamed: Option<usize>,
    rpc_method: Option<String>,
}

impl Findings {
    fn texts(&mut self) -> &mut Texts {
        self.texts.get_or_insert_default()
    }
}

/// Writes a span's fields.
pub(crate) struct SpanFields<'a> {
    draft: &'a mut Draft,
    callsite: &'static Callsite,
    findings: Findings,
}

impl<'a> SpanFields<'a> {
    pub(crate) fn new(draft: &'a mut Draft, callsite: &'static Callsite) -> SpanFields<'a> {
        SpanFields { draft, callsite, findings: Findings::default() }
    }

    /// What was found. Not by value: that would copy all of it first, from where it has just been written in parts.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> Findings {
        if self.findings.texts.is_some() {
            self.name_operation();
        }
        if self.callsite.doubles {
            self.draft.drop_doubles();
        }
        std::mem::take(&mut self.findings)
    }

    #[cold]
    fn name_operation(&mut self) {
        if let (Some(operation), true) = (self.findings.texts().rpc_method.take(), self.findings.bits & flag::AWS != 0)
        {
            self.text(Class::Aws, br#""operation":"#, &operation);
        }
    }

    #[inline(always)] // as all that happens to each value
    fn field(&self, field: &TracingField) -> Option<&'static Field> {
        self.callsite.fields.get(field.index())
    }

    /// An item under the field's key.
    #[inline(always)]
    fn item(&mut self, class: Class, known: &Field, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let out = self.draft.start_with(&known.opening);
        if known.masked {
            out.extend_from_slice(MASK);
        } else if write(out) {
            self.draft.losses.values_cut += 1;
        }
        self.draft.finish(class);
    }

    /// A member of metadata, which joins those before it.
    #[inline(always)]
    fn member(&mut self, known: &Field, write: impl FnOnce(&mut Vec<u8>) -> bool) {
        let out = self.draft.start_member(&known.opening);
        if known.masked {
            out.extend_from_slice(MASK);
        } else if write(out) {
            self.draft.losses.values_cut += 1;
        }
        self.draft.finish_member();
    }

    fn text(&mut self, class: Class, key: &[u8], text: &str) {
        let out = self.draft.start();
        out.extend_from_slice(key);
        let cut = text_value(out, text, HTTP_BYTES);
        self.draft.finish(class);
        self.draft.losses.values_cut += u16::from(cut);
    }

    /// A number or a boolean.
    #[inline(always)]
    fn scalar(&mut self, field: &TracingField, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(known) = self.field(field) else { return };
        let write = |out: &mut Vec<u8>| {
            write(out);
            false
        };
        match known.meaning {
            Meaning::Member => self.member(known, write),
            Meaning::Annotation => self.item(Class::Annotation, known, write),
            Meaning::Metadata => self.item(Class::Metadata, known, write),
            _ => {}
        }
    }

    /// Anything that has a text, which is formatted only where it is kept.
    #[inline(always)]
    fn value(&mut self, field: &TracingField, value: Text<'_>) {
        let Some(known) = self.field(field) else { return };
        let (class, room) = match known.meaning {
            Meaning::Member => return self.member(known, |out| value.write(out, METADATA_BYTES)),
            Meaning::Annotation => (Class::Annotation, ANNOTATION_BYTES),
            Meaning::Metadata => (Class::Metadata, METADATA_BYTES),
            Meaning::HttpRequest => (Class::HttpRequest, HTTP_BYTES),
            Meaning::Sql => (Class::Sql, METADATA_BYTES),
            Meaning::Aws => (Class::Aws, HTTP_BYTES),
            Meaning::Hidden | Meaning::Query | Meaning::Switch => return,
            _ => return self.meant(known, value),
        };
        self.item(class, known, |out| value.write(out, room));
    }

    /// A text that means more than itself.
    #[cold]
    #[inline(never)]
    fn meant(&mut self, known: &Field, value: Text<'_>) {
        let (key, text) = (known.key(), &*value.bounded());
        match known.meaning {
            Meaning::Name if text.is_empty() => {}
            Meaning::Name => {
                let valid = names::segment_name(text);
                if valid != text {
                    self.findings.texts().renamed = Some(text.len());
                }
                escape::string(self.draft.start(), &valid);
                self.draft.finish(Class::Name);
            }
            Meaning::Kind if text.eq_ignore_ascii_case("client") || text.eq_ignore_ascii_case("producer") => {
                self.findings.bits |= flag::REMOTE;
            }
            Meaning::Status if text.eq_ignore_ascii_case("error") => self.findings.bits |= flag::FAULT,
            Meaning::Url => self.text(Class::HttpRequest, key, &names::url(text)),
            Meaning::Target => self.text(Class::Metadata, key, &names::url(text)),
            Meaning::Connection => self.text(Class::Sql, key, &names::connection(text)),
            Meaning::HttpStatus => {
                if let Ok(status) = text.parse() {
                    self.status(known, status);
                }
            }
            Meaning::RpcSystem if text == "aws-api" => self.findings.bits |= flag::AWS,
            Meaning::RpcSystem => self.text(Class::Metadata, key, text),
            Meaning::RpcMethod => {
                self.text(Class::Metadata, key, text);
                self.findings.texts().rpc_method = Some(text.to_owned());
            }
            Meaning::ErrorKind => self.findings.texts().kind = Some(text.to_owned()),
            Meaning::ErrorMessage => {
                self.findings.texts().message = Some(text.to_owned());
                self.findings.bits |= flag::FAULT;
            }
            Meaning::User => self.findings.texts().user = Some(text.to_owned()),
            _ => {}
        }
    }

    #[cold]
    #[inline(never)]
    fn status(&mut self, known: &Field, status: u64) {
        if !(100..=999).contains(&status) {
            return;
        }
        self.item(Class::HttpResponse, known, |out| {
            escape::unsigned(out, status);
            false
        });
        self.findings.bits |= u16::try_from(status).map(Flags::of_status).unwrap_or_default().bits();
    }
}

impl Visit for SpanFields<'_> {
    fn record_u64(&mut self, field: &TracingField, value: u64) {
        let Some(known) = self.field(field) else { return };
        let class = match known.meaning {
            Meaning::Member => {
                return self.member(known, |out| {
                    escape::unsigned(out, value);
                    false
                });
            }
            Meaning::Annotation => Class::Annotation,
            Meaning::Metadata => Class::Metadata,
            Meaning::HttpLength => Class::HttpResponse,
            Meaning::HttpStatus => return self.status(known, value),
            Meaning::User => return self.findings.texts().user = Some(value.to_string()),
            _ => return,
        };
        self.item(class, known, |out| {
            escape::unsigned(out, value);
            false
        });
    }

    fn record_i64(&mut self, field: &TracingField, value: i64) {
        match u64::try_from(value) {
            Ok(value) => self.record_u64(field, value),
            Err(_) => self.scalar(field, |out| escape::signed(out, value)),
        }
    }

    fn record_f64(&mut self, field: &TracingField, value: f64) {
        self.scalar(field, |out| escape::float(out, value));
    }

    fn record_bool(&mut self, field: &TracingField, value: bool) {
        match self.field(field).map(|known| known.meaning) {
            Some(Meaning::Switch) => self.findings.deselected = !value,
            Some(Meaning::ErrorMessage) if value => self.findings.bits |= flag::FAULT,
            _ => self.scalar(field, |out| escape::boolean(out, value)),
        }
    }

    fn record_str(&mut self, field: &TracingField, value: &str) {
        self.value(field, Text::Plain(value));
    }

    fn record_debug(&mut self, field: &TracingField, value: &dyn fmt::Debug) {
        self.value(field, Text::Formatted(format_args!("{value:?}")));
    }

    fn record_error(&mut self, field: &TracingField, value: &(dyn Error + 'static)) {
        self.value(field, Text::Formatted(format_args!("{value}")));
    }
}

/// Writes an event: one item for `metadata`, and what an exception needs when it is one.
pub(crate) struct EventFields<'a> {
    draft: &'a mut Draft,
    callsite: &'static Callsite,
    /// `"fields":{` is open.
    in_fields: bool,
    cut: bool,
    texts: Option<Box<EventTexts>>,
}

/// What an exception needs of an event that is one.
#[derive(Debug, Default)]
pub(crate) struct EventTexts {
    /// The field `error` and its like.
    pub(crate) error: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) kind: Option<String>,
}

impl<'a> EventFields<'a> {
    /// Starts the item; `now` in nanoseconds of the monotonic clock.
    #[inline(always)] // as all that happens to each event
    pub(crate) fn new(draft: &'a mut Draft, callsite: &'static Callsite, now: u64) -> EventFields<'a> {
        draft.start_event(&callsite.event, now);
        let texts = callsite.error.then(Box::default);
        EventFields { draft, callsite, in_fields: false, cut: false, texts }
    }

    /// Closes the item. Texts come of an event of level ERROR.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> Option<Box<EventTexts>> {
        if self.in_fields {
            self.draft.buffer().push(b'}');
        }
        self.draft.buffer().push(b'}');
        self.draft.finish(Class::Event);
        self.draft.losses.values_cut += u16::from(self.cut);
        self.texts.take()
    }

    #[inline(always)]
    fn value(&mut self, field: &TracingField, write: impl FnOnce(&mut Vec<u8>, Meaning) -> bool) {
        let Some(known) = self.callsite.fields.get(field.index()) else { return };
        let out = self.draft.buffer();
        match (known.meaning, self.in_fields) {
            (Meaning::Hidden | Meaning::Query | Meaning::Switch, _) => return,
            // The macros put the message first, unless it is given as a field; then it stays among the fields.
            (Meaning::Message, false) => out.extend_from_slice(br#","message":"#),
            (_, false) => {
                out.extend_from_slice(br#","fields":{"#);
                self.in_fields = true;
                out.extend_from_slice(known.key());
            }
            (_, true) => {
                out.push(b',');
                out.extend_from_slice(known.key());
            }
        }
        if known.masked {
            out.extend_from_slice(MASK);
        } else if write(out, known.meaning) {
            self.cut = true;
        }
    }

    #[inline(always)]
    fn text(&mut self, field: &TracingField, value: Text<'_>) {
        if self.texts.is_some() {
            self.keep_text(field, value);
        }
        self.value(field, |out, meaning| match meaning {
            Meaning::Url | Meaning::Target | Meaning::Connection => value.write_place(out, meaning),
            _ => value.write(out, EVENT_BYTES),
        });
    }

    #[cold]
    #[inline(never)]
    fn keep_text(&mut self, field: &TracingField, value: Text<'_>) {
        let Some(texts) = &mut self.texts else { return };
        match self.callsite.fields.get(field.index()).map(|known| known.meaning) {
            Some(Meaning::Message) => texts.message = Some(value.bounded()),
            Some(Meaning::ErrorMessage) => texts.error = Some(value.bounded()),
            Some(Meaning::ErrorKind) => texts.kind = Some(value.bounded()),
            _ => {}
        }
    }
}

impl Visit for EventFields<'_> {
    fn record_u64(&mut self, field: &TracingField, value: u64) {
        self.value(field, |out, _| {
            escape::unsigned(out, value);
            false
        });
    }

    fn record_i64(&mut self, field: &TracingField, value: i64) {
        self.value(field, |out, _| {
            escape::signed(out, value);
            false
        });
    }

    fn record_f64(&mut self, field: &TracingField, value: f64) {
        self.value(field, |out, _| {
            escape::float(out, value);
            false
        });
    }

    fn record_bool(&mut self, field: &TracingField, value: bool) {
        self.value(field, |out, _| {
            escape::boolean(out, value);
            false
        });
    }

    fn record_str(&mut self, field: &TracingField, value: &str) {
        self.text(field, Text::Plain(value));
    }

    fn record_debug(&mut self, field: &TracingField, value: &dyn fmt::Debug) {
        self.text(field, Text::Formatted(format_args!("{value:?}")));
    }

    fn record_error(&mut self, field: &TracingField, value: &(dyn Error + 'static)) {
        self.text(field, Text::Formatted(format_args!("{value}")));
    }
}

/// Finds the error values among an event's or a span's fields, for their chain of sources.
pub(crate) struct ErrorValues<'a>(pub(crate) &'a mut dyn FnMut(&(dyn Error + 'static)));

impl Visit for ErrorValues<'_> {
    fn record_debug(&mut self, _: &TracingField, _: &dyn fmt::Debug) {}

    fn record_error(&mut self, _: &TracingField, value: &(dyn Error + 'static)) {
        (self.0)(value);
    }
}

/// A text, or something that formats to one.
#[derive(Clone, Copy)]
enum Text<'a> {
    Plain(&'a str),
    Formatted(fmt::Arguments<'a>),
}

impl Text<'_> {
    /// Writes it as JSON; true when it was cut.
    #[inline]
    fn write(self, out: &mut Vec<u8>, room: usize) -> bool {
        match self {
            Text::Plain(text) => text_value(out, text, room),
            Text::Formatted(value) => formatted(out, room, value),
        }
    }

    /// Writes where something is, without what may be secret.
    #[cold]
    #[inline(never)]
    fn write_place(self, out: &mut Vec<u8>, meaning: Meaning) -> bool {
        let text = self.bounded();
        let place = if meaning == Meaning::Connection { names::connection(&text) } else { names::url(&text) };
        text_value(out, &place, EVENT_BYTES)
    }

    /// At most what an exception's message keeps.
    fn bounded(self) -> String {
        match self {
            Text::Plain(text) => bounded_text(&text, MESSAGE_BYTES),
            Text::Formatted(value) => bounded_text(&value, MESSAGE_BYTES),
        }
    }
}

const MASK: &[u8] = b"\"[masked]\"";
/// Bytes of one value of an event.
const EVENT_BYTES: usize = 4 * 1024;
