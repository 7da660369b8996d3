//! [`Node`]: an open segment or subsegment in the hands of code that opened it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::current::Inside;
use super::handle::Handle;
use super::head::PassOn;
use super::instrumented::Instrumented;
use super::parts::{ExceptionParts, Flags};
use super::recorder::Recorder;
use super::tree::Tree;
use crate::header::TraceHeader;
use crate::sampling::Decision;
use crate::stats::Counter;
use crate::{SegmentId, TraceId};

/// An open segment or subsegment. It ends when dropped, or by [`Node::end`].
///
/// Made by [`segment`](crate::segment()), [`service_segment`](crate::service_segment) and
/// [`subsegment`](crate::subsegment()), or had for the innermost open one by [`current`](crate::current).
/// Without a layer, or of a trace that is not sampled, every method does nothing, cheaply; what an unsampled
/// node still does is pass its trace on ([`Node::trace_header`]).
///
/// Setters take `&self` and can be chained. What is set twice keeps the later value. What is set after the
/// document was sent is lost.
///
/// # Examples
///
/// ```
/// use xray_core::{Namespace, segment, subsegment};
///
/// let job = segment("nightly-report").open();
/// job.in_scope(|| {
///     let call = subsegment("rates.example.com").namespace(Namespace::Remote).open();
///     call.set_http_response(Some(200), None);
/// });
/// job.annotate("rows", 1200_u64);
/// job.end();
/// ```
#[must_use = "a node ends when it is dropped: bind it, or call `end`"]
pub struct Node {
    inner: Option<Inner>,
}

pub(super) struct Inner {
    pub(super) recorder: Arc<Recorder>,
    pub(super) handle: Handle,
    /// Dropping it ends the node; false for a view of one that somebody else ends.
    owner: bool,
    /// What is set here happened to the node itself. Beneath an unsampled segment every node is a view of that, and
    /// what happens to a call is not what happens to the request.
    own: bool,
}

impl Node {
    /// A node that does nothing.
    pub(crate) const NONE: Node = Node { inner: None };

    /// Takes over one reference that the tree already counts.
    pub(crate) fn adopt(recorder: Arc<Recorder>, handle: Handle, owner: bool) -> Node {
        Node { inner: Some(Inner { recorder, handle, owner, own: owner }) }
    }

    /// A further reference to a node that somebody else ends.
    pub(crate) fn view(recorder: &Arc<Recorder>, handle: Handle) -> Node {
        if recorder.retain(handle) { Node::adopt(Arc::clone(recorder), handle, false) } else { Node::NONE }
    }

    /// A further hand on the same node, which still ends with this one. For code that learns the outcome of work which
    /// has taken the node along.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{Flags, segment};
    ///
    /// let job = segment("import").open();
    /// let outcome = job.share();
    /// let work = job.instrument(async move { outcome.mark(Flags { fault: true, ..Flags::default() }); });
    /// # drop(work);
    /// ```
    pub fn share(&self) -> Node {
        let Some(inner) = &self.inner else { return Node::NONE };
        let mut shared = Node::view(&inner.recorder, inner.handle);
        if let Some(shared) = &mut shared.inner {
            shared.own = inner.own;
        }
        shared
    }

    /// True while what is recorded here will be sent, or may be: there is a layer, and the trace is sampled or recorded
    /// for late capture.
    pub fn is_recording(&self) -> bool {
        self.recorded().is_some()
    }

    /// True when there is a trace to pass on, recorded or not.
    pub fn is_active(&self) -> bool {
        self.inner.is_some()
    }

