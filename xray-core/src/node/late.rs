//! Late capture: segments that were not sampled, recorded until their end, and then kept or forgotten.
//!
//! Until it is decided such a tree is recorded like any other, but nothing of it leaves: no subsegment is streamed, none
//! announced, and what it passes on is `Sampled=0`. The decision falls when its segment ends: it is *kept*, and goes out
//! like a sampled one, with what is still open below following later; or *dropped*, and from then on it is what an
//! unsampled tree is, a trace to pass on.
//!
//! **Bounds.** So many segments at one time, and so many bytes in all of them together; both in
//! [`LateCapture`](crate::LateCapture). Bytes are taken from the common stock in pieces of [`PIECE`], so that the usual
//! request touches it twice. A segment for which there is no room is not recorded, and one that outgrows the stock is
//! dropped at once; both are counted. Conditions keep so many a second; rules have bounds of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::handle::Handle;
use super::head::{Kind, Late};
use super::record::{annotation, with_draft};
use super::recorder::Recorder;
use super::tree::Tree;
use crate::config::LateCapture;
use crate::node::AnnotationValue;
use crate::sampling::{Decision, Reason, Reservoir, SegmentEnd};
use crate::stats::Counter;

/// What is taken of the bounds at this moment.
#[derive(Debug, Default)]
pub(crate) struct LateStock {
    /// Segments that are undecided.
    segments: AtomicU32,
    bytes: AtomicUsize,
    /// What the conditions have kept in this second.
    kept: Reservoir,
}

impl LateStock {
    /// Some segment is undecided, perhaps.
    pub(super) fn is_used(&self) -> bool {
        self.segments.load(Ordering::Relaxed) > 0
    }

    /// Takes room for one segment, and its first bytes.
    fn open(&self, bounds: &LateCapture) -> bool {
        let within = |taken: u32| (taken < bounds.segments).then(|| taken + 1);
        if self.segments.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_err() {
            return false;
        }
        let room = self.grow(bounds, PIECE);
        if !room {
            self.segments.fetch_sub(1, Ordering::Relaxed);
        }
        room
    }

