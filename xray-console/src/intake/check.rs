//! What X-Ray refuses of a document, and what it removes.
//!
//! Five codes are known from AWS's documentation and from answers that users published: `InvalidTraceId`, `InvalidName`,
//! `MissingParentId`, `MissingId`, `InvalidSegment`. The others are ours, named in the same way. A checker that is
//! stricter, for those who write documents, is `xray_test::validate`: there `in_progress: false` is a mistake, here it is
//! what the Python SDK sends.
//!
//! Sources: X-Ray Developer Guide, "Segment documents"; X-Ray API Reference, "PutTraceSegments", "BatchGetTraces".

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;
use xray_core::document::{Annotation, Document, ParseDocumentError, limits, names};
use xray_core::{SegmentId, TraceId};

/// Largest document taken, bytes: AWS's 64 kB in their widest reading.
///
/// Source: X-Ray Developer Guide, "Segment documents".
pub(super) const DOCUMENT_BYTES: usize = 65_536;

/// Seconds since the epoch beyond any clock, and before any time in milliseconds: the year 5138.
const LATEST: f64 = 1e11;

/// Why a document was refused, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefusalCode {
    /// Not JSON, not an object, or nested too deep.
    InvalidDocument,
    /// Too large, by itself or for its trace; or of a `type` that there is not.
    InvalidSegment,
    /// No `name`.
    MissingName,
    /// Empty, more than 200 characters, or one that X-Ray does not take.
    InvalidName,
    /// No `id`.
    MissingId,
    /// `id` is not 16 hex digits.
    InvalidId,
    /// No `trace_id`.
    MissingTraceId,
    /// `trace_id` is not `1-{8 hex digits}-{24 hex digits}`.
    InvalidTraceId,
    /// A subsegment by itself without `parent_id`.
    MissingParentId,
    /// `parent_id` is not 16 hex digits.
    InvalidParentId,
    /// No `start_time`.
    MissingStartTime,
    /// Neither `end_time` nor `in_progress`.
    MissingEndTime,
    /// A time that is no number of seconds since the epoch.
    InvalidTime,
    /// OpenTelemetry data that cannot be read.
    InvalidOpenTelemetry,
    /// A datagram without the daemon's header line.
    InvalidHeader,
}

impl RefusalCode {
    /// As in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::InvalidDocument => "InvalidDocument",
            RefusalCode::InvalidSegment => "InvalidSegment",
            RefusalCode::MissingName => "MissingName",
            RefusalCode::InvalidName => "InvalidName",
            RefusalCode::MissingId => "MissingId",
            RefusalCode::InvalidId => "InvalidId",
            RefusalCode::MissingTraceId => "MissingTraceId",
            RefusalCode::InvalidTraceId => "InvalidTraceId",
            RefusalCode::MissingParentId => "MissingParentId",
            RefusalCode::InvalidParentId => "InvalidParentId",
            RefusalCode::MissingStartTime => "MissingStartTime",
            RefusalCode::MissingEndTime => "MissingEndTime",
            RefusalCode::InvalidTime => "InvalidTime",
            RefusalCode::InvalidOpenTelemetry => "InvalidOpenTelemetry",
            RefusalCode::InvalidHeader => "InvalidHeader",
        }
    }
}

/// A document was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why, in a word.
    pub code: RefusalCode,
    /// Where and what, and what would be taken; control characters escaped.
    pub detail: String,
    /// The document's id, if it has one.
    pub id: Option<String>,
    /// The document's trace id, if it has one.
    pub trace_id: Option<String>,
    /// It is a subsegment by itself.
    pub subsegment: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.subsegment { "subsegment" } else { "segment" };
        write!(f, "Invalid {kind}. ErrorCode: {}. {}", self.code.as_str(), self.detail)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(super) fn of(document: &Document, code: RefusalCode, detail: String) -> Refusal {
        let subsegment = document.is_lone_subsegment();
        let id = Some(document.id.clone()).filter(|id| !id.is_empty());
        Refusal { code, detail, id, trace_id: document.trace_id.clone(), subsegment }
    }

    pub(super) fn whole(code: RefusalCode, detail: impl Into<String>) -> Refusal {
        Refusal { code, detail: detail.into(), id: None, trace_id: None, subsegment: false }
    }
}

