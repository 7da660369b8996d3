//! How nodes end: references are given back, and what is complete leaves for the sender.

use super::Recorder;
use crate::diagnostics::{Code, messages};
use crate::emit::pipeline::Limits;
use crate::node::handle::Handle;
use crate::node::head::Kind;
use crate::node::tree::{Leaving, Tree, flag};
use crate::stats::Counter;

impl Recorder {
    /// Takes back one reference to what somebody else ends.
    pub(crate) fn release(&self, handle: Handle) {
        if handle.is_unsampled() {
            return self.unclaim(handle);
        }
        let released = self.delivery.slots.finish(handle, |tree| tree.release(handle.node()));
        if let Some((_, Some(tree))) = released {
            self.delivery.pool.give_back(tree);
        }
    }

    /// The same, to an unsampled tree.
    #[inline(always)] // once a span directly below an unsampled node
    pub(crate) fn unclaim(&self, handle: Handle) {
        if let Some(tree) = self.delivery.slots.unclaim(handle) {
            self.delivery.pool.give_back(tree);
        }
    }

    /// Takes back one reference, and ends the node at a time when it is the holder's to end.
    pub(crate) fn close(&self, handle: Handle, end: Option<u64>) {
        let stream_after = self.rules.stream_after;
        if let (Some(at), true) = (end, self.wants_end || self.late.is_used()) {
            self.before_end(handle, at);
        }
        if handle.is_unsampled() {
            return self.unclaim(handle);
        }
        let finished = self.delivery.slots.finish(handle, |tree| {
            tree.release(handle.node());
            match end {
                Some(at) => tree.end(handle.node(), at, stream_after),
                None => Leaving::Nothing,
            }
        });
        if let Some((leaving, done)) = finished {
            self.leave(leaving, done);
        }
    }

    /// A node is about to end at `at`: decides what late capture has left open, and tells a sampler that wants to know.
    /// Apart from the end itself: most recorders have neither.
    #[cold]
    #[inline(never)]
    fn before_end(&self, handle: Handle, at: u64) {
        self.decide_late(handle, at);
        if self.wants_end {
            if let Some(ended) = self.delivery.slots.with(handle, |tree| tree.ended(handle, at)).flatten() {
                self.sampler.ended(&ended.decision, &ended.as_end(&self.service));
            }
        }
    }

    /// Notes how a segment goes, where the sampler or late capture wants to know. For those who hold it as its owner.
    pub(crate) fn note(&self, handle: Handle, flags: u16, status: Option<u16>) {
        if self.wants_end || self.late.is_used() {
            self.delivery.slots.with(handle, |tree| tree.note(handle, flags, status));
        }
    }

    /// Takes back a span's reference and ends its node: when it was last left, else now. The one span of an implicit
    /// segment ends that with it.
    #[inline(always)] // once a span
    pub(crate) fn close_span(&self, handle: Handle, left: Option<u64>) {
        let at = left.unwrap_or_else(|| self.now());
        if handle.node() == 1 && self.late.is_used() {
            self.decide_late_span(handle, at);
        }
        let slots = &self.delivery.slots;
        let Some(mut locked) = slots.lock(handle) else { return };
        let Some(tree) = locked.tree() else { return };
        let leaving = tree.close_span(handle.node(), at, self.rules.stream_after);
        match (leaving, slots.settle(handle, locked)) {
            (Leaving::Nothing, None) => {}
            (leaving, done) => self.leave(leaving, done),
        }
    }

    #[inline(never)]
    pub(crate) fn leave(&self, leaving: Leaving, done: Option<Box<Tree>>) {
        match leaving {
            Leaving::Nothing => {}
            Leaving::Part(part) => {
                self.count_late(&part);
                self.send(part);
            }
            Leaving::Streamed(part) => {
                self.stats().add(Counter::SubsegmentsStreamed, part.tops().count() as u64);
                self.send(part);
            }
            Leaving::Whole => {
                if let Some(tree) = done {
                    self.count_late(&tree);
                    self.send(tree);
                }
                return;
            }
        }
        if let Some(tree) = done {
            self.delivery.pool.give_back(tree);
        }
    }

    /// A subsegment that ended after its segment was sent.
    fn count_late(&self, tree: &Tree) {
        let lone = tree.nodes().iter().any(|node| node.is(flag::LONE) && !node.is(flag::SENT));
        if lone && tree.head.kind != Kind::Facade {
            self.stats().add(Counter::LateSubsegments, 1);
        }
    }

    pub(in crate::node) fn send(&self, tree: Box<Tree>) {
        match &self.pipeline {
            Some(pipeline) => {
                let weight = tree.weight();
                if !pipeline.push(tree, weight) {
                    let Limits { items, bytes } = Limits::default();
                    let lost = self.stats().get(Counter::DroppedQueueFull);
                    // Else it was refused for another cause: after the shutdown, or because there is no thread.
                    if lost > 0 {
                        self.report(Code::Xr021, || messages::queue_full(lost, items, bytes));
                    }
                }
            }
            None => {
                self.delivery.deliver_inline(tree);
                self.diagnostics().deliver_queued();
            }
        }
    }
}
