//! Opening a segment: whose trace it joins, who decides, and what it is called.

use std::borrow::Cow;
use std::sync::Arc;

use super::aws::{self, AwsBlock};
use super::current::NO_SPAN;
use super::guard::Node;
use super::head::{Head, Kind, PassOn};
use super::invocation;
use super::items::{Class, Draft};
use super::parts::{HttpRequestParts, Trust, UrlParts};
use super::record::{self, with_draft};
use super::recorder::{Above, Recorder, by_header};
use crate::diagnostics::{Code, messages};
use crate::document::{escape, names};
use crate::header::{Incoming, Sampled, TraceHeader};
use crate::sampling::SamplingRequest;
use crate::stats::Counter;

/// A segment or subsegment that is about to open, for what it says from the start: see [`SegmentBuilder::open_with`].
#[derive(Debug)]
pub struct Opening<'a> {
    pub(super) draft: &'a mut Draft,
}

impl Opening<'_> {
    /// The request side of the `http` block.
    pub fn http_request(self, request: HttpRequestParts<'_>) {
        record::http_request(self.draft, &request, None);
    }

    /// The same with the URL in parts, in place of the request's own: who has them need not put them together.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{HttpRequestParts, UrlParts, service_segment};
    ///
    /// let request = service_segment().open_with(|segment| {
    ///     let url = UrlParts { scheme: "https", authority: "shop.example.com", path: "/orders/7" };
    ///     segment.http_request_to(url, HttpRequestParts { method: Some("GET"), ..HttpRequestParts::default() });
    /// });
    /// ```
    pub fn http_request_to(self, url: UrlParts<'_>, request: HttpRequestParts<'_>) {
        record::http_request(self.draft, &request, Some(&url));
    }

    /// The `aws` block.
    pub fn aws(self, describe: impl FnOnce(&mut AwsBlock<'_>)) {
        aws::fill(self.draft, describe);
    }
}

/// A segment for one unit of work: a request, a message, a job.
///
/// `name` is that of the logical service, not of a route: each name is a node of the service map. Outside
/// middleware this is the way to start a trace; [`SegmentBuilder::parent`] joins one.
///
/// # Examples
///
/// ```
/// use xray_core::{TraceHeader, segment};
///
/// let header: TraceHeader = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".parse()?;
/// let job = segment("orders-import").parent(header).open();
/// job.in_scope(|| { /* spans in here are subsegments */ });
/// # Ok::<(), xray_core::ParseTraceHeaderError>(())
/// ```
pub fn segment<'a>(name: impl Into<Cow<'a, str>>) -> SegmentBuilder<'a> {
    SegmentBuilder { name: Some(name.into()), ..SegmentBuilder::default() }
}

/// As [`segment`], named for the service that the layer was made for.
///
/// # Examples
///
/// ```
/// let job = xray_core::service_segment().open();
/// job.end();
/// ```
pub fn service_segment<'a>() -> SegmentBuilder<'a> {
    SegmentBuilder::default()
}

/// A segment about to open. Made by [`segment()`] and [`service_segment`].
#[derive(Debug, Default)]
#[must_use = "a segment opens with `open`"]
pub struct SegmentBuilder<'a> {
    name: Option<Cow<'a, str>>,
    incoming: Incoming,
    /// Whether headers were looked for, found or not: a server's, a queue's.
    received: bool,
    trust: Option<Trust>,
    sampling: SamplingRequest<'a>,
}

impl<'a> SegmentBuilder<'a> {
    /// Joins the trace of a header that was read already, from a queue's message or a job's record.
    pub fn parent(mut self, header: TraceHeader) -> Self {
        self.incoming = Incoming::from(header);
        self.received = true;
        self
    }

    /// What a request's headers said.
    pub fn incoming(mut self, incoming: Incoming) -> Self {
        self.incoming = incoming;
        self.received = true;
        self
    }