/// Reads a document, whatever is in it.
pub(super) fn read(json: &[u8]) -> Result<Document, Refusal> {
    if json.len() > DOCUMENT_BYTES {
        let detail = format!("{} bytes, where at most {DOCUMENT_BYTES} are taken", json.len());
        return Err(Refusal::whole(RefusalCode::InvalidSegment, detail));
    }
    Document::parse(json).map_err(|error| {
        let detail = match &error {
            ParseDocumentError::Json(json) => format!("{error}: {json}"),
            _ => error.to_string(),
        };
        Refusal::whole(RefusalCode::InvalidDocument, detail)
    })
}

/// Where in the document.
#[derive(Clone, Copy)]
struct Path<'a> {
    above: Option<&'a Path<'a>>,
    index: usize,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(above) = self.above else { return Ok(()) };
        write!(f, "{above}subsegments[{}].", self.index)
    }
}

/// Refuses what X-Ray does: a document that cannot be placed, or one with a name it does not take, however deep.
pub(super) fn refuse(document: &Document) -> Result<(), Refusal> {
    let refused = |(code, detail)| Refusal::of(document, code, detail);
    refuse_place(document).and_then(|()| refuse_part(document, Path { above: None, index: 0 })).map_err(refused)
}

type Found = Result<(), (RefusalCode, String)>;

fn refuse_place(document: &Document) -> Found {
    let Some(trace_id) = given(document, document.trace_id.as_deref(), "trace_id")? else {
        return Err((RefusalCode::MissingTraceId, "there is no trace_id".to_owned()));
    };
    if trace_id.parse::<TraceId>().is_err() {
        let detail = format!("trace_id is {}, not 1-{{8 hex digits}}-{{24 hex digits}}", shown(trace_id));
        return Err((RefusalCode::InvalidTraceId, detail));
    }
    match document.kind.as_deref() {
        None | Some("subsegment") => {}
        Some(other) => {
            let detail = format!("type is {}, where only \"subsegment\" or none is taken", shown(other));
            return Err((RefusalCode::InvalidSegment, detail));
        }
    }
    match given(document, document.parent_id.as_deref(), "parent_id")? {
        Some(parent) if parent.parse::<SegmentId>().is_err() => {
            Err((RefusalCode::InvalidParentId, format!("parent_id is {}, not 16 hex digits", shown(parent))))
        }
        None if document.is_lone_subsegment() => Err((
            RefusalCode::MissingParentId,
            "a subsegment by itself has to name the segment or subsegment it belongs to in parent_id".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The member, unless it is there but of another type.
fn given<'a>(
    document: &Document,
    member: Option<&'a str>,
    name: &str,
) -> Result<Option<&'a str>, (RefusalCode, String)> {
    match document.other.get(name) {
        Some(Value::Null) | None => Ok(member),
        Some(_) => {
            let code = if name == "trace_id" { RefusalCode::InvalidTraceId } else { RefusalCode::InvalidParentId };
            Err((code, format!("{name} is not a text")))
        }
    }
}

/// A segment or subsegment with all that is in it. The reader of JSON bounds how deep that can be.
fn refuse_part(part: &Document, path: Path<'_>) -> Found {
    if part.name.is_empty() {
        let code = if part.other.contains_key("name") { RefusalCode::InvalidName } else { RefusalCode::MissingName };
        return Err((code, format!("{path}name is missing, empty or not a text")));
    }
    if !names::is_segment_name(&part.name) {
        return Err((
            RefusalCode::InvalidName,
            format!("{path}name is {}, {}", shown(&part.name), name_fault(&part.name)),
        ));
    }
    if part.id.is_empty() {
        return Err((RefusalCode::MissingId, format!("{path}id is missing, empty or not a text")));
    }
    if part.id.parse::<SegmentId>().is_err() {
        return Err((RefusalCode::InvalidId, format!("{path}id is {}, not 16 hex digits", shown(&part.id))));
    }
    if part.start_time.is_none() && !part.other.contains_key("start_time") {
        return Err((RefusalCode::MissingStartTime, format!("there is no {path}start_time")));
    }
    let end_is_given = part.other.get("end_time").is_some_and(|end| !end.is_null());
    if part.end_time.is_none() && !part.in_progress && !end_is_given {
        return Err((RefusalCode::MissingEndTime, format!("there is neither {path}end_time nor {path}in_progress")));
    }
    let times = [("start_time", part.start_time, true), ("end_time", part.end_time, end_is_given)];
    for (name, time, is_given) in times {
        match time {
            Some(time) if (0.0..LATEST).contains(&time) => {}
            None if !is_given => {}
            Some(time) => {
                let detail = format!("{path}{name} is {time}, not seconds (nor milliseconds) since the epoch");
                return Err((RefusalCode::InvalidTime, detail));
            }
            None => return Err((RefusalCode::InvalidTime, format!("{path}{name} is not a number"))),
        }
    }
    for (index, inner) in part.subsegments.iter().enumerate() {
        refuse_part(inner, Path { above: Some(&path), index })?;
    }
    Ok(())
}

/// Which character it is; users have searched for hours.
fn name_fault(name: &str) -> String {
    let length = name.chars().count();
    if length > limits::NAME_CHARS {
        return format!("{length} characters, where at most {} are taken", limits::NAME_CHARS);
    }
    let bad = name.chars().find(|c| !names::is_segment_name(c.encode_utf8(&mut [0; 4])));
    let allowed = "taken are letters, digits, spaces and _ . : / % & # = + \\ - @";
    bad.map_or_else(|| allowed.to_owned(), |bad| format!("with {bad:?}; {allowed}"))
}

/// Of a text of the network: short, and nothing a terminal would obey.
fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    format!("{:?}", names::text(text, SHOWN))
}

/// Something that was removed from a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Removal {
    pub(super) code: &'static str,
    what: String,
}

