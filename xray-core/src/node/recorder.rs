//! What a layer and everything that opens nodes share: settings, clocks, the sampler, the open trees, the way out.

mod above;
mod ending;
mod losses;
mod watch;

pub(crate) use above::Above;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::delivery::Delivery;
use super::handle::Handle;
use super::head::{Head, Kind, Late, PassOn};
use super::items::Draft;
use super::late::LateStock;
use super::tree::{Label, NodeData, Outcome};
use crate::clock::{Clock, SystemClock};
use crate::config::{ContextMissing, LateCapture};
use crate::diagnostics::{Code, Diagnostics, messages};
use crate::document::names;
use crate::emit::pipeline::{Limits, Pipeline};
use crate::entropy::Entropy;
use crate::node::Trust;
use crate::sampling::{Decision, LateRules, Reason, Sample, SamplingRequest};
use crate::stats::{Counter, Stats};
use crate::{SegmentId, TraceId};

/// Shared by a [`SegmentLayer`](crate::SegmentLayer) and every node opened under it.
pub(crate) struct Recorder {
    /// Tells frames of this layer from those of another on the same thread.
    pub(crate) tag: u32,
    pub(crate) service: Box<str>,
    /// The service's name as it stands in documents; leaked, one per layer.
    pub(crate) service_label: &'static Label,
    pub(crate) rules: Behaviour,
    /// `None`: the machine's. It is asked three times a span; without the detour that is 490 instructions less of a
    /// request with ten spans.
    clock: Option<Arc<dyn Clock>>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) sampler: Arc<dyn Sample>,
    /// The sampler is told how segments end.
    pub(crate) wants_end: bool,
    pub(crate) delivery: Arc<Delivery>,
    pub(super) late: LateStock,
    /// `None`: documents leave on the thread that ends the node.
    pipeline: Option<Pipeline<Delivery>>,
}

/// How a recorder behaves: the settings that are asked for at run time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) trust: Trust,
    pub(crate) context_missing: ContextMissing,
    pub(crate) in_lambda: bool,
    /// Texts of database queries are recorded.
    pub(crate) collect_sql: bool,
    /// Spans with nothing above them open a segment.
    pub(crate) root_spans: bool,
    /// What is kept of what was not sampled.
    pub(crate) late: LateCapture,
    /// Finished subsegments of a tree beyond which they leave early.
    pub(crate) stream_after: u32,
}

impl Recorder {
    pub(crate) fn new(
        service: &str,
        rules: Behaviour,
        clock: Option<Arc<dyn Clock>>,
        entropy: Arc<dyn Entropy>,
        sampler: Arc<dyn Sample>,
        delivery: Delivery,
        background: bool,
    ) -> Recorder {
        static TAGS: AtomicU32 = AtomicU32::new(0);
        let valid = names::segment_name(service);
        if valid != service {
            delivery.stats.add(Counter::NamesChanged, 1);
            delivery.diagnostics.report(Code::Xr008, || messages::name_changed(service, &valid, false));
        }
        let delivery = Arc::new(delivery);
        let pipeline =
            background.then(|| Pipeline::new(Arc::clone(&delivery), Limits::default(), Arc::clone(&delivery.stats)));
        Recorder {
            tag: TAGS.fetch_add(1, Ordering::Relaxed),
            service: (&*valid).into(),
            service_label: Box::leak(Box::new(Label::new(&valid))),
            rules,
            clock,
            entropy,
            wants_end: sampler.wants_end(),
            sampler,
            delivery,
            late: LateStock::default(),
            pipeline,
        }
    }

    pub(crate) fn stats(&self) -> &Stats {
        &self.delivery.stats
    }

    pub(crate) fn diagnostics(&self) -> &Diagnostics {
        &self.delivery.diagnostics
    }

    #[inline(always)]
    pub(crate) fn now(&self) -> u64 {
        self.clock.as_deref().map_or_else(|| SystemClock.monotonic(), Clock::monotonic)
    }

