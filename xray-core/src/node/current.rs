//! Which nodes this thread is inside: a mirror of the entered spans, with the polled wrappers between them.
//!
//! A span's parent could be had from the registry, at several hundred instructions a look; here it is the
//! top of a stack. Frames of two layers on one thread (scoped subscribers, tests) carry the layer's tag.
//! Spans may be left in another order than they were entered: leaving searches downwards and removes one.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;

use super::handle::Handle;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The span's id, or [`NO_SPAN`] for a wrapper.
    pub(crate) span: u64,
    pub(crate) handle: Handle,
    /// Which layer's.
    tag: u32,
    flags: u32,
}

/// The node has all the events it keeps: more need not be formatted. Known while the node is entered only, when nothing
/// else can come to have its handle.
const FULL: u32 = 1;
/// It was entered while the thread unwinds, by a destructor: leaving it is no sign of a panic in it.
const UNWINDING: u32 = 1 << 1;

impl Frame {
    pub(crate) fn is_full(&self) -> bool {
        self.flags & FULL != 0
    }

    pub(crate) fn was_unwinding(&self) -> bool {
        self.flags & UNWINDING != 0
    }

    fn is_of(&self, tag: u32, span: u64) -> bool {
        self.span == span && self.tag == tag
    }
}

/// The span of a frame that a wrapper or a guard entered.
pub(crate) const NO_SPAN: u64 = 0;

/// The frames of a thread, outermost first.
///
/// Every span and event asks for the innermost. A vector would have to be borrowed each time, and looked after when the
/// thread ends; cells need neither. Each in an array of its own, for most questions are about one of the three, and what
/// is a word goes through a register.
struct Frames {
    /// Place of the innermost; at 0 stands [`OUTSIDE`], so that there always is one.
    depth: Cell<usize>,
    spans: [Cell<u64>; NEAR],
    handles: [Cell<Handle>; NEAR],
    /// Tag and flags.
    marks: [Cell<(u32, u32)>; NEAR],
}

