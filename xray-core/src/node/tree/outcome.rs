//! How a segment went, for a sampler that wants to know: kept apart from its document, for unsampled ones have none.
//!
//! Nothing here is touched unless the sampler asked ([`Sample::wants_end`](crate::sampling::Sample::wants_end)).

use std::time::Duration;

use super::{Tree, flag};
use crate::node::handle::Handle;
use crate::node::head::Kind;
use crate::sampling::{Decision, SegmentEnd};

/// What is noted while the segment is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Nanoseconds of the clock's monotonic time.
    start: u64,
    /// Flags of an unsampled segment; a sampled one's stand in its node.
    flags: u16,
    status: Option<u16>,
    /// Name of the segment, where it is not the service's.
    name: Option<Box<str>>,
    told: bool,
}

/// What is told when it has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) decision: Decision,
    name: Option<Box<str>>,
    flags: u16,
    status: Option<u16>,
    duration: Duration,
}

impl Outcome {
    /// Of a segment that opens now, under a name of its own or the service's.
    pub(crate) fn opened(start: u64, name: Option<Box<str>>) -> Outcome {
        Outcome { start, name, ..Outcome::default() }
    }
}

impl Ended {
    /// For the sampler. `service` names segments that have no name of their own.
    pub(crate) fn as_end<'a>(&'a self, service: &'a str) -> SegmentEnd<'a> {
        let mut end = SegmentEnd::new(self.name.as_deref().unwrap_or(service), self.duration);
        end.fault = self.flags & flag::FAULT != 0;
        end.error = self.flags & flag::ERROR != 0;
        end.throttle = self.flags & flag::THROTTLE != 0;
        end.status = self.status;
        end
    }
}

impl Tree {
    pub(crate) fn set_outcome(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }

    /// Notes flags, and a status where there is one, of the segment that this handle of its owner names. Of another
    /// node nothing is noted.
    pub(crate) fn note(&mut self, handle: Handle, flags: u16, status: Option<u16>) {
        if is_segment(handle) {
            self.outcome.flags |= flags;
            self.outcome.status = status.or(self.outcome.status);
        }
    }

    /// What is to be told when the node of this handle ends at `at`: once, of a segment that was opened as one.
    pub(crate) fn ended(&mut self, handle: Handle, at: u64) -> Option<Ended> {
        let tells = is_segment(handle) && self.head.kind == Kind::Explicit && !self.abandoned && !self.outcome.told;
        if !tells {
            return None;
        }
        self.outcome.told = true;
        let flags = self.outcome.flags | self.node(0).map_or(0, |node| node.flags);
        Some(Ended {
            decision: self.head.decision(),
            name: self.outcome.name.take(),
            flags,
            status: self.outcome.status,
            duration: Duration::from_nanos(at.saturating_sub(self.outcome.start)),
        })
    }
}

fn is_segment(handle: Handle) -> bool {
    handle.is_unsampled() || (handle.is_recorded() && handle.node() == 0)
}