    /// Makes it the innermost node of this thread until the guard is dropped. Not to be held across `.await`:
    /// use [`Node::instrument`] there.
    pub fn enter(&self) -> Entered<'_> {
        let inside = self.inner.as_ref().map(|inner| Inside::new(inner.recorder.tag, inner.handle));
        Entered { _inside: inside, node: PhantomData }
    }

    /// Runs `work` inside it.
    pub fn in_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// A future that polls `future` inside this node and ends the node with it.
    ///
    /// Dropped before it is ready, it ends the node as [`Node::cancel`] does. A panic is recorded as exception
    /// and fault, and goes on.
    pub fn instrument<F>(self, future: F) -> Instrumented<F> {
        Instrumented::new(future, self)
    }

    /// Sends it now as in progress, with what is open in its trace, unless that was done before: what is killed soon
    /// is then seen at all. Its complete document takes the place of this one.
    ///
    /// The sender thread does this by itself for what has been open for long; in AWS Lambda there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_test::{Captured, ManualClock, SeededEntropy};
    ///
    /// let xray = Captured::new(ManualClock::at(0.0), SeededEntropy::new(1));
    /// let job = xray.run(|| xray_core::segment("job").open());
    /// job.announce();
    /// let [announced] = xray.documents();
    /// assert!(announced.in_progress);
    /// ```
    pub fn announce(&self) {
        if let (Some(inner), Some(Some(open))) = (self.recorded(), self.with_tree(|tree, _| tree.announce(u64::MAX))) {
            inner.recorder.stats().add(Counter::InProgressAnnounced, 1);
            inner.recorder.send(open);
        }
    }

    /// Ends the node as given up by whoever waited for it: `error`, and an exception of type `cancelled`.
    pub fn cancel(self, message: &str) {
        self.record_exception(ExceptionParts { kind: "cancelled", message, remote: false });
        self.mark(Flags { error: true, ..Flags::default() });
        self.end();
    }

    /// Ends the node as struck by a panic: `fault`, and an exception of type `panic` with what the panic says.
    pub fn panicked(self, payload: &(dyn std::any::Any + Send)) {
        let text = payload.downcast_ref::<&str>().copied();
        let message = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panicked");
        if self.with_tree(|tree, node| tree.note_panic(node)) == Some(true) {
            self.record_exception(ExceptionParts { kind: "panic", message, remote: false });
        }
        self.mark(Flags { fault: true, ..Flags::default() });
        self.end();
    }

    /// The decision this node lives under: why, by which rule, under which terms. `None` without a layer.
    ///
    /// Where late capture kept the segment it is that decision, [`Reason::Late`](crate::Reason::Late), from the segment's
    /// end on; the trace header goes on to say `Sampled=0`.
    pub fn decision(&self) -> Option<Decision> {
        self.with_any(|tree, _| tree.head.decision.clone())
    }

    /// The trace header for a call made from this node: its trace, its id as `Parent`, its decision, and what the
    /// incoming header carried besides. `None` where there is nothing to pass on.
    pub fn trace_header(&self) -> Option<TraceHeader> {
        self.with_any(|tree, node| tree.head.header(tree.node(node).map_or(tree.head.id, |node| node.id))).flatten()
    }

    /// The value for the response's `X-Amzn-Trace-Id`: `Root=…`, and `;Sampled=…` only when the request asked for the
    /// decision by `Sampled=?`.
    pub fn response_header(&self) -> Option<String> {
        self.response_header_bytes().and_then(|value| String::from_utf8(value).ok())
    }

    /// The same as bytes, all of them visible ASCII: for those who pass on bytes and would have the text looked through.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(xray_core::segment("job").open().response_header_bytes(), None); // no layer
    /// ```
    pub fn response_header_bytes(&self) -> Option<Vec<u8>> {
        self.with_any(|tree, _| {
            let decision: &[u8] = match (tree.head.asked, tree.head.sampled) {
                (false, _) => b"",
                (true, true) => b";Sampled=1",
                (true, false) => b";Sampled=0",
            };
            // Of just this size: what takes the buffer over (`Bytes`) then needs no block of its own.
            let mut value = Vec::with_capacity("Root=".len() + TraceId::LEN + decision.len());
            value.extend_from_slice(b"Root=");
            value.extend_from_slice(tree.head.trace_id.as_bytes());
            value.extend_from_slice(decision);
            value
        })
    }

    /// The trace this node belongs to.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.with_any(|tree, _| (!matches!(tree.head.pass_on, PassOn::Nothing)).then_some(tree.head.trace_id)).flatten()
    }

    /// The node's own id; of an unsampled trace, that of the segment that is not sent.
    pub fn id(&self) -> Option<SegmentId> {
        self.with_any(|tree, node| match &tree.head.pass_on {
            PassOn::Own | PassOn::OwnWith(_) => {
                Some(SegmentId::from_u64(tree.node(node).map_or(tree.head.id, |node| node.id)))
            }
            PassOn::Unchanged(header) => header.parent(),
            PassOn::Nothing => None,
        })
        .flatten()
    }

    /// When it began, since the Unix epoch, by the layer's clock. `None` where nothing is recorded.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(xray_core::segment("job").open().started(), None); // no layer
    /// ```
    pub fn started(&self) -> Option<Duration> {
        let nanos = self.with_tree(|tree, node| Some(tree.head.origin.wrapping_add(tree.node(node)?.start)));
        nanos.flatten().map(Duration::from_nanos)
    }

    /// A span that stands for this node: work that is spawned `.in_current_span()` while it is entered stays below it.
    ///
    /// It is never recorded itself, and nothing depends on it: where a filter disables it, or hides it from the X-Ray
    /// layer, it is [none](tracing::Span::none). Where it is not, entering it does all that [`Node::enter`] does.
    pub fn carrier(&self) -> tracing::Span {
        if self.inner.is_none() {
            return tracing::Span::none();
        }
        let _entered = self.enter();
        crate::layer::carrier_span()
    }

    /// Ends it now.
    pub fn end(self) {}

    pub(super) fn recorded(&self) -> Option<&Inner> {
        self.inner.as_ref().filter(|inner| inner.handle.is_recorded())
    }

    /// Runs `work` on the tree of a recorded node.
    pub(super) fn with_tree<T>(&self, work: impl FnOnce(&mut Tree, u32) -> T) -> Option<T> {
        let inner = self.recorded()?;
        inner.recorder.delivery.slots.with(inner.handle, |tree| work(tree, inner.handle.node()))
    }

    /// The same of any node, recorded or not.
    fn with_any<T>(&self, work: impl FnOnce(&Tree, u32) -> T) -> Option<T> {
        let inner = self.inner.as_ref()?;
        inner.recorder.delivery.slots.with(inner.handle, |tree| work(tree, inner.handle.node()))
    }

    /// Tells a sampler that wants to know; also of a node that is not recorded.
    pub(super) fn note(&self, flags: u16, status: Option<u16>) {
        if let Some(inner) = self.inner.as_ref().filter(|inner| inner.own && inner.handle.is_segment()) {
            inner.recorder.note(inner.handle, flags, status);
        }
    }

    pub(crate) fn handle_in(&self, recorder: &Arc<Recorder>) -> Option<Handle> {
        self.inner.as_ref().filter(|inner| Arc::ptr_eq(&inner.recorder, recorder)).map(|inner| inner.handle)
    }

    pub(crate) fn recorder(&self) -> Option<&Arc<Recorder>> {
        self.inner.as_ref().map(|inner| &inner.recorder)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(Inner { recorder, handle, owner, .. }) = self.inner.take() {
            let end = (owner && (handle.is_recorded() || recorder.wants_end)).then(|| recorder.now());
            recorder.close(handle, end);
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.inner {
            Some(inner) => f.debug_struct("Node").field("handle", &inner.handle).finish_non_exhaustive(),
            None => f.write_str("Node(none)"),
        }
    }
}

/// While it lives, a node is the innermost of its thread. Made by [`Node::enter`].
#[derive(Debug)]
#[must_use = "the node is left at once when the guard is dropped"]
pub struct Entered<'a> {
    _inside: Option<Inside>,
    node: PhantomData<&'a Node>,
}