    pub(super) fn wall(&self) -> Duration {
        self.clock.as_deref().map_or_else(|| SystemClock.wall(), Clock::wall)
    }

    pub(crate) fn new_id(&self) -> u64 {
        self.entropy.next_u64()
    }

    /// Says something to whoever runs the program; never on the thread of a request unless there is no other.
    pub(crate) fn report(&self, code: Code, message: impl FnOnce() -> String) {
        if self.diagnostics().report(code, message) {
            self.deliver_diagnostics();
        }
    }

    /// As [`Recorder::report`], for what is told every time.
    pub(crate) fn report_each(&self, code: Code, message: impl FnOnce() -> String) {
        if self.diagnostics().report_each(code, message) {
            self.deliver_diagnostics();
        }
    }

    fn deliver_diagnostics(&self) {
        match &self.pipeline {
            Some(pipeline) => pipeline.wake(),
            None => self.diagnostics().deliver_queued(),
        }
    }

    /// Asks the sampler.
    pub(crate) fn decide(&self, request: &SamplingRequest<'_>) -> Decision {
        self.sampler.sample(&self.with_service_type(request))
    }

    /// Asks the sampler which rules on the response may keep a request that its caller had unsampled.
    pub(super) fn late_rules(&self, request: &SamplingRequest<'_>) -> Option<LateRules> {
        self.sampler.late_rules(&self.with_service_type(request))
    }

    fn with_service_type<'a>(&'a self, request: &SamplingRequest<'a>) -> SamplingRequest<'a> {
        let service_type = request.service_type.or(self.delivery.stamp().origin.as_deref());
        SamplingRequest { service_type, ..*request }
    }

    /// A head for a new trace or one joined.
    pub(crate) fn head(
        &self,
        trace_id: Option<TraceId>,
        parent: Option<SegmentId>,
        decision: Decision,
        kind: Kind,
    ) -> Head {
        let (wall, start) = (self.wall(), self.now());
        let wall_nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        Head {
            trace_id: trace_id.unwrap_or_else(|| TraceId::new(wall.as_secs() as u32, &*self.entropy)),
            id: self.new_id(),
            parent,
            sampled: decision.sampled(),
            late: self.late(&decision, kind),
            decision,
            asked: false,
            kind,
            pass_on: PassOn::Own,
            origin: wall_nanos.wrapping_sub(start),
            start,
        }
    }

    /// Opens a tree and its segment; one reference is the caller's. `None` when there is no room, counted.
    pub(crate) fn open_tree(&self, head: Head) -> Option<Handle> {
        self.open_tree_with(head, None, None)
    }

    /// The same, of a segment that is not named for the service, or has items from the start. The name goes to the
    /// sampler alone.
    pub(crate) fn open_tree_with(&self, head: Head, name: Option<&str>, draft: Option<&mut Draft>) -> Option<Handle> {
        let (sampled, undecided) = (head.sampled, head.late == Late::Undecided);
        let (id, start) = (head.id, head.start);
        let mut tree = self.delivery.pool.take(head);
        self.stats().add(Counter::SegmentsOpened, 1);
        self.stats().add(if sampled { Counter::SegmentsSampled } else { Counter::SegmentsUnsampled }, 1);
        if self.wants_end || undecided {
            tree.set_outcome(Outcome::opened(name.map(Box::from)));
        }
        if undecided && !self.make_late_room(&mut tree) {
            tree.head.late = Late::No;
        }
        if tree.head.is_recorded() {
            tree.open_segment(id, start, Some(self.service_label))?;
            if let Some(draft) = draft {
                if !draft.is_empty() {
                    tree.append(0, draft, false);
                    self.keep_room(&mut tree);
                }
                self.count(draft);
            }
        }
        if tree.head.is_recorded() {
            tree.retain(0);
        }
        match self.delivery.slots.insert(tree) {
            Ok(handle) => {
                if let Some(pipeline) = self.pipeline.as_ref().filter(|_| self.delivery.looks_by_itself()) {
                    // Someone has to notice when this stays open.
                    pipeline.start();
                }
                Some(handle)
            }
            Err(mut tree) => {
                self.give_late_room_back(&mut tree);
                self.stats().add(Counter::DroppedNodeLimit, 1);
                None
            }
        }
    }

