//! A future that lives inside a node.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::guard::Node;

pin_project_lite::pin_project! {
    /// Polls a future inside a [`Node`], and ends the node with it. Made by [`Node::instrument`].
    ///
    /// The inner future is dropped before the node ends, so that spans it holds end inside their parent.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Instrumented<F> {
        #[pin]
        future: Option<F>,
        node: Option<Node>,
    }

    impl<F> PinnedDrop for Instrumented<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(node) = this.node.take() {
                let mut future = this.future;
                node.in_scope(|| future.set(None));
                if std::thread::panicking() {
                    node.panicked(&"panicked");
                } else {
                    node.cancel("dropped before it was ready");
                }
            }
        }
    }
}

impl<F> Instrumented<F> {
    pub(crate) fn new(future: F, node: Node) -> Instrumented<F> {
        Instrumented { future: Some(future), node: Some(node) }
    }

    /// The node, until the future is ready.
    pub fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// The future, until it is ready: to set it up before it is first polled.
    pub fn get_mut(&mut self) -> Option<&mut F> {
        self.future.as_mut()
    }
}

impl<F: Future> Future for Instrumented<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let node = this.node.take();
        let entered = node.as_ref().map(Node::enter);
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        // The future is not looked at again after a panic: it is dropped, as without us.
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        match polled {
            Ok(Poll::Pending) => {
                drop(entered);
                *this.node = node;
                Poll::Pending
            }
            Ok(Poll::Ready(output)) => {
                this.future.set(None);
                drop(entered);
                drop(node);
                Poll::Ready(output)
            }
            Err(panic) => {
                this.future.set(None);
                drop(entered);
                if let Some(node) = node {
                    node.panicked(&*panic);
                }
                resume_unwind(panic)
            }
        }
    }
}
