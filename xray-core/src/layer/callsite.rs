//! What there is to know about a span's or event's callsite, worked out once.
//!
//! Names and keys are made valid, escaped and classified the first time a callsite is met; the result is leaked,
//! bounded by the program's text. Finding it again is a look into a small cache of the thread.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use tracing::Metadata;
use tracing::metadata::Level;

use crate::config::SpanFields;
use crate::diagnostics::{Code, messages};
use crate::document::{escape, names};
use crate::node::{EventOpening, KeyOpening, Label, Recorder};
use crate::stats::Counter;

/// A callsite as the layer sees it.
#[derive(Debug)]
pub(crate) struct Callsite {
    pub(crate) label: Label,
    /// Becomes a subsegment; otherwise what is below climbs over it.
    pub(crate) selected: bool,
    /// It has the field `xray`, whose value can select or deselect a span.
    pub(crate) has_switch: bool,
    pub(crate) error: bool,
    /// Two of its fields can become the same member: the later value wins.
    pub(crate) doubles: bool,
    /// `,"level":"INFO","target":"…"`: how its events start, behind their time.
    pub(crate) event: EventOpening,
    pub(crate) fields: Box<[Field]>,
}

/// A field of a callsite.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) meaning: Meaning,
    /// How an item of it begins.
    pub(crate) opening: KeyOpening,
    /// The key looks like that of a secret: its values are not written.
    pub(crate) masked: bool,
}

impl Field {
    /// `"key":`, ready for the document.
    pub(crate) fn key(&self) -> &[u8] {
        self.opening.key()
    }

    /// Where a value of it is written.
    fn lands_in(&self) -> Meaning {
        match self.meaning {
            Meaning::RpcSystem | Meaning::RpcMethod | Meaning::Target => Meaning::Metadata,
            Meaning::Connection => Meaning::Sql,
            meaning => meaning,
        }
    }

    /// Both may become the same member of a document, which must not hold it twice.
    fn may_double(&self, other: &Field) -> bool {
        let operation = |field: &Field| field.meaning == Meaning::RpcMethod || *field.key() == *br#""operation":"#;
        (self.lands_in() == other.lands_in() && self.opening == other.opening) || (operation(self) && operation(other))
    }
}

/// What a field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Annotation,
    Metadata,
    /// The same, in an item with the others of its span.
    Member,
    /// Not to leave the process.
    Hidden,
    /// `xray`.
    Switch,
    /// An event's text.
    Message,
    /// `otel.name`.
    Name,
    /// `otel.kind`.
    Kind,
    /// `otel.status_code`.
    Status,
    /// A text member of `http.request`.
    HttpRequest,
    /// The URL.
    Url,
    /// A path with its query, which stays behind: metadata.
    Target,
    /// The status of the response; sets flags.
    HttpStatus,
    /// The length of the response.
    HttpLength,
    Sql,
    /// Where a database is, and often its password, which stays behind.
    Connection,
    /// The text of a database query: recorded only where that was asked for.
    Query,
    /// `rpc.system`: `aws-api` makes it an AWS call.
    RpcSystem,
    /// `rpc.method`: the operation, of an AWS call.
    RpcMethod,
    /// A text member of `aws`.
    Aws,
    /// `exception.type`, `error.type`.
    ErrorKind,
    /// `exception.message`, `error`, `err`, `error.message`: text or an error value.
    ErrorMessage,
    /// `enduser.id`, `user.id`.
    User,
}

/// The callsites a layer has met.
#[derive(Debug)]
pub(crate) struct Callsites {
    policy: SpanFields,
    known: RwLock<HashMap<usize, &'static Callsite>>,
}