    /// Opens a subsegment with these flags and items; one reference is the caller's.
    #[inline(always)] // once a span
    pub(crate) fn open_child_with(
        &self,
        parent: Handle,
        label: Option<&'static Label>,
        start: u64,
        flags: u16,
        draft: &mut Draft,
    ) -> Option<Handle> {
        let node = NodeData::new(self.new_id(), start, label, flags);
        let mut locked = self.delivery.slots.lock(parent)?;
        let tree = locked.tree()?;
        let opened = tree.open_child(parent.node(), node, draft);
        // An abandoned tree takes nothing, by intent.
        let refused = opened.is_none() && !tree.is_abandoned();
        self.keep_room(tree);
        if opened.is_some() {
            locked.count_opened();
        }
        drop(locked);
        if refused {
            self.stats().add(Counter::DroppedNodeLimit, 1);
        }
        let node = opened?;
        self.count(draft);
        Some(parent.at_node(node))
    }

    /// Takes one more reference to what somebody else ends; false where there is nothing of this handle any more.
    #[inline(always)]
    pub(crate) fn retain(&self, handle: Handle) -> bool {
        if handle.is_unsampled() {
            return self.delivery.slots.claim(handle);
        }
        self.delivery.slots.with(handle, |tree| tree.retain(handle.node())).is_some()
    }

    /// Adds flags and the one event that a draft holds to a node; true when the node has enough of them.
    #[inline(always)] // once an event
    pub(crate) fn append_event(&self, handle: Handle, draft: &mut Draft, flags: u16) -> bool {
        let Some(mut locked) = self.delivery.slots.lock(handle) else { return false };
        let Some(tree) = locked.tree() else { return false };
        tree.append_event(handle.node(), flags, draft);
        self.keep_room(tree);
        drop(locked);
        self.count(draft);
        draft.losses.event_dropped
    }

    /// Adds flags and what a draft holds to a node, and says aloud what X-Ray would not have taken.
    pub(crate) fn append(&self, handle: Handle, draft: &mut Draft, flags: u16, replace: bool) {
        if draft.is_empty() && flags == 0 {
            // Its only value may have been left out.
            return self.count(draft);
        }
        self.delivery.slots.with(handle, |tree| {
            if flags != 0 {
                tree.mark(handle.node(), flags);
            }
            if !draft.is_empty() {
                tree.append(handle.node(), draft, replace);
                self.keep_room(tree);
            }
        });
        self.count(draft);
    }

    /// Waits until everything that has ended is sent.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        self.diagnostics().deliver_queued();
        self.drain(|pipeline| pipeline.flush(timeout))
    }

    /// Sends what is open as in progress, and ends the sender thread.
    pub(crate) fn shutdown(&self, timeout: Duration) -> bool {
        for tree in self.delivery.copy_open() {
            self.send(tree);
        }
        let drained = self.drain(|pipeline| pipeline.stop(timeout));
        self.diagnostics().deliver_queued();
        drained
    }

    /// The sender's last round before it answers flushes the emitter too. An emitter that hangs is its business alone: this
    /// thread waits for the sender, so long and no longer.
    fn drain(&self, sender: impl FnOnce(&Pipeline<Delivery>) -> bool) -> bool {
        match &self.pipeline {
            Some(pipeline) => sender(pipeline),
            None => {
                self.delivery.outlet.flush();
                true
            }
        }
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("service", &self.service).field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The reason for a decision that the incoming header took.
pub(crate) fn by_header(sampled: bool) -> Decision {
    Decision::new(sampled, Reason::Header)
}
