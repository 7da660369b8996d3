//! What queries need of a trace, worked out once for each revision.

use xray_core::TraceId;

use super::page::Slot;
use crate::graph::Part;
use crate::query::Facts;

/// A trace in the eyes of filters, summaries and maps. Clones share what they hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    slot: Slot,
    /// What filters and summaries need.
    pub facts: Facts,
    /// What it adds to the service graph.
    pub part: Part,
}

impl Row {
    pub(super) fn of(slot: Slot) -> Row {
        let (facts, part) = (slot.page().facts(slot.at()), slot.page().part(slot.at()));
        Row { slot, facts, part }
    }

    /// Becomes the row at another place of its page. Only that: who takes pointers to the page for each of a hundred
    /// thousand rows, and gives them back, spends more time on counting these than on the rows.
    pub(super) fn turn(&mut self, at: usize) {
        self.slot.turn(at);
        self.facts.turn(at);
        self.part.turn(at);
    }

    /// The trace.
    pub fn id(&self) -> &TraceId {
        &self.slot.key().id
    }

    /// How many documents had come for it when this was worked out.
    pub fn revision(&self) -> u64 {
        self.slot.key().revision
    }

    /// It is larger than AWS X-Ray would have it ([`TRACE_BYTES`](super::TRACE_BYTES)).
    pub fn limit_exceeded(&self) -> bool {
        self.slot.key().limit_exceeded
    }
}
