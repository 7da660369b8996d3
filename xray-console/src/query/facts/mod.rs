//! What filters and summaries ask of a trace.
//!
//! Flat lists of small records beside one text, so that a look at a trace costs a few cache lines; those of many traces
//! can be put side by side (`columns.rs`). Every list of a trace is at most as long as it has documents; annotations and
//! root causes are bounded as X-Ray bounds them (see [`Facts::of`]).

mod causes;
mod collect;
mod columns;
mod text;
mod tree;

use std::sync::Arc;

pub(crate) use columns::Columns;
pub(crate) use text::Text;

/// A trace as filters see it.
///
/// # Examples
///
/// ```
/// use xray_console::{Trace, query::{Facts, TraceSummary}};
/// use xray_core::document::Document;
///
/// let shop = r#"{"name":"shop","id":"000000000000000a","start_time":1.0,"end_time":1.5,"fault":true}"#;
/// let trace = Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", [Document::parse(shop).unwrap()]);
/// let facts = Facts::of(&trace);
/// assert_eq!(facts.start_time(), Some(1.0));
///
/// let summary = TraceSummary::of(&trace.id, &facts);
/// assert!(summary.has_fault && !summary.has_error);
/// assert_eq!(summary.response_time, Some(0.5));
/// ```
#[derive(Clone)]
pub struct Facts {
    /// Those of this trace, and perhaps of others.
    columns: Arc<Columns>,
    /// Which trace of them it is.
    at: usize,
}

/// What a segment or a call did, whoever saw it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// NaN where it is not known.
    start: f64,
    end: f64,
    /// Negative where it is not known.
    status: i32,
    pub(crate) flags: Flags,
}

/// A set of yes-or-no facts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    pub(crate) const ERROR: Flags = Flags(1);
    pub(crate) const FAULT: Flags = Flags(2);
    pub(crate) const THROTTLE: Flags = Flags(4);
    pub(crate) const PARTIAL: Flags = Flags(8);
    pub(crate) const INFERRED: Flags = Flags(16);
    pub(crate) const ROOT: Flags = Flags(32);
    /// Error, fault or throttle.
    pub(crate) const NOT_OK: Flags = Flags(1 | 2 | 4);

    pub(crate) fn has(self, any: Flags) -> bool {
        self.0 & any.0 != 0
    }

    fn set(&mut self, flag: Flags, on: bool) {
        self.0 |= if on { flag.0 } else { 0 };
    }
}

impl Record {
    /// Seconds it took; none at all where it ended before it started, as a clock that was set makes it.
    pub(crate) fn seconds(&self) -> Option<f64> {
        Some(self.end - self.start).filter(|seconds| !seconds.is_nan()).map(|seconds| seconds.max(0.0))
    }

    pub(crate) fn status(&self) -> Option<i32> {
        Some(self.status).filter(|status| *status >= 0)
    }
}

/// A segment; its index is its identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment {
    pub(crate) name: Text,
    pub(crate) kind: Text,
    pub(crate) account: Text,
    pub(crate) record: Record,
}

/// One segment called another; the record is the caller's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) record: Record,
}

/// Texts that few segments have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Url,
    Method,
    UserAgent,
    ClientIp,
    User,
    Zone,
    Instance,
    Arn,
}

/// A label and whose it is: a segment's index, or the number of segments plus a call's.
#[derive(Clone, Copy, Debug)]
struct Owned {
    owner: u32,
    label: Label,
    text: Text,
}

/// An annotation of any segment or subsegment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Annotation {
    pub(crate) key: Text,
    pub(crate) value: Value,
    /// The segment it was in; past the last for an orphan.
    pub(crate) segment: u32,
}

/// What an annotation says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Text),
    Number(f64),
    Bool(bool),
}

/// What a root cause explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CauseKind {
    Fault,
    Error,
    ResponseTime,
}

/// One root cause: a path from the client to the culprit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause {
    pub(crate) kind: CauseKind,
    pub(crate) impacts_client: bool,
    entities: (u32, u32),
}

/// A segment or subsegment on the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entity {
    pub(crate) name: Text,
    /// Consecutive entities of one segment are one service of the path.
    pub(crate) segment: u32,
    /// Share of the root's time, 0.0 to 1.0, of a response time's cause.
    pub(crate) coverage: f64,
    pub(crate) remote: bool,
    exceptions: (u32, u32),
}

