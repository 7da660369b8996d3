//! Opening a subsegment from code: calls to other services, and parts of work that have no span.

use std::borrow::Cow;
use std::sync::Arc;

use super::guard::Node;
use super::parts::Namespace;
use super::recorder::{Above, Recorder};
use super::segment::{Opening, open_below};
use super::tree::flag;
use crate::config::ContextMissing;
use crate::diagnostics::{Code, messages};
use crate::stats::Counter;

/// A subsegment of the innermost open node.
///
/// In plain code a `tracing` span does the same; this is for middleware, and for names known only at run time.
/// Outside any segment the context-missing strategy speaks (XR005), and the node does nothing.
///
/// # Examples
///
/// ```
/// use xray_core::{HttpRequestParts, Namespace, subsegment};
///
/// let call = subsegment("rates.example.com").namespace(Namespace::Remote).open();
/// call.set_http_request(HttpRequestParts { method: Some("GET"), url: Some("https://rates.example.com/eur"), ..Default::default() });
/// if let Some(header) = call.trace_header() {
///     // goes out as X-Amzn-Trace-Id
///     assert!(header.to_string().starts_with("Root=1-"));
/// }
/// call.set_http_response(Some(200), Some(17));
/// ```
pub fn subsegment<'a>(name: impl Into<Cow<'a, str>>) -> SubsegmentBuilder<'a> {
    SubsegmentBuilder { name: name.into(), namespace: None, parent: None }
}

/// The innermost open node of this thread: a view, which does not end it. One that does nothing where there is none.
///
/// # Examples
///
/// ```
/// xray_core::current().annotate("order_id", 7);
/// ```
pub fn current() -> Node {
    crate::layer::find().map_or(Node::NONE, |recorder| current_of(&recorder))
}

/// The same for one layer.
pub(crate) fn current_of(recorder: &Arc<Recorder>) -> Node {
    match recorder.above() {
        Above::Node(handle) | Above::Unsampled(handle) => Node::view(recorder, handle),
        Above::Silent | Above::Nothing => Node::NONE,
    }
}

/// A subsegment about to open. Made by [`subsegment()`].
#[derive(Debug)]
#[must_use = "a subsegment opens with `open`"]
pub struct SubsegmentBuilder<'a> {
    name: Cow<'a, str>,
    namespace: Option<Namespace>,
    parent: Option<&'a Node>,
}

impl<'a> SubsegmentBuilder<'a> {
    /// Makes it a call to another service; the service map then shows that service.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// Opens it beneath this node instead of the innermost.
    pub fn parent(mut self, parent: &'a Node) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Opens it. Without a layer, or without a segment, a node that does nothing.
    pub fn open(self) -> Node {
        self.open_with(|_| {})
    }

    /// Opens it with what is known of it from the start: see [`SegmentBuilder::open_with`](crate::SegmentBuilder::open_with).
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{Namespace, subsegment};
    ///
    /// let call = subsegment("DynamoDB").namespace(Namespace::Aws);
    /// let call = call.open_with(|call| call.aws(|aws| {
    ///     aws.text("operation", "GetItem").text("table_name", "orders");
    /// }));
    /// ```
    pub fn open_with(self, describe: impl FnOnce(Opening<'_>)) -> Node {
        let recorder = match self.parent {
            Some(parent) => parent.recorder().cloned(),
            None => crate::layer::find(),
        };
        match recorder {
            Some(recorder) => self.open_in(&recorder, describe),
            None => Node::NONE,
        }
    }

    fn open_in(self, recorder: &Arc<Recorder>, describe: impl FnOnce(Opening<'_>)) -> Node {
        let above = match self.parent.and_then(|parent| parent.handle_in(recorder)) {
            Some(handle) => recorder.resolve(handle, super::current::NO_SPAN),
            None => recorder.above(),
        };
        match above {
            Above::Node(parent) => {
                let flags = match self.namespace {
                    Some(Namespace::Aws) => flag::AWS,
                    Some(Namespace::Remote) => flag::REMOTE,
                    None => 0,
                };
                open_below(recorder, parent, (&self.name, false), flags, describe)
            }
            Above::Unsampled(parent) => Node::view(recorder, parent),
            Above::Silent => Node::NONE,
            Above::Nothing => {
                recorder.stats().add(Counter::ContextMissing, 1);
                match recorder.rules.context_missing {
                    ContextMissing::IgnoreError => {}
                    ContextMissing::LogError => recorder.report(Code::Xr005, || messages::context_missing(&self.name)),
                    ContextMissing::RuntimeError => {
                        recorder.report_each(Code::Xr005, || messages::context_missing(&self.name))
                    }
                }
                Node::NONE
            }
        }
    }
}
