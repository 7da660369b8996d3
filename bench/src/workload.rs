//! Who records, and what stands for a request.
//!
//! Without the layer the request itself is a span with the same three values that the segment gets in its `http`
//! block: some span stands for the request in every program that uses `tracing` on a server.

use std::hint::black_box;

use tracing::Span;
use xray_core::{HttpRequestParts, Node};
pub use xray_harness::Workload;
use xray_harness::work;

use crate::{aws, decision};

/// What is installed for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// No subscriber.
    F0,
    /// `Registry` with an empty layer: what `tracing` itself costs. Everything else is given as a ratio to it.
    F1,
    /// F1, where nothing stands for the request: the smallest that F1 can be.
    F1Bare,
    /// `SegmentLayer`, sender thread, UDP.
    Ours,
    /// `SegmentLayer` as in ours, where nothing is hung into the AWS SDK's client.
    OursBare,
    /// Ours, with the AWS SDK's HTTP client wrapped instead of an interceptor.
    OursWrapped,
    /// `SegmentLayer`, sender thread, an emitter that drops every document: what writing them costs.
    OursUnsent,
    /// The same without a sender: the thread that ends a segment writes its document.
    OursAtOnce,
}

impl Variant {
    pub fn name(self) -> &'static str {
        match self {
            Variant::F0 => "F0",
            Variant::F1 => "F1",
            Variant::F1Bare => "F1-bare",
            Variant::Ours => "ours",
            Variant::OursBare => "ours-bare",
            Variant::OursWrapped => "ours-wrapped",
            Variant::OursUnsent => "ours-unsent",
            Variant::OursAtOnce => "ours-at-once",
        }
    }

    pub fn from_name(name: &str) -> Option<Variant> {
        let all = [
            Variant::F0,
            Variant::F1,
            Variant::F1Bare,
            Variant::Ours,
            Variant::OursBare,
            Variant::OursWrapped,
            Variant::OursUnsent,
            Variant::OursAtOnce,
        ];
        all.into_iter().find(|variant| variant.name() == name)
    }

    pub fn is_ours(self) -> bool {
        !matches!(self, Variant::F0 | Variant::F1 | Variant::F1Bare)
    }
}

/// One request from beginning to end.
pub fn request(variant: Variant, workload: Workload) {
    if workload.is_decision() {
        return decision::decide();
    }
    match variant {
        Variant::F0 | Variant::F1 => work::request_span().in_scope(|| work(workload)),
        Variant::F1Bare => work(workload),
        _ => {
            let segment = open_segment();
            segment.in_scope(|| work(workload));
            segment.set_http_response(Some(black_box(workload.status())), None);
        }
    }
}

/// A request that stays open, with one subsegment open and one closed below it.
pub struct OpenRequest {
    _subsegment: Span,
    _segment: Option<Node>,
    _request: Option<Span>,
}

impl OpenRequest {
    pub fn new(variant: Variant) -> OpenRequest {
        let below = || {
            work::one();
            work::charge_span()
        };
        if variant.is_ours() {
            let segment = open_segment();
            let subsegment = segment.in_scope(below);
            OpenRequest { _subsegment: subsegment, _segment: Some(segment), _request: None }
        } else {
            let request = work::request_span();
            let subsegment = request.in_scope(below);
            OpenRequest { _subsegment: subsegment, _segment: None, _request: Some(request) }
        }
    }
}

pub fn open_segment() -> Node {
    let segment = xray_core::segment("orders").open();
    let (method, url) = (Some(black_box(work::METHOD)), Some(black_box(work::URL)));
    segment.set_http_request(HttpRequestParts { method, url, ..HttpRequestParts::default() });
    segment
}

fn work(workload: Workload) {
    match workload {
        Workload::W1 => work::one(),
        Workload::W5 | Workload::W6 => aws::calls(),
        Workload::W9 => work::ten_without_events(),
        Workload::Flat(spans) => (0..spans).for_each(|_| work::one()),
        Workload::Deep(spans) => nested(spans),
        _ => work::ten(),
    }
}

fn nested(spans: u32) {
    if spans > 0 {
        work::charge(|| nested(spans - 1));
    }
}
