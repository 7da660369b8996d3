//! Which nodes this thread is inside: a mirror of the entered spans, with the polled wrappers between them.
//!
//! A span's parent could be had from the registry, at several hundred instructions a look; here it is the
//! top of a stack. Frames of two layers on one thread (scoped subscribers, tests) carry the layer's tag.
//! Spans may be left in another order than they were entered: leaving searches downwards and removes one.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::handle::Handle;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The span's id, or [`NO_SPAN`] for a wrapper.
    pub(crate) span: u64,
    pub(crate) handle: Handle,
    /// Which layer's.
    tag: u32,
    /// The node has all the events it keeps: more need not be formatted. Known while the node is entered only, when
    /// nothing else can come to have its handle.
    pub(crate) full: bool,
    /// The span was entered before and not left: the registry then takes another for the current one.
    pub(crate) again: bool,
    /// It was entered while the thread unwinds, by a destructor: leaving it is no sign of a panic in it.
    pub(crate) unwinding: bool,
}

/// The span of a frame that a wrapper or a guard entered.
pub(crate) const NO_SPAN: u64 = 0;

thread_local! {
    static FRAMES: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// Enters a frame. Nothing happens on a thread that is being torn down.
#[inline]
pub(crate) fn push(tag: u32, span: u64, handle: Handle) {
    with(|frames| {
        let again = span != NO_SPAN && frames.iter().any(|frame| frame.span == span && frame.tag == tag);
        let unwinding = std::thread::panicking();
        frames.push(Frame { span, handle, tag, full: false, again, unwinding });
    });
}

/// Leaves the innermost frame of this span (or of this wrapper's node).
#[inline]
pub(crate) fn pop_span(tag: u32, span: u64) -> Option<Frame> {
    with(|frames| match frames.last() {
        Some(top) if top.span == span && top.tag == tag => frames.pop(),
        _ => pull(frames, tag, span),
    })
    .flatten()
}

/// Takes out the frame of a span that is not left in the order it was entered.
#[cold]
fn pull(frames: &mut Vec<Frame>, tag: u32, span: u64) -> Option<Frame> {
    let at = frames.iter().rposition(|frame| frame.span == span && frame.tag == tag)?;
    Some(frames.remove(at))
}

#[inline]
fn pop_node(tag: u32, handle: Handle) {
    let is_it = |frame: &Frame| frame.span == NO_SPAN && frame.tag == tag && frame.handle == handle;
    with(|frames| match frames.last() {
        Some(top) if is_it(top) => drop(frames.pop()),
        _ => pull_node(frames, is_it),
    });
}

/// Takes out the frame of a wrapper that is not left in the order it was entered.
#[cold]
fn pull_node(frames: &mut Vec<Frame>, is_it: impl FnMut(&Frame) -> bool) {
    if let Some(at) = frames.iter().rposition(is_it) {
        frames.remove(at);
    }
}

/// The innermost frame of a layer.
pub(crate) fn top(tag: u32) -> Option<Frame> {
    with(|frames| match frames.last() {
        Some(top) if top.tag == tag => Some(*top),
        _ => frames.iter().rev().find(|frame| frame.tag == tag).copied(),
    })
    .flatten()
}

/// Notes that the node of the innermost frame, if it is this one, takes no more events.
#[cold]
pub(crate) fn mark_full(tag: u32, handle: Handle) {
    with(|frames| {
        let top = frames.iter_mut().rev().find(|frame| frame.tag == tag);
        if let Some(top) = top.filter(|top| top.handle.as_own() == handle) {
            top.full = true;
        }
    });
}

/// The layer of the innermost frame of all.
#[cfg(feature = "fmt")]
pub(crate) fn innermost_tag() -> Option<u32> {
    with(|frames| frames.last().map(|frame| frame.tag)).flatten()
}

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

#[inline(always)] // four times a span
fn with<T>(work: impl FnOnce(&mut Vec<Frame>) -> T) -> Option<T> {
    FRAMES.try_with(|frames| frames.try_borrow_mut().ok().map(|mut frames| work(&mut frames))).ok().flatten()
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
}