/// One place of a thread's cache: which layer's, which callsite, what is known.
type Cached = (u32, usize, &'static Callsite);

/// Two to a set: a call of the AWS SDK passes 77 callsites, which among 128 single places displaced each other 28
/// times a call, at 210 instructions.
type CachedSet = [Cell<Option<Cached>>; 2];

thread_local! {
    static CACHE: [CachedSet; SETS] = const { [const { [const { Cell::new(None) }; 2] }; SETS] };
}

impl Callsites {
    pub(crate) fn new(policy: SpanFields) -> Callsites {
        Callsites { policy, known: RwLock::default() }
    }

    #[inline(always)] // once a span and once an event
    pub(crate) fn get(&self, metadata: &'static Metadata<'static>, recorder: &Recorder) -> &'static Callsite {
        let address = std::ptr::from_ref(metadata) as usize;
        let is_it = |cached: Cached| (cached.0 == recorder.tag && cached.1 == address).then_some(cached.2);
        let cached = CACHE.with(|cache| {
            let [first, second] = cache.get(set_of(address))?;
            first.get().and_then(is_it).or_else(|| second.get().and_then(is_it))
        });
        match cached {
            Some(callsite) => callsite,
            None => self.look_up_and_cache(address, metadata, recorder),
        }
    }

    #[cold]
    #[inline(never)]
    fn look_up_and_cache(
        &self,
        address: usize,
        metadata: &'static Metadata<'static>,
        recorder: &Recorder,
    ) -> &'static Callsite {
        let callsite = self.look_up(address, metadata, recorder);
        CACHE.with(|cache| {
            if let Some([first, second]) = cache.get(set_of(address)) {
                second.set(first.replace(Some((recorder.tag, address, callsite))));
            }
        });
        callsite
    }

    fn look_up(&self, address: usize, metadata: &'static Metadata<'static>, recorder: &Recorder) -> &'static Callsite {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return known;
        }
        let callsite = self.classify(metadata, recorder);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(address).or_insert_with(|| Box::leak(Box::new(callsite)))
    }

    fn classify(&self, metadata: &'static Metadata<'static>, recorder: &Recorder) -> Callsite {
        let name = names::segment_name(metadata.name());
        if metadata.is_span() && name != metadata.name() {
            recorder.stats().add(Counter::NamesChanged, 1);
            recorder.report(Code::Xr008, || messages::name_changed(metadata.name(), &name, false));
        }
        let mut event = Vec::new();
        event.extend_from_slice(br#","level":""#);
        event.extend_from_slice(metadata.level().as_str().as_bytes());
        event.extend_from_slice(br#"","target":"#);
        escape::string(&mut event, metadata.target());

        let mut fields: Vec<Field> = Vec::new();
        for field in metadata.fields() {
            fields.push(self.classify_field(field.name(), metadata.is_event(), recorder));
        }
        if metadata.is_event() {
            hide_doubles(&mut fields);
        }
        let doubles = (1..).zip(&fields).any(|(next, field)| {
            let later = fields.get(next..).unwrap_or_default();
            later.iter().any(|other| field.may_double(other))
        });
        // Not beside annotations: those beyond what a trace holds are moved among the metadata.
        if !doubles && !fields.iter().any(|field| field.meaning == Meaning::Annotation) {
            let metadata = fields.iter_mut().filter(|field| field.meaning == Meaning::Metadata);
            metadata.for_each(|field| field.meaning = Meaning::Member);
        }
        let has_switch = fields.iter().any(|field| field.meaning == Meaning::Switch);
        Callsite {
            label: Label::new(&name),
            selected: has_switch || (*metadata.level() <= Level::INFO && !is_infrastructure(metadata.target())),
            has_switch,
            // Records of the `log` crate come from any crate, infrastructure included, under this one target.
            error: *metadata.level() == Level::ERROR && metadata.target() != "log",
            doubles,
            event: EventOpening::new(&event),
            fields: fields.into(),
        }
    }

    fn classify_field(&self, name: &str, event: bool, recorder: &Recorder) -> Field {
        let (meaning, key) = meaning(name, event);
        let key = match meaning {
            // An event's fields are one object, in which only their own names are sure to differ.
            _ if event => name.to_owned(),
            Meaning::Annotation => {
                let valid = names::annotation_key(key);
                if valid != key {
                    recorder.stats().add(Counter::KeysChanged, 1);
                    recorder.report(Code::Xr009, || messages::key_changed(key, &valid));
                }
                valid.into_owned()
            }
            _ => key.to_owned(),
        };
        // What is named `metadata.…` was meant to leave; the setting is about all other fields.
        let ordinary = matches!(meaning, Meaning::Metadata | Meaning::Target) && !name.starts_with("metadata.");
        let meaning = match meaning {
            _ if ordinary && !self.policy.allow(name) => Meaning::Hidden,
            Meaning::Query if recorder.rules.collect_sql => Meaning::Sql,
            Meaning::Query => Meaning::Hidden,
            meaning => meaning,
        };
        Field { meaning, opening: KeyOpening::new(&key), masked: names::is_secret(name) }
    }
}

/// Of an event's fields with one name only the last is written: an object has each member once.
fn hide_doubles(fields: &mut [Field]) {
    let mut later = fields;
    while let Some((field, rest)) = later.split_first_mut() {
        if rest.iter().any(|other| other.opening == field.opening) {
            field.meaning = Meaning::Hidden;
        }
        later = rest;
    }
}

/// What a field's name says, and the key its value goes under.
fn meaning(name: &str, event: bool) -> (Meaning, &str) {
    if let Some(key) = name.strip_prefix("annotation.") {
        return (Meaning::Annotation, key);
    }
    if let Some(key) = name.strip_prefix("metadata.") {
        return (Meaning::Metadata, key);
    }
    match name {
        "message" if event => (Meaning::Message, name),
        SWITCH => (Meaning::Switch, name),
        "otel.name" => (Meaning::Name, name),
        "otel.kind" => (Meaning::Kind, name),
        "otel.status_code" => (Meaning::Status, name),
        "otel.status_description" | "otel.status_message" => (Meaning::ErrorMessage, name),
        "http.method" | "http.request.method" => (Meaning::HttpRequest, "method"),
        "http.url" | "url.full" => (Meaning::Url, "url"),
        "http.target" => (Meaning::Target, name),
        "url.query" => (Meaning::Hidden, name),
        "http.user_agent" | "user_agent.original" => (Meaning::HttpRequest, "user_agent"),
        "http.client_ip" | "client.address" => (Meaning::HttpRequest, "client_ip"),
        "http.status_code" | "http.response.status_code" => (Meaning::HttpStatus, "status"),
        "http.response_content_length" | "http.response.body.size" => (Meaning::HttpLength, "content_length"),
        "db.system" | "db.system.name" => (Meaning::Sql, "database_type"),
        "db.user" => (Meaning::Sql, "user"),
        "db.connection_string" => (Meaning::Connection, "connection_string"),
        "db.statement" | "db.query.text" => (Meaning::Query, "sanitized_query"),
        "rpc.system" => (Meaning::RpcSystem, name),
        "rpc.method" => (Meaning::RpcMethod, name),
        "aws.operation" => (Meaning::Aws, "operation"),
        "aws.region" | "cloud.region" => (Meaning::Aws, "region"),
        "aws.request_id" | "aws.requestId" => (Meaning::Aws, "request_id"),
        "error.type" | "exception.type" => (Meaning::ErrorKind, name),
        "error" | "err" | "error.message" | "exception.message" => (Meaning::ErrorMessage, name),
        "enduser.id" | "user.id" => (Meaning::User, "user"),
        _ => (Meaning::Metadata, name),
    }
}

/// Crates whose spans are about how a request travels, not about what the program does.
///
/// Whole crate names: an application called `aws_orders` is not one of them.
fn is_infrastructure(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or(target);
    matches!(
        name,
        "aws_config"
            | "aws_runtime"
            | "aws_sigv4"
            | "h2"
            | "hyper"
            | "hyper_util"
            | "lambda_runtime"
            | "reqwest"
            | "rustls"
            | "tokio"
            | "tonic"
            | "tower"
            | "tower_http"
            | CARRIER_TARGET
    ) || name.starts_with("aws_sdk_")
        || name.starts_with("aws_smithy_")
}

/// The target of the span that stands for a node.
pub(crate) const CARRIER_TARGET: &str = "xray_carrier";

/// Whether an event is nothing for a node: most are, of libraries above all, and this asks less than a look into the
/// cache.
#[inline]
pub(crate) fn is_minor(metadata: &Metadata<'_>) -> bool {
    *metadata.level() > Level::INFO && metadata.fields().field(SWITCH).is_none()
}

/// Where a callsite is kept. Their addresses differ by multiples of what a few statics take up.
fn set_of(address: usize) -> usize {
    ((address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SET_BITS)) as usize
}

const SET_BITS: u32 = 7;
const SETS: usize = 1 << SET_BITS;
/// The field that says whether a span or an event is recorded.
const SWITCH: &str = "xray";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infrastructure_is_known_by_whole_crate_names() {
        for target in ["hyper", "hyper::client", "aws_sdk_sqs::operation", "aws_smithy_runtime", "tower_http::trace"] {
            assert!(is_infrastructure(target), "{target}");
        }
        for target in ["aws_orders", "tower_of_babel", "hyperdrive", "tokio_tasks", "h2o", "orders::hyper"] {
            assert!(!is_infrastructure(target), "{target}");
        }
    }
}