/// Removals told one by one; one document is not to take the place of what is known of all others.
const LISTED: usize = 20;

/// What was removed from a document.
#[derive(Debug, Default)]
pub(super) struct Removals {
    /// The first [`LISTED`].
    pub(super) listed: Vec<Removal>,
    /// How many more, by code.
    pub(super) more: BTreeMap<&'static str, u64>,
}

impl Removals {
    fn add(&mut self, code: &'static str, what: impl FnOnce() -> String) {
        match self.listed.len() < LISTED {
            true => self.listed.push(Removal { code, what: what() }),
            false => *self.more.entry(code).or_default() += 1,
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Removes what X-Ray removes: known members that are not of their type, annotations that cannot be indexed. What is
/// unknown, `null` or empty stays: it means nothing, and every SDK sends some.
pub(super) fn comply(document: &mut Document) -> Removals {
    let mut removed = Removals::default();
    comply_part(document, Path { above: None, index: 0 }, &mut removed);
    removed
}

fn comply_part(part: &mut Document, path: Path<'_>, removed: &mut Removals) {
    part.other.retain(|name, value| {
        let stays = !MEMBERS.contains(&name.as_str()) || means_nothing(value);
        if !stays {
            removed.add("InvalidMember", || format!("{path}{name} was removed: it is {}", kind(value)));
        }
        stays
    });
    part.annotations.retain(|key, value| {
        let why = annotation_fault(key, value);
        if let Some(why) = why {
            removed.add("InvalidAnnotation", || format!("{path}annotations: {} was removed: {why}", shown(key)));
        }
        why.is_none()
    });
    for (index, inner) in part.subsegments.iter_mut().enumerate() {
        comply_part(inner, Path { above: Some(&path), index }, removed);
    }
}

fn means_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(_) | Value::Bool(true) => false,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn annotation_fault(key: &str, value: &Annotation) -> Option<&'static str> {
    // Newer parts of X-Ray take dots, and OpenTelemetry's exporters send them.
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if key.is_empty() || key.len() > limits::ANNOTATION_KEY_CHARS || !key.chars().all(is_key) {
        return Some("a key is 1 to 500 letters, digits, _ and dots");
    }
    match value {
        Annotation::Other(Value::Null) => None,
        Annotation::Other(_) => Some("it is neither a text nor a number nor a boolean"),
        value => {
            let long = value.as_str().is_some_and(|text| text.chars().count() > limits::ANNOTATION_TEXT_CHARS);
            long.then_some("its text is longer than 1,000 characters")
        }
    }
}

/// Members whose type X-Ray knows.
const MEMBERS: [&str; 24] = [
    "in_progress",
    "namespace",
    "origin",
    "resource_arn",
    "user",
    "error",
    "fault",
    "throttle",
    "cause",
    "http",
    "aws",
    "service",
    "sql",
    "annotations",
    "metadata",
    "links",
    "precursor_ids",
    "inferred",
    "subsegments",
    "type",
    "parent_id",
    "trace_id",
    "start_time",
    "end_time",
];
