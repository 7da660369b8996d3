//! An open node together with the span that carries it to spawned tasks.
//!
//! Both middlewares do the same with it: run the inner service inside, note a panic in passing, and
//! at the end drop the span before the node, so that the span is never a child that outlives it.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tracing::{Span, dispatcher};
use xray_core::{ExceptionParts, Flags, Node, SegmentLayer};

/// Fields drop in this order: the span goes before the node ends.
#[derive(Debug)]
pub(crate) struct Scope {
    carrier: Span,
    node: Node,
    panicked: bool,
}

impl Scope {
    /// `middleware` is who opened the node, for the message that there is no X-Ray layer (XR002).
    pub(crate) fn new(node: Node, middleware: &str) -> Scope {
        if !node.is_active() && !has_layer() {
            xray_core::report_missing_layer(middleware);
        }
        Scope { carrier: node.carrier(), node, panicked: false }
    }

    /// Lets the span go early, where nothing will be spawned from inside any more.
    pub(crate) fn drop_carrier(&mut self) {
        self.carrier = Span::none();
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Runs `work` inside the node. For dropping what the inner service left behind.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        // The span stands for the node: inside it, entering that as well would be for nothing (130 instructions, three
        // times a request).
        if self.carrier.is_disabled() { self.node.in_scope(work) } else { self.carrier.in_scope(work) }
    }

    /// Runs `work` inside the node; a panic is recorded and goes on unchanged.
    ///
    /// Unwind safety is the caller's as before: nothing of `work` is used again after a panic except
    /// to be dropped.
    pub(crate) fn run_noting_panic<T>(&mut self, work: impl FnOnce() -> T) -> T {
        match catch_unwind(AssertUnwindSafe(|| self.run(work))) {
            Ok(value) => value,
            Err(payload) => {
                self.panicked = true;
                let message = panic_message(&*payload);
                self.node.record_exception(ExceptionParts { kind: "panic", message, remote: false });
                self.node.mark(Flags { fault: true, ..Flags::default() });
                resume_unwind(payload)
            }
        }
    }

    /// Polls a future inside the node, and drops it there once it is ready: spans it holds close before the node ends.
    ///
    /// In one scope, for entering a span and leaving it takes 280 instructions.
    pub(crate) fn poll<F: Future>(&mut self, mut place: Pin<&mut Option<F>>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.run_noting_panic(|| {
            // Empty only after completion, when nobody may poll again.
            let Some(future) = place.as_mut().as_pin_mut() else { return Poll::Pending };
            let polled = future.poll(cx);
            if polled.is_ready() {
                place.set(None);
            }
            polled
        })
    }

    /// Ends the node as finished.
    pub(crate) fn end(self) {
        drop(self.carrier);
        self.node.end();
    }

    /// Ends the node as given up by whoever waited for it; after a panic, as it stands.
    pub(crate) fn give_up(self, message: &str) {
        drop(self.carrier);
        if self.panicked { self.node.end() } else { self.node.cancel(message) }
    }
}

/// True under a subscriber with an X-Ray layer, be it switched off: then nothing is amiss.
fn has_layer() -> bool {
    dispatcher::get_default(|dispatch| dispatch.is::<SegmentLayer>())
}

/// The text of `panic!`, which is all that a payload can be asked for.
fn panic_message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "panic with a payload that is not text"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_panic_text_are_read() {
        assert_eq!(panic_message(&"fixed"), "fixed");
        assert_eq!(panic_message(&String::from("made")), "made");
        assert_eq!(panic_message(&7_u8), "panic with a payload that is not text");
    }
}
