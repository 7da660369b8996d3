//! How a segment went, for a sampler that wants to know: kept apart from its document, for unsampled ones have none.
//!
//! Nothing here is touched unless the sampler asked ([`Sample::wants_end`](crate::sampling::Sample::wants_end)).

use std::time::Duration;

use super::{NO_NODE, Tree, flag};
use crate::node::handle::Handle;
use crate::node::head::{Kind, Late};
use crate::sampling::{Decision, SegmentEnd};

/// What is noted while the segment is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Flags of an unsampled segment; a sampled one's stand in its node.
    flags: u16,
    status: Option<u16>,
    /// Name of the segment, where it is not the service's.
    name: Option<Box<str>>,
    told: bool,
    /// Bytes taken of the stock for late capture.
    reserved: usize,
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
    pub(crate) fn opened(name: Option<Box<str>>) -> Outcome {
        Outcome { name, ..Outcome::default() }
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
        **self.outcome.get_or_insert_default() = outcome;
    }

    /// Notes flags, and a status where there is one, of the segment that this handle of its owner names. Of another
    /// node nothing is noted.
    pub(crate) fn note(&mut self, handle: Handle, flags: u16, status: Option<u16>) {
        if let Some(outcome) = self.outcome.as_deref_mut().filter(|_| handle.is_segment()) {
            outcome.flags |= flags;
            outcome.status = status.or(outcome.status);
        }
    }

    /// What is to be told when the node of this handle ends at `at`: once, of a segment that was opened as one.
    pub(crate) fn ended(&mut self, handle: Handle, at: u64) -> Option<Ended> {
        if handle.is_segment() && self.tell_end() { self.end_at(at) } else { None }
    }

    /// Whether the end of the segment is to be told now: true once.
    pub(crate) fn tell_end(&mut self) -> bool {
        let given_up = self.abandoned && self.head.late != Late::Dropped;
        let Some(outcome) = &mut self.outcome else { return false };
        let tells = self.head.kind == Kind::Explicit && !given_up && !outcome.told;
        outcome.told |= tells;
        tells
    }

    /// How the segment would end at `at`, where late capture has still to decide it.
    pub(crate) fn undecided(&self, at: u64) -> Option<Ended> {
        if self.is_undecided() { self.end_at(at) } else { None }
    }

    /// Late capture has still to decide it.
    pub(crate) fn is_undecided(&self) -> bool {
        self.head.late == Late::Undecided && !self.abandoned
    }

    fn end_at(&self, at: u64) -> Option<Ended> {
        let outcome = self.outcome.as_deref()?;
        Some(Ended {
            decision: self.head.decision.clone(),
            name: outcome.name.clone(),
            flags: outcome.flags | self.segment_flags(),
            status: outcome.status,
            duration: Duration::from_nanos(at.saturating_sub(self.head.start)),
        })
    }

    /// Flags of the segment's node; of one that a span was given, the span's too.
    fn segment_flags(&self) -> u16 {
        let span = if self.head.kind == Kind::Implicit { self.node(1) } else { None };
        self.node(0).into_iter().chain(span).fold(0, |flags, node| flags | node.flags)
    }

    // --- late capture ---

    /// Bytes of the common stock that are this tree's.
    pub(crate) fn reserved(&self) -> usize {
        self.outcome.as_ref().map_or(0, |outcome| outcome.reserved)
    }

    /// Of a tree with an [outcome](Tree::set_outcome), which all have that late capture decides.
    pub(crate) fn set_reserved(&mut self, bytes: usize) {
        if let Some(outcome) = &mut self.outcome {
            outcome.reserved = bytes;
        }
    }

    /// It is sent after all, by this decision.
    pub(crate) fn keep_late(&mut self, decision: Decision) {
        self.head.decision = decision;
        self.head.late = Late::Kept;
    }

    /// Forgets what was recorded: from now on it is a trace to pass on, and no more. References stay counted.
    pub(crate) fn drop_late(&mut self) {
        let flags = self.segment_flags();
        if let Some(outcome) = &mut self.outcome {
            outcome.flags |= flags;
        }
        self.head.late = Late::Dropped;
        self.abandoned = true;
        self.open = 0;
        self.finished = 0;
        self.nodes.clear();
        self.items.clear();
        self.free = NO_NODE;
    }
}
