//! What queries need of a trace, worked out once for each revision.

use xray_core::TraceId;

use crate::Trace;
use crate::graph::Part;
use crate::query::Facts;

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
    /// What filters and summaries need.
    pub facts: Facts,
    /// What it adds to the service graph.
    pub part: Part,
}

impl Row {
    pub(super) fn of(id: TraceId, revision: u64, limit_exceeded: bool, trace: &Trace) -> Row {
        Row { id, revision, limit_exceeded, facts: Facts::of(trace), part: Part::of(trace) }
    }

    /// Bytes it takes, itself included.
    pub fn bytes(&self) -> usize {
        // What is in it counts itself; a counted pointer and the allocator take their share.
        let apart = size_of::<Facts>() + size_of::<Part>();
        size_of::<Row>() - apart + self.facts.bytes() + self.part.bytes() + ALLOCATIONS
    }
}

/// Bytes of a row that nobody else counts: its reference counts, and the allocator's share of its dozen parts.
const ALLOCATIONS: usize = 150;
