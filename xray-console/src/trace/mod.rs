//! A trace as X-Ray reads it back: segments with everything that belongs to them, put together from documents that came
//! in any order.
//!
//! [`Trace::assemble`] is a pure function of the documents. What it gives is what `BatchGetTraces` answers, and what
//! filters, summaries, the service graph and the timeline are computed from. Assembling the documents of an assembled
//! trace gives that trace again, so the same code serves the traces of this store and those fetched from AWS X-Ray.
//!
//! Source: X-Ray Developer Guide, "Segment documents"; X-Ray API Reference, "BatchGetTraces".

mod assemble;
mod forest;
mod node;

use xray_core::document::Document;

pub use node::Node;

/// One assembled trace.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// Its id as senders wrote it: `1-{8 hex digits}-{24 hex digits}`.
    pub id: String,
    /// All segments, inferred ones too: the [root](Trace::root) first, then by start, then by id.
    pub segments: Vec<Segment>,
    /// Lone subsegments whose parent has not arrived, with what was found to belong to them; by start, then by id. They
    /// are in no segment, and X-Ray itself shows nothing of them.
    pub orphans: Vec<Document>,
    /// How many times a segment or subsegment came complete though it was complete already: senders that repeat
    /// themselves, or two that share an id. One of them is shown.
    pub duplicates: usize,
}

/// A segment of a trace: the work of one service, or, inferred, what a service that sent nothing is known to have done.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Segment {
    /// The segment with all its subsegments, lone ones in their places; `inferred` on it tells that it was made from
    /// its caller's subsegment.
    pub document: Document,
    /// What is nested deeper in it than [`NESTED_SUBSEGMENTS`](xray_core::document::limits::NESTED_SUBSEGMENTS), which
    /// only a chain of lone subsegments can be: documents of their own, whose `parent_id` says where they belong.
    /// Almost always empty.
    pub deeper: Vec<Document>,
    /// The node of the service map it counts for.
    pub node: Node,
    /// Who called it, where that is in the trace.
    pub parent: Option<Parent>,
}

impl Segment {
    /// Its documents as `BatchGetTraces` answers them: the segment, and what is too deep to be in it.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        std::iter::once(&self.document).chain(&self.deeper)
    }

    /// The segment and everything beneath it, at any depth; parents before children.
    pub fn walk(&self) -> impl Iterator<Item = &Document> {
        self.documents().flat_map(Document::walk)
    }
}

/// The caller of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Parent {
    /// Index of the caller's segment in [`Trace::segments`].
    pub segment: usize,
    /// Id of the subsegment (or of the segment itself) that made the call: 16 hex digits.
    pub id: String,
}

impl Trace {
    /// The segment that began the trace: the one without `parent_id`, the earliest if there are several; else the
    /// earliest of those whose parent is not in the trace. None while only orphans are known.
    pub fn root(&self) -> Option<&Segment> {
        self.segments.first()
    }

    /// Seconds since the epoch at which the earliest segment (else orphan) began.
    pub fn start_time(&self) -> Option<f64> {
        let starts = self.segments.iter().filter_map(|segment| segment.document.start_time);
        starts.chain(self.orphans.iter().filter_map(|orphan| orphan.start_time)).reduce(f64::min)
    }

    /// Seconds since the epoch at which the last segment that has ended did so.
    pub fn end_time(&self) -> Option<f64> {
        self.segments.iter().filter_map(|segment| segment.document.end_time).reduce(f64::max)
    }

    /// True while any segment or subsegment is in progress.
    pub fn is_partial(&self) -> bool {
        let orphans = self.orphans.iter().flat_map(Document::walk);
        self.segments.iter().flat_map(Segment::walk).chain(orphans).any(|document| document.in_progress)
    }

    /// Index in [`segments`](Trace::segments) of the segment that the subsegment (or segment) of this id called, or
    /// that holds it: the segments whose parent it is.
    pub fn called_by<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Segment> {
        self.segments.iter().filter(move |segment| segment.parent.as_ref().is_some_and(|parent| parent.id == id))
    }
}