    /// How far the incoming header is believed; the layer's setting where this is not called.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.trust = Some(trust);
        self
    }

    /// What sampling rules can match on. An empty service name becomes the segment's.
    pub fn sampling(mut self, request: SamplingRequest<'a>) -> Self {
        self.sampling = request;
        self
    }

    /// Opens it. Without a layer, a node that does nothing.
    ///
    /// In AWS Lambda, where the platform owns the segment, this opens a subsegment: of the innermost node, else of
    /// the segment that the incoming header names. An incoming header of another trace than the innermost node's that
    /// says `Sampled=0` (one message of a batch) keeps its decision: the work is not recorded, and its calls carry on
    /// that trace, unsampled. A segment for which no header was looked for is told (XR015): code that opens one by hand
    /// meant a trace of its own. Servers and consumers of queues are not: they are right inside and outside Lambda.
    pub fn open(self) -> Node {
        self.open_with(|_| {})
    }

    /// Opens it with what is known of it from the start. `describe` is asked where something is recorded only, so that
    /// what it works out costs nothing elsewhere.
    ///
    /// The same as setting it afterwards, but cheaper: what nobody else sees yet needs no lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::{HttpRequestParts, service_segment};
    ///
    /// let method = Some("GET");
    /// let url = || format!("https://{}/{}", "shop.example.com", 7);
    /// let request = service_segment().open_with(|segment| {
    ///     segment.http_request(HttpRequestParts { method, url: Some(&url()), ..HttpRequestParts::default() });
    /// });
    /// ```
    pub fn open_with(self, describe: impl FnOnce(Opening<'_>)) -> Node {
        match crate::layer::find() {
            Some(recorder) => self.open_in(recorder, describe),
            None => Node::NONE,
        }
    }

    // By reference: a builder is large, and to move it once more is a copy.
    fn open_in(&self, recorder: Arc<Recorder>, describe: impl FnOnce(Opening<'_>)) -> Node {
        account(&recorder, &self.incoming);
        if recorder.rules.in_lambda {
            return self.open_in_facade(&recorder, describe);
        }
        recorder.abandon_implicit();
        let head = self.head(&recorder, Kind::Explicit);
        let own_name = self.name.as_deref().filter(|name| *name != &*recorder.service);
        let opened = if head.is_recorded() {
            with_draft(|draft| {
                describe(Opening { draft });
                recorder.open_tree_with(head, own_name, Some(draft))
            })
        } else {
            recorder.open_tree_with(head, own_name, None)
        };
        let Some(handle) = opened else { return Node::NONE };
        if let Some(name) = own_name.filter(|_| handle.is_recorded()) {
            let valid = names::segment_name(name);
            if valid != name {
                recorder.stats().add(Counter::NamesChanged, 1);
                recorder.report(Code::Xr008, || messages::name_changed(name, &valid, self.is_from_network(name)));
            }
            let node = Node::adopt(recorder, handle, true);
            node.rename(&valid);
            return node;
        }
        Node::adopt(recorder, handle, true)
    }

    /// Whether the name may be the request's: the host it was sent to.
    fn is_from_network(&self, name: &str) -> bool {
        let named = |host: &str| host.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        self.incoming != Incoming::default() || self.sampling.host.is_some_and(named)
    }

    /// The trace to join, and the decision.
    fn head(&self, recorder: &Recorder, kind: Kind) -> Head {
        let trust = self.trust.unwrap_or(recorder.rules.trust);
        let believed = trust != Trust::None;
        // Official SDKs write a root of zeros where nothing is sampled: joining it would make one trace of all of them.
        let header = self.incoming.header().filter(|header| believed && !header.root().is_zero());
        let said = self.incoming.sampled().filter(|_| believed);
        let decision = match said {
            Some(Sampled::Yes) if trust == Trust::Full => by_header(true),
            Some(Sampled::No) if trust == Trust::Full => {
                recorder.stats().add(Counter::UpstreamUnsampled, 1);
                let asked = recorder.rules.late.rules && recorder.rules.late.upstream;
                let rules = if asked { recorder.late_rules(&self.request(recorder)) } else { None };
                by_header(false).with_late_rules(rules)
            }
            _ => recorder.decide(&self.request(recorder)),
        };
        let (root, parent) = (header.map(TraceHeader::root), header.and_then(TraceHeader::parent));
        let mut head = recorder.head(root, parent, decision, kind);
        head.asked = said == Some(Sampled::Requested);
        if let Some(header) = header {
            head.pass_on = PassOn::own(header);
        }
        if recorder.rules.in_lambda {
            // The platform decides, and what a message was sent under is not joined.
            return head;
        }
        recorder.watch_sampling(&head);
        if let Some(root) = root.filter(|_| !self.incoming.undated) {
            recorder.watch_age(root, &head);
        }
        head
    }

    /// What rules can match on.
    fn request<'b>(&'b self, recorder: &'b Recorder) -> SamplingRequest<'b> {
        let mut request: SamplingRequest<'b> = self.sampling;
        if request.service.is_empty() {
            request.service = self.name.as_deref().unwrap_or(&recorder.service);
        }
        request
    }

    /// True when the incoming header is of another trace than this node's, and decided against recording.
    fn is_unsampled_elsewhere(&self, recorder: &Recorder, above: super::handle::Handle) -> bool {
        let trust = self.trust.unwrap_or(recorder.rules.trust);
        if trust != Trust::Full || self.incoming.sampled() != Some(Sampled::No) {
            return false;
        }
        let here = recorder.delivery.slots.with(above, |tree| tree.head.trace_id);
        self.incoming.header().map(TraceHeader::root) != here
    }

    fn open_in_facade(&self, recorder: &Arc<Recorder>, describe: impl FnOnce(Opening<'_>)) -> Node {
        let name = self.name.as_deref().unwrap_or(&recorder.service);
        // A server that is the same program inside and outside Lambda is no mistake.
        if self.name.is_some() && !self.received {
            recorder.report(Code::Xr015, || messages::segment_in_lambda(name));
        }
        let parent = match recorder.above() {
            Above::Node(handle) if self.is_unsampled_elsewhere(recorder, handle) => {
                let opened = recorder.open_tree(self.head(recorder, Kind::Explicit));
                return opened.map_or(Node::NONE, |unsent| Node::adopt(Arc::clone(recorder), unsent, true));
            }
            Above::Node(handle) | Above::Unsampled(handle) => handle,
            Above::Silent => return Node::NONE,
            Above::Nothing => {
                // Without a segment of the platform's there is nothing to hang a subsegment on.
                let joins = self.incoming.header().is_some();
                let named = (name, self.is_from_network(name));
                return if joins { invocation::open(recorder, named, &self.incoming, describe) } else { Node::NONE };
            }
        };
        open_below(recorder, parent, (name, self.is_from_network(name)), 0, describe)
    }
}

/// Counts and tells a header that could not be used.
pub(crate) fn account(recorder: &Recorder, incoming: &Incoming) {
    if let Some(malformed) = incoming.malformed() {
        recorder.stats().add(Counter::MalformedHeaders, 1);
        let in_lambda = recorder.rules.in_lambda;
        recorder.report(Code::Xr012, || {
            messages::malformed_header(malformed.header(), malformed.bytes(), malformed.reason(), in_lambda)
        });
    }
}

/// A subsegment with a name of its own, which may be from the network, beneath a node; beneath an unsampled one, a view of
/// it.
pub(crate) fn open_below(
    recorder: &Arc<Recorder>,
    parent: super::handle::Handle,
    (name, network): (&str, bool),
    flags: u16,
    describe: impl FnOnce(Opening<'_>),
) -> Node {
    if parent.is_unsampled() {
        return Node::view(recorder, parent);
    }
    let start = recorder.now();
    let valid = names::segment_name(name);
    let opened = with_draft(|draft| {
        // With all that is known of it: the tree's lock is taken once.
        describe(Opening { draft: &mut *draft });
        escape::string(draft.start(), &valid);
        draft.finish(Class::Name);
        recorder.open_child_with(parent, None, start, flags, draft)
    });
    let Some(handle) = opened else {
        // A segment that late capture has just given up is still a trace to pass on.
        return match recorder.resolve(parent, NO_SPAN) {
            Above::Unsampled(parent) => Node::view(recorder, parent),
            _ => Node::NONE,
        };
    };
    if valid != name {
        recorder.stats().add(Counter::NamesChanged, 1);
        recorder.report(Code::Xr008, || messages::name_changed(name, &valid, network));
    }
    Node::adopt(Arc::clone(recorder), handle, true)
}
