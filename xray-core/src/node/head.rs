//! What a segment tree knows of its trace: fixed when it opens.

use crate::header::{Sampled, TraceHeader};
use crate::id::{SegmentId, TraceId};
use crate::sampling::Decision;

/// The trace, the decision, and the one reading of the wall clock that all times of the tree go back to.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) trace_id: TraceId,
    /// Id of the segment itself.
    pub(crate) id: u64,
    /// The caller's subsegment, from the incoming header.
    pub(crate) parent: Option<SegmentId>,
    /// What is told to callers and to the services called.
    pub(crate) sampled: bool,
    /// The decision in force: made when it opened, or at its end where late capture kept it.
    pub(crate) decision: Decision,
    pub(crate) late: Late,
    /// The incoming header asked for the decision.
    pub(crate) asked: bool,
    pub(crate) kind: Kind,
    pub(crate) pass_on: PassOn,
    /// Nanoseconds since the epoch when the clock's monotonic time was 0.
    pub(crate) origin: u64,
    /// The clock's monotonic time when it opened.
    pub(crate) start: u64,
}

/// Who opened a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Middleware, a message consumer, or the program by `segment()`.
    Explicit,
    /// A span that had nothing above it.
    Implicit,
    /// Someone else sends the segment; we send subsegments.
    Facade,
}

/// Where a segment that is not sampled stands with late capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    /// It is sampled, or not recorded.
    No,
    /// Recorded until its end.
    Undecided,
    /// Has ended, and is sent.
    Kept,
    /// Has ended or outgrown its room, and is forgotten.
    Dropped,
}

/// What calls made inside pass on.
#[derive(Clone, Debug)]
pub(crate) enum PassOn {
    /// The trace, the caller's id and the decision.
    Own,
    /// The same, with the data of this header, which came in: `Lineage` and keys that are not known.
    OwnWith(Box<TraceHeader>),
    /// A header that leaves the decision to others, as it came.
    Unchanged(Box<TraceHeader>),
    /// There is no trace.
    Nothing,
}

impl PassOn {
    /// The trace, which is that of an incoming header.
    pub(crate) fn own(incoming: &TraceHeader) -> PassOn {
        if incoming.data().is_empty() { PassOn::Own } else { PassOn::OwnWith(Box::new(incoming.clone())) }
    }
}

impl Head {
    /// The header for a call made from the node with this id.
    pub(crate) fn header(&self, id: u64) -> Option<TraceHeader> {
        match &self.pass_on {
            PassOn::Own => Some(self.own_header(id)),
            PassOn::OwnWith(incoming) => Some(self.own_header(id).with_data(incoming.data())),
            PassOn::Unchanged(header) => Some((**header).clone()),
            PassOn::Nothing => None,
        }
    }

    fn own_header(&self, id: u64) -> TraceHeader {
        let sampled = if self.sampled { Sampled::Yes } else { Sampled::No };
        TraceHeader::new(self.trace_id).with_parent(SegmentId::from_u64(id)).with_sampled(sampled)
    }

    /// What happens inside is recorded, for good or for now.
    pub(crate) fn is_recorded(&self) -> bool {
        self.sampled || self.late != Late::No
    }
}
