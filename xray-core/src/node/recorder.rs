//! What a layer and everything that opens nodes share: settings, clocks, the sampler, the open trees, the way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::current;
use super::delivery::Delivery;
use super::handle::Handle;
use super::head::{Head, Kind, Late, PassOn};
use super::items::{Draft, Losses};
use super::late::LateStock;
use super::record::Admitted;
use super::tree::{Label, Leaving, NodeData, Outcome, Tree, flag};
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
            data: None,
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
        if undecided && !self.make_late_room(&mut tree) {
            tree.head.late = Late::No;
        }
        if tree.head.is_recorded() {
            tree.open_segment(id, start, Some(self.service_label))?;
            if let Some(draft) = draft.filter(|draft| !draft.is_empty()) {
                tree.append(0, draft, false);
                self.keep_room(&mut tree);
                self.count(draft);
            }
        }
        if self.wants_end || undecided {
            tree.set_outcome(Outcome::opened(name.map(Box::from)));
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

    pub(super) fn send(&self, tree: Box<Tree>) {
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
            return;
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

    #[inline(always)]
    fn count(&self, draft: &Draft) {
        if !draft.losses.are_none() {
            self.count_losses(draft.losses);
        }
    }

    #[cold]
    #[inline(never)]
    fn count_losses(&self, losses: Losses) {
        let Losses { values_cut, annotations_moved, event_dropped, refused } = losses;
        if event_dropped {
            return self.stats().add(Counter::EventsDropped, 1);
        }
        self.stats().add(Counter::ValuesTruncated, u64::from(values_cut));
        if refused {
            self.stats().add(Counter::DroppedNodeLimit, 1);
        }
        if annotations_moved > 0 {
            self.stats().add(Counter::AnnotationsMoved, u64::from(annotations_moved));
            self.report(Code::Xr009, messages::annotations_moved);
        }
    }

    /// Counts a chain of exceptions in, and those that are left out.
    pub(crate) fn admit_exceptions(&self, handle: Handle, length: u8) -> Admitted {
        let admitted = self.delivery.slots.with(handle, |tree| tree.admit_exceptions(handle.node(), length));
        let admitted = admitted.unwrap_or_default();
        if admitted.skipped > 0 {
            self.stats().add(Counter::ExceptionsDropped, u64::from(admitted.skipped));
        }
        admitted
    }

    /// Where a node without an explicit parent belongs on this thread.
    pub(crate) fn above(&self) -> Above {
        match current::top(self.tag) {
            None => Above::Nothing,
            Some(frame) => self.resolve(frame.handle, frame.span),
        }
    }

    /// What a frame or a span stands for.
    pub(crate) fn resolve(&self, handle: Handle, span: u64) -> Above {
        let handle = if handle == Handle::QUIET {
            match crate::layer::climb(self, span) {
                Some(found) => found,
                None => return Above::Silent,
            }
        } else {
            handle
        };
        if handle.is_recorded() {
            match self.delivery.slots.with(handle, |tree| (tree.is_abandoned(), tree.is_dropped())) {
                Some((false, _)) => Above::Node(handle.as_own()),
                Some((true, true)) => Above::Unsampled(handle.as_own()),
                Some((true, false)) => Above::Nothing,
                None => Above::Silent,
            }
        } else if handle.is_unsampled() {
            Above::Unsampled(handle)
        } else {
            Above::Nothing
        }
    }

    /// An explicit segment opens beneath a span's implicit one: that one was not meant, and goes unsent.
    pub(crate) fn abandon_implicit(&self) {
        let Some(frame) = current::top(self.tag) else { return };
        if frame.handle.is_recorded() {
            let abandoned = self.delivery.slots.with(frame.handle, |tree| {
                let implicit = tree.head.kind == Kind::Implicit && !tree.is_abandoned();
                if implicit {
                    self.give_late_room_back(tree);
                    tree.abandon();
                }
                implicit
            });
            if abandoned == Some(true) {
                self.stats().add(Counter::AbandonedRoots, 1);
            }
        }
    }

    /// Waits until everything that has ended is sent.
    pub(crate) fn flush(&self, timeout: Duration) -> bool {
        self.diagnostics().deliver_queued();
        let drained = self.pipeline.as_ref().is_none_or(|pipeline| pipeline.flush(timeout));
        self.delivery.outlet.flush();
        drained
    }

    /// Sends what is open as in progress, and ends the sender thread.
    pub(crate) fn shutdown(&self, timeout: Duration) -> bool {
        for tree in self.delivery.copy_open() {
            self.send(tree);
        }
        let drained = self.pipeline.as_ref().is_none_or(|pipeline| pipeline.stop(timeout));
        self.diagnostics().deliver_queued();
        self.delivery.outlet.flush();
        drained
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("service", &self.service).field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// What a new node would hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Above {
    Node(Handle),
    Unsampled(Handle),
    /// Something that is not recorded and whose trace is not known.
    Silent,
    Nothing,
}

/// The reason for a decision that the incoming header took.
pub(crate) fn by_header(sampled: bool) -> Decision {
    Decision::new(sampled, Reason::Header)
}

/// Watching what comes in: all of it is worth a word only when it goes on.
impl Recorder {
    /// XR010 and XR011: nothing is sampled, here or by those who call.
    pub(crate) fn watch_sampling(&self, head: &Head) {
        if head.sampled {
            return;
        }
        if self.diagnostics().detail(Code::Xr010, || messages::not_sampled(&self.service, head.decision.rule())) {
            self.deliver_diagnostics();
        }
        let stats = self.stats();
        // This one is decided, and not opened yet.
        let (opened, sampled) = (stats.get(Counter::SegmentsOpened) + 1, stats.get(Counter::SegmentsSampled));
        if opened % LOOK_EVERY != 0 {
            return;
        }
        let upstream = stats.get(Counter::UpstreamUnsampled);
        if upstream * 10 >= opened * 9 {
            self.report(Code::Xr011, || messages::upstream_unsampled(upstream, opened));
        } else if sampled == 0 && stats.get(Counter::LateCaptured) == 0 {
            self.report(Code::Xr010, || messages::none_sampled(opened, head.decision.rule()));
        }
    }

    /// XR013: X-Ray drops traces that are too old or from the future.
    pub(crate) fn watch_age(&self, root: TraceId, head: &Head) {
        let now = head.origin.wrapping_add(head.start) / 1_000_000_000;
        let stamped = u64::from(root.epoch_seconds());
        if stamped + OLDEST < now || stamped > now + FURTHEST {
            self.stats().add(Counter::StaleTraceIds, 1);
            self.report(Code::Xr013, || messages::stale_trace_id(root.epoch_seconds(), now));
        }
    }
}

/// Requests between two looks at how many were sampled.
const LOOK_EVERY: u64 = 1000;
/// Seconds after which X-Ray drops a trace: 30 days. Source: X-Ray Developer Guide, "Concepts", retention.
const OLDEST: u64 = 30 * 24 * 3600;
/// Seconds by which another machine's clock may be ahead: a day, which no working clock is.
const FURTHEST: u64 = 24 * 3600;