    fn grow(&self, bounds: &LateCapture, bytes: usize) -> bool {
        let within = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= bounds.bytes);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Gives back what a segment had taken; nothing where it had taken nothing.
    fn close(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.segments.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Recorder {
    /// What becomes of a segment that was decided so, where something may still keep it.
    pub(super) fn late(&self, decision: &Decision, kind: Kind) -> Late {
        if decision.sampled() || !self.rules.late.rules || kind == Kind::Facade {
            return Late::No;
        }
        // A caller's word is gone against only where that was asked for.
        let conditions =
            self.rules.late.has_conditions() && (self.rules.late.upstream || decision.reason() != Reason::Header);
        if conditions || decision.late_rules().is_some() { Late::Undecided } else { Late::No }
    }

    /// Makes room for a segment that is to be recorded until its end; false, counted, when there is none.
    pub(super) fn make_late_room(&self, tree: &mut Tree) -> bool {
        let room = self.late.open(&self.rules.late);
        tree.set_reserved(if room { PIECE } else { 0 });
        let counter = if room { Counter::LateRecorded } else { Counter::LateNoRoom };
        self.stats().add(counter, 1);
        room
    }

    /// After something was added to a tree that is undecided: takes more of the stock where needed, and drops the tree
    /// where there is no more.
    #[inline]
    pub(super) fn keep_room(&self, tree: &mut Tree) {
        if tree.head.late == Late::Undecided && tree.weight() > tree.reserved() {
            self.take_more_room(tree);
        }
    }

    #[cold]
    fn take_more_room(&self, tree: &mut Tree) {
        let missing = tree.weight().saturating_sub(tree.reserved()).div_ceil(PIECE).saturating_mul(PIECE);
        if self.late.grow(&self.rules.late, missing) {
            tree.set_reserved(tree.reserved() + missing);
        } else {
            self.stats().add(Counter::LateNoRoom, 1);
            self.give_late_room_back(tree);
            tree.drop_late();
        }
    }

    /// The tree is about to be decided, or abandoned: under the same lock, so that it takes no more afterwards. What has
    /// bytes of the stock, one piece at least, is also one of its segments.
    pub(super) fn give_late_room_back(&self, tree: &mut Tree) {
        self.late.close(tree.reserved());
        tree.set_reserved(0);
    }

    /// The node that this handle names is about to end: if it is a segment and undecided, decides it. Its own end comes
    /// after.
    pub(super) fn decide_late(&self, handle: Handle, at: u64) {
        if !(self.late.is_used() && handle.is_recorded() && handle.node() == 0) {
            return;
        }
        // The sampler is not called under the tree's lock: it may be the host's.
        let asked = self.delivery.slots.with(handle, |tree| tree.undecided(at)).flatten();
        let Some(ended) = asked else { return };
        let kept = self.keeps(&ended.decision, &ended.as_end(&self.service));
        // Whoever learns from ends is told under which decision the request lived, not what became of it.
        let told = self.wants_end && self.delivery.slots.with(handle, Tree::tell_end) == Some(true);
        if told {
            self.sampler.ended(&ended.decision, &ended.as_end(&self.service));
        }
        self.delivery.slots.with(handle, |tree| {
            // While the sampler was asked the segment may have outgrown its room: then there is nothing to send.
            if !tree.is_undecided() {
                return;
            }
            self.give_late_room_back(tree);
            match kept {
                Some(Kept { decision, why }) => {
                    with_draft(|draft| {
                        annotation(draft, ANNOTATION, AnnotationValue::Str(&why));
                        tree.append(0, draft, true);
                    });
                    tree.keep_late(decision);
                    self.stats().add(Counter::LateCaptured, 1);
                }
                None => tree.drop_late(),
            }
        });
    }

    /// The same for the segment of a span that had nothing above it: node 1 is the span, and ends the segment with it.
    #[cold]
    #[inline(never)]
    pub(super) fn decide_late_span(&self, handle: Handle, at: u64) {
        if self.delivery.slots.with(handle, |tree| tree.head.kind == Kind::Implicit) == Some(true) {
            self.decide_late(handle.at_node(0), at);
        }
    }

    /// Rules on the response first; what none of them matches, the conditions.
    fn keeps(&self, decision: &Decision, end: &SegmentEnd<'_>) -> Option<Kept> {
        let by_rule = decision.late_rules().and_then(|_| self.sampler.sample_late(decision, end));
        if let Some(decision) = by_rule {
            let why = decision.rule().unwrap_or(RULE).into();
            return decision.sampled().then_some(Kept { decision, why });
        }
        if decision.reason() == Reason::Header && !self.rules.late.upstream {
            return None;
        }
        let why = self.condition(end)?;
        if !self.late.kept.take(self.rules.late.limit, self.wall()) {
            self.stats().add(Counter::LateOverLimit, 1);
            return None;
        }
        Some(Kept { decision: Decision::new(true, Reason::Late).with_rule(RULE.into()), why: why.into() })
    }

    /// The first condition that the end meets.
    fn condition(&self, end: &SegmentEnd<'_>) -> Option<&'static str> {
        let late = &self.rules.late;
        let slow = late.slower_than.is_some_and(|time| end.duration > time);
        let conditions = [
            (late.faults && end.fault, "fault"),
            (late.throttles && end.throttle, "throttle"),
            (late.errors && end.error, "error"),
            (slow, "slow"),
        ];
        conditions.into_iter().find(|(met, _)| *met).map(|(_, name)| name)
    }
}

/// A segment that is sent after all.
struct Kept {
    decision: Decision,
    /// What the annotation says: the rule, or the condition.
    why: Arc<str>,
}

/// Bytes taken from the stock at a time: enough for a request with some twenty subsegments.
const PIECE: usize = 4096;
/// Key of the annotation on segments that were kept late.
const ANNOTATION: &str = "late_capture";
/// In place of a rule's name, where a condition kept a segment.
const RULE: &str = "LateCapture";
