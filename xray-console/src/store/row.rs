//! What queries need of a trace, worked out once for each revision.

use xray_core::TraceId;

use crate::Trace;
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
}

impl Row {
    pub(super) fn of(id: TraceId, revision: u64, limit_exceeded: bool, trace: &Trace) -> Row {
        Row { id, revision, limit_exceeded, facts: Facts::of(trace) }
    }

    /// Bytes it takes, itself included.
    pub fn bytes(&self) -> usize {
        // What is in it counts itself; a counted pointer and the allocator take their share.
        size_of::<Row>() - size_of::<Facts>() + self.facts.bytes() + ALLOCATIONS
    }
}

/// Bytes of a row that nobody else counts: its reference counts, and the allocator's share of its dozen parts.
const ALLOCATIONS: usize = 150;
