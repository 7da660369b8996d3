//! What is measured: one operation is one request.
//!
//! | workload | a request is |
//! |---|---|
//! | W1 | a segment with 1 subsegment |
//! | W2 | a segment with 10 subsegments, five of them nested in the other five; each has 3 fields and 1 event |
//! | W3 | as W2, with sampling off |
//! | W4 | HTTP over loopback, see [`crate::http`] |
//! | W5 | a segment with 10 calls of the AWS SDK, see [`crate::aws`] |
//! | W6 | as W5, with sampling off |
//! | W7 | as W3, with late capture on, which forgets every request at its end |
//! | W8 | as W7, where every request ends in a fault and is kept |
//! | D1, D2 | no request: a sampling decision by 25 local or central rules, see [`crate::decision`] |
//!
//! Without the layer the request itself is a span with the same three values that the segment gets in its `http`
//! block: some span stands for the request in every program that uses `tracing` on a server.

use std::hint::black_box;

use tracing::{Span, info, info_span};
use xray_core::{HttpRequestParts, Node};

use crate::{aws, decision};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    W1,
    W2,
    W3,
    W4,
    W5,
    W6,
    W7,
    W8,
    D1,
    D2,
}

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
}

impl Workload {
    pub fn name(self) -> &'static str {
        match self {
            Workload::W1 => "W1",
            Workload::W2 => "W2",
            Workload::W3 => "W3",
            Workload::W4 => "W4",
            Workload::W5 => "W5",
            Workload::W6 => "W6",
            Workload::W7 => "W7",
            Workload::W8 => "W8",
            Workload::D1 => "D1",
            Workload::D2 => "D2",
        }
    }

    pub fn from_name(name: &str) -> Option<Workload> {
        use Workload::{D1, D2, W1, W2, W3, W4, W5, W6, W7, W8};
        [W1, W2, W3, W4, W5, W6, W7, W8, D1, D2].into_iter().find(|workload| workload.name() == name)
    }

    /// Whether it is a sampling decision alone.
    pub fn is_decision(self) -> bool {
        matches!(self, Workload::D1 | Workload::D2)
    }

    /// Whether its requests are not sampled.
    pub fn is_unsampled(self) -> bool {
        matches!(self, Workload::W3 | Workload::W6 | Workload::W7 | Workload::W8)
    }

    /// Whether requests that are not sampled are recorded until their end.
    pub fn captures_late(self) -> bool {
        matches!(self, Workload::W7 | Workload::W8)
    }

    /// What its requests answer.
    fn status(self) -> u16 {
        if self == Workload::W8 { 500 } else { 200 }
    }

    /// Whether its requests call the AWS SDK.
    pub fn calls_aws(self) -> bool {
        matches!(self, Workload::W5 | Workload::W6)
    }
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
        ];
        all.into_iter().find(|variant| variant.name() == name)
    }

    pub fn is_ours(self) -> bool {
        matches!(self, Variant::Ours | Variant::OursBare | Variant::OursWrapped | Variant::OursUnsent)
    }
}

/// One request from beginning to end.
pub fn request(variant: Variant, workload: Workload) {
    if workload.is_decision() {
        return decision::decide();
    }
    match variant {
        Variant::Ours | Variant::OursBare | Variant::OursWrapped | Variant::OursUnsent => {
            let segment = open_segment();
            segment.in_scope(|| work(workload));
            segment.set_http_response(Some(black_box(workload.status())), None);
        }
        Variant::F0 | Variant::F1 => request_span().in_scope(|| work(workload)),
        Variant::F1Bare => work(workload),
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
            charge(|| {});
            info_span!(
                "charge",
                customer = black_box("c-1029"),
                amount = black_box(4200_u64),
                express = black_box(true)
            )
        };
        if variant.is_ours() {
            let segment = open_segment();
            let subsegment = segment.in_scope(below);
            OpenRequest { _subsegment: subsegment, _segment: Some(segment), _request: None }
        } else {
            let request = request_span();
            let subsegment = request.in_scope(below);
            OpenRequest { _subsegment: subsegment, _segment: None, _request: Some(request) }
        }
    }
}

fn open_segment() -> Node {
    let segment = xray_core::segment("orders").open();
    let (method, url) = (Some(black_box("POST")), Some(black_box("https://orders.example.com/checkout")));
    segment.set_http_request(HttpRequestParts { method, url, ..HttpRequestParts::default() });
    segment
}

fn request_span() -> Span {
    info_span!(
        "request",
        method = black_box("POST"),
        url = black_box("https://orders.example.com/checkout"),
        status = black_box(200_u64)
    )
}

fn work(workload: Workload) {
    if workload == Workload::W1 {
        return charge(|| {});
    }
    if workload.calls_aws() {
        return aws::calls();
    }
    for _ in 0..5 {
        charge(reserve);
    }
}

fn charge(inner: impl FnOnce()) {
    let span =
        info_span!("charge", customer = black_box("c-1029"), amount = black_box(4200_u64), express = black_box(true));
    let _entered = span.enter();
    inner();
    info!("card accepted");
}

fn reserve() {
    let span =
        info_span!("reserve", sku = black_box("A-77-1200"), count = black_box(3_u64), backorder = black_box(false));
    let _entered = span.enter();
    info!("stock found");
}