thread_local! {
    static FRAMES: Frames = const {
        Frames {
            depth: Cell::new(0),
            spans: [const { Cell::new(OUTSIDE.span) }; NEAR],
            handles: [const { Cell::new(OUTSIDE.handle) }; NEAR],
            marks: [const { Cell::new((OUTSIDE.tag, OUTSIDE.flags)) }; NEAR],
        }
    };
    /// Those too deep for the arrays.
    static FAR: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

impl Frames {
    #[inline(always)]
    fn near(&self, at: usize) -> Option<Frame> {
        let (span, handle, marks) = (self.spans.get(at)?, self.handles.get(at)?, self.marks.get(at)?);
        let (tag, flags) = marks.get();
        Some(Frame { span: span.get(), handle: handle.get(), tag, flags })
    }

    #[inline(always)]
    fn get(&self, at: usize) -> Frame {
        match self.near(at) {
            Some(frame) => frame,
            None => get_far(at),
        }
    }

    /// False when it cannot be kept: on a thread that is being torn down.
    #[inline(always)]
    fn set(&self, at: usize, frame: Frame) -> bool {
        match (self.spans.get(at), self.handles.get(at), self.marks.get(at)) {
            (Some(span), Some(handle), Some(marks)) => {
                span.set(frame.span);
                handle.set(frame.handle);
                marks.set((frame.tag, frame.flags));
                true
            }
            _ => set_far(at, frame),
        }
    }

    #[inline(always)]
    fn last(&self) -> Frame {
        self.get(self.depth.get())
    }

    #[inline(always)]
    fn push(&self, frame: Frame) {
        let at = self.depth.get() + 1;
        if self.set(at, frame) {
            self.depth.set(at);
        }
    }

    /// Only where there is one.
    #[inline(always)]
    fn pop(&self) {
        let at = self.depth.get();
        if at >= NEAR {
            pop_far();
        }
        self.depth.set(at.wrapping_sub(1));
    }

    /// The innermost frame that is the one looked for, and its place.
    fn find(&self, wanted: impl Fn(&Frame) -> bool) -> Option<(usize, Frame)> {
        let all = (1..=self.depth.get()).rev();
        all.map(|at| (at, self.get(at))).find(|(_, frame)| wanted(frame))
    }

    /// Takes out one frame; those above it move down.
    fn remove(&self, at: usize) {
        for above in at + 1..=self.depth.get() {
            self.set(above - 1, self.get(above));
        }
        self.pop();
    }

    fn entries(&self, of: impl Fn(&Frame) -> bool) -> usize {
        (1..=self.depth.get()).filter(|at| of(&self.get(*at))).count()
    }
}

/// The innermost frame, if it is this layer's and not too deep: the usual case, whose answer stays in registers. That of
/// [`top`] goes through memory, which takes 20 instructions more and the time to read back what was just written.
#[inline(always)]
pub(crate) fn near_top(tag: u32) -> Option<Frame> {
    FRAMES.with(|frames| frames.near(frames.depth.get()).filter(|frame| frame.tag == tag))
}

/// Leaves the innermost frame, if it is this span's and not too deep: as [`near_top`], for [`pop_span`].
#[inline(always)]
pub(crate) fn pop_near(tag: u32, span: u64) -> Option<Frame> {
    FRAMES.with(|frames| {
        let at = frames.depth.get();
        let top = frames.near(at).filter(|frame| frame.is_of(tag, span))?;
        frames.depth.set(at.wrapping_sub(1));
        Some(top)
    })
}

/// Enters a frame.
#[inline(always)] // as all that happens once a span or more
pub(crate) fn push(tag: u32, span: u64, handle: Handle) {
    let flags = if std::thread::panicking() { UNWINDING } else { 0 };
    FRAMES.with(|frames| frames.push(Frame { span, handle, tag, flags }));
}

/// Leaves the innermost frame of this span.
#[inline(always)]
pub(crate) fn pop_span(tag: u32, span: u64) -> Option<Frame> {
    let top = FRAMES.with(Frames::last);
    if !top.is_of(tag, span) {
        return pull(|frame| frame.is_of(tag, span));
    }
    FRAMES.with(Frames::pop);
    Some(top)
}

/// Takes out a frame that is not left in the order it was entered.
#[cold]
#[inline(never)]
fn pull(wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
    FRAMES.with(|frames| {
        let (at, frame) = frames.find(wanted)?;
        frames.remove(at);
        Some(frame)
    })
}

#[inline]
fn pop_node(tag: u32, handle: Handle) {
    let is_it = |frame: &Frame| frame.is_of(tag, NO_SPAN) && frame.handle == handle;
    if is_it(&FRAMES.with(Frames::last)) {
        FRAMES.with(Frames::pop);
    } else {
        pull(is_it);
    }
}

/// The innermost frame of a layer.
#[inline(always)]
pub(crate) fn top(tag: u32) -> Option<Frame> {
    FRAMES.with(|frames| match (frames.last(), frames.depth.get()) {
        (top, _) if top.tag == tag => Some(top),
        // Where most segments open.
        (_, 0) => None,
        _ => innermost_of(tag),
    })
}

#[cold]
#[inline(never)]
fn innermost_of(tag: u32) -> Option<Frame> {
    FRAMES.with(|frames| frames.find(|frame| frame.tag == tag).map(|(_, frame)| frame))
}

/// What the innermost frame stands for of those that stand for anything: where a span without an entry, which the registry
/// leads nowhere, was entered.
#[cold]
pub(crate) fn nearest(tag: u32) -> Option<Handle> {
    FRAMES
        .with(|frames| frames.find(|frame| frame.tag == tag && frame.handle != Handle::QUIET))
        .map(|(_, frame)| frame.handle)
}

/// What a new span is below, where that is simple.
pub(crate) enum Below {
    /// A node, by a span or a wrapper.
    Recorded(Handle),
    /// A span below an unsampled node, and the registry knows that too.
    Quiet,
    /// An unsampled node, by a wrapper or a guard.
    Unsampled(Handle),
}

/// The short answer for new spans; `None` where it is not as simple.
#[inline(always)]
pub(crate) fn below(tag: u32) -> Option<Below> {
    FRAMES.with(|frames| {
        let at = frames.depth.get();
        let top = frames.near(at).filter(|frame| frame.tag == tag)?;
        if top.handle.is_recorded() {
            return Some(Below::Recorded(top.handle));
        }
        if top.span == NO_SPAN {
            return top.handle.is_unsampled().then_some(Below::Unsampled(top.handle));
        }
        // Entered before and not left, in whichever layer: that is not told here.
        let again = || frames.spans.get(1..at).is_none_or(|below| below.iter().any(|span| span.get() == top.span));
        (top.handle != Handle::NOTHING && !again()).then_some(Below::Quiet)
    })
}

/// Whether a span was entered twice and not left: the registry then takes another for the current one.
#[cold]
#[inline(never)]
pub(crate) fn is_entered_again(tag: u32, span: u64) -> bool {
    FRAMES.with(|frames| frames.entries(|frame| frame.is_of(tag, span)) > 1)
}

/// Notes that the node of the innermost frame, if it is this one, takes no more events.
#[cold]
pub(crate) fn mark_full(tag: u32, handle: Handle) {
    FRAMES.with(|frames| {
        let top = frames.find(|frame| frame.tag == tag);
        if let Some((at, frame)) = top.filter(|(_, frame)| frame.handle.as_own() == handle) {
            frames.set(at, Frame { flags: frame.flags | FULL, ..frame });
        }
    });
}

/// The layer of the innermost frame of all.
#[cfg(feature = "fmt")]
pub(crate) fn innermost_tag() -> Option<u32> {
    FRAMES.with(|frames| (frames.depth.get() > 0).then(|| frames.last().tag))
}

/// The frames beyond [`NEAR`]; `None` on a thread that is being torn down.
fn far<T>(work: impl FnOnce(&mut Vec<Frame>) -> T) -> Option<T> {
    FAR.try_with(|frames| frames.try_borrow_mut().ok().map(|mut frames| work(&mut frames))).ok().flatten()
}

#[cold]
#[inline(never)]
fn get_far(at: usize) -> Frame {
    far(|frames| frames.get(at - NEAR).copied()).flatten().unwrap_or(OUTSIDE)
}

#[cold]
#[inline(never)]
fn set_far(at: usize, frame: Frame) -> bool {
    let set = far(|frames| match frames.get_mut(at - NEAR) {
        Some(place) => *place = frame,
        None => frames.push(frame),
    });
    set.is_some()
}

#[cold]
#[inline(never)]
fn pop_far() {
    far(Vec::pop);
}

/// Outside of everything, of no layer.
const OUTSIDE: Frame = Frame { span: NO_SPAN, handle: Handle::NOTHING, tag: u32::MAX, flags: 0 };
/// Frames without a look into the vector: deeper than spans usually are.
const NEAR: usize = 32;

/// Makes a node the innermost of this thread until dropped. Not `Send`: the frame is this thread's.
#[derive(Debug)]
pub(crate) struct Inside {
    tag: u32,
    handle: Handle,
    thread: PhantomData<*const ()>,
}

impl Inside {
    pub(crate) fn new(tag: u32, handle: Handle) -> Inside {
        push(tag, NO_SPAN, handle);
        Inside { tag, handle, thread: PhantomData }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        pop_node(self.tag, self.handle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u32) -> Handle {
        Handle::new(1, 1, number)
    }

    fn pop(tag: u32, span: u64) -> Option<Handle> {
        pop_span(tag, span).map(|frame| frame.handle)
    }

    #[test]
    fn spans_left_in_another_order_leave_the_others_in_place() {
        push(1, 10, node(1));
        push(1, 20, node(2));
        push(1, 10, node(1));
        assert_eq!(pop(1, 20), Some(node(2)));
        assert_eq!(top(1).map(|frame| frame.handle), Some(node(1)));
        assert_eq!(pop(1, 10), Some(node(1)));
        assert_eq!(pop(1, 10), Some(node(1)));
        assert_eq!(pop(1, 10), None);
        assert!(top(1).is_none());
    }

    #[test]
    fn two_layers_on_a_thread_do_not_see_each_other() {
        push(2, 10, node(1));
        push(3, 10, node(2));
        assert_eq!(top(2).map(|frame| frame.handle), Some(node(1)));
        assert_eq!(pop(2, 10), Some(node(1)));
        assert_eq!(top(3).map(|frame| frame.handle), Some(node(2)));
        assert_eq!(pop(3, 10), Some(node(2)));
    }

    #[test]
    fn a_wrapper_leaves_its_own_frame() {
        let outer = Inside::new(4, node(1));
        push(4, 10, node(2));
        let inner = Inside::new(4, node(3));
        drop(outer);
        assert_eq!(top(4).map(|frame| frame.handle), Some(node(3)));
        drop(inner);
        assert_eq!(top(4).map(|frame| frame.span), Some(10));
        pop_span(4, 10);
    }

    #[test]
    fn frames_far_down_are_kept_in_order_too() {
        let ids = || 1..=3 * NEAR as u64;
        ids().for_each(|id| push(5, id, node(id as u32)));
        assert_eq!(pop(5, 3), Some(node(3)));
        assert_eq!(pop(5, NEAR as u64 + 7), Some(node(NEAR as u32 + 7)));
        let left: Vec<u64> = ids().rev().filter(|id| *id != 3 && *id != NEAR as u64 + 7).collect();
        let popped = left.iter().filter(|id| {
            let top = top(5).map(|frame| frame.span);
            pop(5, **id).is_some() && top == Some(**id)
        });
        assert_eq!(popped.count(), left.len());
        assert!(top(5).is_none());
    }
}
