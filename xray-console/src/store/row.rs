//! What queries need of a trace, worked out once for each revision.

use xray_core::TraceId;

use crate::Trace;

/// A trace in the eyes of filters, summaries and maps.
#[derive(Debug)]
#[non_exhaustive]
pub struct Row {
    /// The trace.
    pub id: TraceId,
    /// How many documents had come for it when this was worked out.
    pub revision: u64,
    /// It is larger than AWS X-Ray would have it ([`TRACE_BYTES`](super::TRACE_BYTES)).
    pub limit_exceeded: bool,
    /// When it was.
    pub times: Times,
}

/// When a trace was: seconds since the epoch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Times {
    /// Start of its earliest segment, else orphan; none if no document says.
    pub start: Option<f64>,
    /// End of its last segment; infinite while something is in progress.
    pub end: Option<f64>,
    /// The ends of its segments.
    pub ends: Box<[f64]>,
}

impl Row {
    pub(super) fn of(id: TraceId, revision: u64, limit_exceeded: bool, trace: &Trace) -> Row {
        Row { id, revision, limit_exceeded, times: Times::of(trace) }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        // Its counters and the allocator's share besides.
        size_of::<Row>() + 32 + size_of_val(&*self.times.ends)
    }
}

impl Times {
    /// The times of a trace.
    pub fn of(trace: &Trace) -> Times {
        let end = if trace.is_partial() { Some(f64::INFINITY) } else { trace.end_time() };
        let ends = trace.segments.iter().filter_map(|segment| segment.document.end_time).collect();
        Times { start: trace.start_time(), end, ends }
    }
}
