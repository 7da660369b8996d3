//! Holding a document against its schema and against itself.

use std::borrow::Cow;
use std::collections::HashSet;

use xray_core::document::{limits, names};

use super::Violation;
use super::json::{Json, get};
use super::path::Path;
use super::schema::{CAUSE, DOCUMENT, Kind, Member, Place};
use super::value::refused;

type Members<'a> = &'a [(String, Json)];

/// The segment or subsegment whose members are being checked.
#[derive(Clone, Copy)]
struct Scope<'a> {
    place: Place,
    /// The ids that a nested subsegment may repeat: none at the top.
    outer: Option<Outer<'a>>,
}

#[derive(Clone, Copy)]
struct Outer<'a> {
    id: Option<&'a str>,
    trace_id: Option<&'a str>,
}

/// One document's check.
pub(super) struct Check<'a> {
    pub(super) violations: Vec<Violation>,
    /// Of segments and subsegments.
    ids: HashSet<&'a str>,
    exception_ids: HashSet<&'a str>,
    annotations: usize,
}

impl<'a> Check<'a> {
    pub(super) fn new() -> Check<'a> {
        Check { violations: Vec::new(), ids: HashSet::new(), exception_ids: HashSet::new(), annotations: 0 }
    }

    pub(super) fn document(&mut self, members: Members<'a>) {
        let lone = get(members, "type").is_some();
        let place = if lone { Place::Subsegment } else { Place::Segment };
        self.entity(&Path::Root, members, Scope { place, outer: None });
        if self.annotations > limits::ANNOTATIONS {
            let allowed = format!("at most {} in a trace", limits::ANNOTATIONS);
            self.found(&Path::Root, format!("{} annotations", self.annotations), allowed);
        }
    }

    /// A segment or subsegment.
    fn entity(&mut self, path: &Path<'_>, members: Members<'a>, scope: Scope<'a>) {
        let text = |name| get(members, name).and_then(Json::as_str);
        if let Some(id) = text("id") {
            if !self.ids.insert(id) {
                self.found(&Path::Member(path, "id"), format!("{id:?} again"), "an id used once");
            }
        }
        self.members(path, members, DOCUMENT, true, scope);
        self.times(path, members);
        match scope.outer {
            None => {
                self.required(path, members, "trace_id");
                if scope.place == Place::Subsegment {
                    self.required(path, members, "parent_id");
                }
            }
            Some(outer) => {
                self.repeated(path, "trace_id", text("trace_id"), outer.trace_id);
                self.repeated(path, "parent_id", text("parent_id"), outer.id);
            }
        }
        if let Some(Json::Array(links)) = get(members, "links") {
            self.links(&Path::Member(path, "links"), links);
        }
    }

    fn times(&mut self, path: &Path<'_>, members: Members<'a>) {
        let start = get(members, "start_time").and_then(Json::as_f64);
        let end = get(members, "end_time");
        match (end, get(members, "in_progress")) {
            (Some(_), None) | (None, Some(_)) => {}
            (None, None) => {
                self.found(path, "neither end_time nor in_progress", "one of the two");
            }
            (Some(_), Some(_)) => self.found(path, "both end_time and in_progress", "one of the two"),
        }
        if let (Some(start), Some(end)) = (start, end.and_then(Json::as_f64)) {
            if end < start {
                let allowed = format!("start_time ({start}) or later");
                self.found(&Path::Member(path, "end_time"), end, allowed);
            }
        }
    }

    /// A nested subsegment need not say this, but must not say something else.
    fn repeated(&mut self, path: &Path<'_>, name: &str, inner: Option<&str>, outer: Option<&str>) {
        if let (Some(inner), Some(outer)) = (inner, outer) {
            if inner != outer {
                let allowed = format!("that of the document around it ({outer:?}), or none");
                self.found(&Path::Member(path, name), format!("{inner:?}"), allowed);
            }
        }
    }

    fn required(&mut self, path: &Path<'_>, members: Members<'a>, name: &str) {
        if get(members, name).is_none() {
            self.found(&Path::Member(path, name), "nothing", "a value: it is required");
        }
    }

    fn links(&mut self, path: &Path<'_>, links: &[Json]) {
        let mut traces = HashSet::new();
        for link in links {
            if let Json::Object(members) = link {
                traces.extend(get(members, "trace_id").and_then(Json::as_str));
            }
        }
        if links.len() > limits::LINKS {
            self.found(path, format!("{} links", links.len()), format!("at most {}", limits::LINKS));
        }
        if traces.len() > limits::LINKED_TRACES {
            let allowed = format!("at most {}", limits::LINKED_TRACES);
            self.found(path, format!("links to {} traces", traces.len()), allowed);
        }
    }

    fn members(&mut self, path: &Path<'_>, members: Members<'a>, schema: &[Member], closed: bool, scope: Scope<'a>) {
        self.filled(path, members);
        for (name, value) in members {
            let at = Path::Member(path, name);
            match schema.iter().find(|member| member.name == name) {
                Some(member) if member.place == Place::Anywhere || member.place == scope.place => {
                    let owner = if name == "subsegments" { members } else { &[] };
                    self.value(&at, value, member.kind, scope, owner);
                }
                Some(member) if member.place == Place::Segment => {
                    self.found(&at, value, "this on segments only");
                }
                Some(_) => self.found(&at, value, "this on subsegments only"),
                None if closed => self.found(&at, value, "only members that X-Ray knows"),
                None => self.anything(&at, value),
            }
        }
        for member in schema.iter().filter(|member| member.required) {
            self.required(path, members, member.name);
        }
    }

    /// An object: at least one member, and none twice.
    fn filled(&mut self, path: &Path<'_>, members: Members<'a>) {
        if members.is_empty() {
            self.found(path, "an empty object", "at least one member, or to leave it out");
        }
        self.once(path, members);
    }

    fn once(&mut self, path: &Path<'_>, members: Members<'a>) {
        let mut seen = HashSet::new();
        for (name, _) in members {
            if !seen.insert(name) {
                self.found(&Path::Member(path, name), "a second member of this name", "one");
            }
        }
    }

    /// `owner` are the members that hold the value, where they matter.
    fn value(&mut self, path: &Path<'_>, value: &'a Json, kind: Kind, scope: Scope<'a>, owner: Members<'a>) {
        if let Some(allowed) = refused(value, kind) {
            return self.found(path, value, allowed);
        }
        match (kind, value) {
            (Kind::Object(schema), Json::Object(members)) => {
                self.members(path, members, schema, true, scope);
            }
            (Kind::Open(schema), Json::Object(members)) => {
                self.members(path, members, schema, false, scope);
            }
            (Kind::Cause, Json::Object(members)) => {
                self.members(path, members, CAUSE, true, scope);
                if let Some(Json::Array(exceptions)) = get(members, "exceptions") {
                    self.exceptions(&Path::Member(path, "exceptions"), exceptions);
                }
            }
            (Kind::List(kind), Json::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(&Path::Item(path, index), item, *kind, scope, &[]);
                }
            }
            (Kind::Subsegments, Json::Array(items)) => self.subsegments(path, items, scope, owner),
            (Kind::Annotations, Json::Object(members)) => self.annotations(path, members),
            (Kind::Metadata, Json::Object(members)) => self.metadata(path, members),
            (Kind::Attributes, Json::Object(members)) => {
                self.filled(path, members);
                self.user_values(path, members);
            }
            _ => {}
        }
    }

    fn subsegments(&mut self, path: &Path<'_>, items: &'a [Json], scope: Scope<'a>, owner: Members<'a>) {
        let text = |name| get(owner, name).and_then(Json::as_str);
        let trace_id = scope.outer.map_or_else(|| text("trace_id"), |outer| outer.trace_id);
        let scope = Scope { place: Place::Subsegment, outer: Some(Outer { id: text("id"), trace_id }) };
        for (index, item) in items.iter().enumerate() {
            let at = Path::Item(path, index);
            match item {
                Json::Object(members) => self.entity(&at, members, scope),
                other => self.found(&at, other, "an object"),
            }
        }
    }

    fn exceptions(&mut self, path: &Path<'_>, exceptions: &'a [Json]) {
        for (index, exception) in exceptions.iter().enumerate() {
            let Json::Object(members) = exception else {
                continue;
            };
            let Some(id) = get(members, "id").and_then(Json::as_str) else {
                continue;
            };
            let at = Path::Item(path, index);
            if !self.exception_ids.insert(id) {
                self.found(&Path::Member(&at, "id"), format!("{id:?} again"), "an id used once");
            }
            if get(members, "cause").and_then(Json::as_str) == Some(id) {
                self.found(&Path::Member(&at, "cause"), "its own id", "the id of another exception");
            }
        }
    }

    fn annotations(&mut self, path: &Path<'_>, members: Members<'a>) {
        self.filled(path, members);
        self.annotations += members.len();
        for (key, value) in members {
            let at = Path::Member(path, key);
            if !names::is_annotation_key(key) {
                self.found(&at, "this key", "1 to 500 letters, digits and _, all of them ASCII");
            }
            match value {
                Json::Bool(_) | Json::Number(_) => {}
                Json::String(text) if text.chars().count() <= limits::ANNOTATION_TEXT_CHARS => {}
                other => self.found(&at, other, "a number, a boolean, a text of at most 1000 characters"),
            }
        }
    }

    fn metadata(&mut self, path: &Path<'_>, namespaces: Members<'a>) {
        self.filled(path, namespaces);
        self.own_keys(path, namespaces);
        for (namespace, value) in namespaces {
            let at = Path::Member(path, namespace);
            match value {
                Json::Object(members) => {
                    self.filled(&at, members);
                    self.own_keys(&at, members);
                    self.user_values(&at, members);
                }
                other => self.found(&at, other, "an object of keys and values"),
            }
        }
    }

    fn own_keys(&mut self, path: &Path<'_>, members: Members<'a>) {
        for (key, _) in members.iter().filter(|(key, _)| key.starts_with("AWS.")) {
            self.found(&Path::Member(path, key), "this key", "none that begins with AWS., which is X-Ray's");
        }
    }

    /// Values of the user's: anything, empty or not, but no key twice.
    fn user_values(&mut self, path: &Path<'_>, members: Members<'a>) {
        for (name, value) in members {
            self.user_value(&Path::Member(path, name), value);
        }
    }

    fn user_value(&mut self, path: &Path<'_>, value: &'a Json) {
        match value {
            Json::Object(members) => {
                self.once(path, members);
                self.user_values(path, members);
            }
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.user_value(&Path::Item(path, index), item);
                }
            }
            _ => {}
        }
    }

    /// A member that the sender may add: of any type, but nothing empty.
    fn anything(&mut self, path: &Path<'_>, value: &'a Json) {
        match value {
            Json::Object(members) => {
                self.filled(path, members);
                for (name, value) in members {
                    self.anything(&Path::Member(path, name), value);
                }
            }
            Json::Array(items) => {
                if items.is_empty() {
                    self.found(path, value, "at least one item, or to leave it out");
                }
                for (index, item) in items.iter().enumerate() {
                    self.anything(&Path::Item(path, index), item);
                }
            }
            _ => {}
        }
    }

    fn found(&mut self, path: &Path<'_>, found: impl ToString, allowed: impl Into<Cow<'static, str>>) {
        let (path, found) = (path.to_string(), found.to_string());
        self.violations.push(Violation { path, found, allowed: allowed.into() });
    }
}
