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
//! | `flat-N` | a segment with N subsegments beside each other |
//! | `deep-N` | a segment with N subsegments, each in the one before |
//! | `beside-N` | W2, while N other requests are open |
//! | Guard | each hot path by itself, see [`crate::guard`] |
//!
//! Without the layer the request itself is a span with the same three values that the segment gets in its `http`
//! block: some span stands for the request in every program that uses `tracing` on a server.

use std::fmt;
use std::hint::black_box;
use std::str::FromStr;

use tracing::Span;
use xray_core::{HttpRequestParts, Node};
use xray_harness::work;

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
    /// A segment with so many subsegments beside each other, each with 3 fields and 1 event.
    Flat(u32),
    /// A segment with so many subsegments, each in the one before.
    Deep(u32),
    /// W2, while so many other requests are open.
    Beside(u32),
    /// Each hot path by itself, see [`crate::guard`].
    Guard,
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
    /// The same without a sender: the thread that ends a segment writes its document.
    OursAtOnce,
}

impl fmt::Display for Workload {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Workload::Flat(spans) => write!(out, "flat-{spans}"),
            Workload::Deep(spans) => write!(out, "deep-{spans}"),
            Workload::Beside(open) => write!(out, "beside-{open}"),
            named => write!(out, "{named:?}"),
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(name: &str) -> Result<Workload, String> {
        use Workload::{Beside, D1, D2, Deep, Flat, Guard, W1, W2, W3, W4, W5, W6, W7, W8};
        if let Some((shape, size)) = name.split_once('-') {
            let size = size.parse().map_err(|_| format!("no number in {name}"))?;
            match shape {
                "flat" => return Ok(Flat(size)),
                "deep" => return Ok(Deep(size)),
                "beside" => return Ok(Beside(size)),
                _ => {}
            }
        }
        let named = [W1, W2, W3, W4, W5, W6, W7, W8, D1, D2, Guard];
        named.into_iter().find(|workload| workload.to_string() == name).ok_or(format!("no workload {name}"))
    }
}

impl Workload {
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
        matches!(self, Workload::W5 | Workload::W6 | Workload::Guard)
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