/// An exception on the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    pub(crate) name: Text,
    pub(crate) message: Text,
}

impl Facts {
    /// Seconds since the epoch at which the trace began.
    pub fn start_time(&self) -> Option<f64> {
        Some(self.head().start).filter(|time| !time.is_nan())
    }

    /// Seconds since the epoch at which the last segment that has ended did so.
    pub fn end_time(&self) -> Option<f64> {
        Some(self.head().end).filter(|time| !time.is_nan())
    }

    /// Whether anything in it is in progress.
    pub fn is_partial(&self) -> bool {
        self.head().partial
    }

    /// Seconds since the epoch at which segments ended.
    pub fn segment_ends(&self) -> impl Iterator<Item = f64> {
        self.segments().iter().map(|segment| segment.record.end).filter(|end| !end.is_nan())
    }

    /// Whether any segment or subsegment was throttled.
    pub(crate) fn is_throttled(&self) -> bool {
        self.head().throttled
    }

    /// Seconds from the first start to the last end.
    pub(crate) fn duration(&self) -> Option<f64> {
        Some((self.end_time()? - self.start_time()?).max(0.0))
    }

    pub(crate) fn text(&self, text: Text) -> Option<&str> {
        self.columns.texts.get(text)
    }

    /// The root first; queues between a sender and a consumer last.
    pub(crate) fn segments(&self) -> &[Segment] {
        self.part(&self.columns.segments, |head| head.segments)
    }

    pub(crate) fn segment(&self, index: u32) -> Option<&Segment> {
        self.segments().get(usize::try_from(index).ok()?)
    }

    /// The segment that began the trace.
    pub(crate) fn root(&self) -> Option<&Segment> {
        self.segments().first()
    }

    pub(crate) fn calls(&self) -> &[Call] {
        self.part(&self.columns.calls, |head| head.calls)
    }

    /// A label of a segment.
    pub(crate) fn label(&self, segment: usize, label: Label) -> Option<&str> {
        let of_segment = |owned: &&Owned| owned.label == label && usize::try_from(owned.owner) == Ok(segment);
        self.text(self.owned_labels().iter().find(of_segment)?.text)
    }

    /// A label of a call, as its caller saw it.
    pub(crate) fn label_of_call(&self, call: usize, label: Label) -> Option<&str> {
        self.label(self.segments().len() + call, label)
    }

    /// The label's texts on all segments, with the segment's index.
    pub(crate) fn labels(&self, label: Label) -> impl Iterator<Item = (u32, &str)> {
        let segments = self.segments().len();
        let of_segment = move |owned: &&Owned| {
            owned.label == label && usize::try_from(owned.owner).is_ok_and(|owner| owner < segments)
        };
        self.owned_labels().iter().filter(of_segment).filter_map(|owned| Some((owned.owner, self.text(owned.text)?)))
    }

    /// All annotations, those of one key together.
    pub(crate) fn annotations(&self) -> &[Annotation] {
        self.part(&self.columns.annotations, |head| head.annotations)
    }

    pub(crate) fn causes(&self) -> &[Cause] {
        self.part(&self.columns.causes, |head| head.causes)
    }

    /// The labels of all segments and calls.
    fn owned_labels(&self) -> &[Owned] {
        self.part(&self.columns.labels, |head| head.labels)
    }

    /// The paths of all root causes.
    fn entities(&self) -> &[Entity] {
        self.part(&self.columns.entities, |head| head.entities)
    }

    /// The exceptions of all entities.
    fn all_exceptions(&self) -> &[Exception] {
        self.part(&self.columns.exceptions, |head| head.exceptions)
    }

    /// The path of a root cause.
    pub(crate) fn path(&self, cause: &Cause) -> &[Entity] {
        part(self.entities(), cause.entities)
    }

    pub(crate) fn exceptions(&self, entity: &Entity) -> &[Exception] {
        part(self.all_exceptions(), entity.exceptions)
    }
}

fn part<T>(all: &[T], (from, to): (u32, u32)) -> &[T] {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range.and_then(|(from, to)| all.get(from..to)).unwrap_or_default()
}
