//! The hot paths, each in a function of its own that callgrind can count by name.
//!
//! None of these is inlined, so that all that happens beneath `counted_…` is one path's cost, of one thread and without
//! the start of the process. What a path needs is made outside it.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, Uri};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tower_layer::Layer;
use tower_service::Service;
use tracing::{Span, info};
use xray_core::sampling::{Sample, SamplingRequest};
use xray_core::{Incoming, LocalSampler, Node, segment};
use xray_harness::work;
use xray_tower::ServerSegment;

use crate::workload::{Variant, open_segment};
use crate::{aws, decision};

/// Each path once, in a request of ten spans.
pub fn walk(variant: Variant) {
    each(variant, |_, path| path());
}

/// Allocations of each path in so many walks: its function's name and a number, by turns.
pub fn allocations(variant: Variant, walks: usize) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for walked in 0..WARM + walks {
        // The sender gives memory back.
        xray_core::flush(Duration::from_secs(10));
        each(variant, |name, path| {
            let region = Region::new(&INSTRUMENTED_SYSTEM);
            path();
            let change = region.change();
            // What is allocated once is of no interest.
            let allocations = if walked < WARM { 0 } else { change.allocations + change.reallocations };
            match counted.iter_mut().find(|(known, _)| *known == name) {
                Some((_, sum)) => *sum += allocations,
                None => counted.push((name, allocations)),
            }
        });
    }
    counted.iter().map(|(name, sum)| format!("{name} {sum} ")).collect()
}

fn each(variant: Variant, mut measure: impl FnMut(&'static str, &mut dyn FnMut())) {
    if !variant.is_ours() {
        work::request_span().in_scope(|| ten(&mut measure));
        return;
    }
    let mut opened = None;
    measure("counted_open_segment", &mut || opened = Some(counted_open_segment()));
    if let Some(segment) = &opened {
        segment.in_scope(|| ten(&mut measure));
    }
    measure("counted_end_segment", &mut || counted_end_segment(opened.take()));

    let unsampled = segment("orders").incoming(Incoming::read(Some(header('0').as_bytes()), None)).open();
    unsampled.in_scope(|| measure("counted_unsampled", &mut counted_unsampled));
    drop(unsampled);

    measure("counted_header", &mut counted_header);
    measure("counted_decision", &mut counted_decision);
    let mut request = Some(http_request());
    measure("counted_server", &mut || counted_server(request.take()));
    let mut request = Some(http_request());
    measure("counted_bare_server", &mut || counted_bare_server(request.take()));
    let calling = open_segment();
    calling.in_scope(|| {
        measure("counted_bare_call", &mut counted_bare_call);
        measure("counted_call", &mut counted_call);
    });
}

fn ten(measure: &mut impl FnMut(&'static str, &mut dyn FnMut())) {
    let mut spans: [Option<Span>; SPANS] = Default::default();
    measure("counted_new_spans", &mut || counted_new_spans(&mut spans));
    measure("counted_events", &mut || counted_events(&spans));
    measure("counted_close", &mut || counted_close(&mut spans));
}

#[inline(never)]
fn counted_open_segment() -> Node {
    open_segment()
}

#[inline(never)]
fn counted_new_spans(spans: &mut [Option<Span>; SPANS]) {
    for span in spans {
        *span = Some(work::charge_span());
    }
}

/// Each entered once, with an event in it.
#[inline(never)]
fn counted_events(spans: &[Option<Span>; SPANS]) {
    for span in spans.iter().flatten() {
        span.in_scope(|| info!("card accepted"));
    }
}

#[inline(never)]
fn counted_close(spans: &mut [Option<Span>; SPANS]) {
    for span in spans {
        *span = None;
    }
}

/// Where documents are written at once instead of by the sender, this writes one too.
#[inline(never)]
fn counted_end_segment(segment: Option<Node>) {
    if let Some(segment) = &segment {
        segment.set_http_response(Some(black_box(200)), None);
    }
    drop(segment);
}

#[inline(never)]
fn counted_unsampled() {
    for _ in 0..SPANS {
        work::one();
    }
}

#[inline(never)]
fn counted_header() {
    black_box(Incoming::read(Some(black_box(header('1').as_bytes())), None));
}

#[inline(never)]
fn counted_decision() {
    static SAMPLER: OnceLock<LocalSampler> = OnceLock::new();
    let request = SamplingRequest::new("orders").with_host("shop.example.com").with_method("GET");
    let request = request.with_path(black_box("/api/orders/7/items"));
    let _ = black_box(SAMPLER.get_or_init(decision::local).sample(&request));
}

#[inline(never)]
fn counted_server(request: Option<Request<Body>>) {
    static SERVER: OnceLock<ServerSegment<Answer>> = OnceLock::new();
    serve(SERVER.get_or_init(|| xray_tower::server().layer(Answer)).clone(), request);
}

#[inline(never)]
fn counted_bare_server(request: Option<Request<Body>>) {
    serve(Answer, request);
}

#[inline(never)]
fn counted_bare_call() {
    aws::bare_call();
}

#[inline(never)]
fn counted_call() {
    aws::call();
}

/// A request through a service that answers at once, to the end of the answer's body.
fn serve<B>(mut service: impl Service<Request<Body>, Response = Response<B>>, request: Option<Request<Body>>)
where
    B: axum::body::HttpBody<Data = Bytes, Error: Into<axum::BoxError>> + Send + 'static,
{
    let Some(request) = request else { return };
    let context = &mut Context::from_waker(Waker::noop());
    let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(context) else { panic!("no answer at once") };
    let body = axum::body::to_bytes(Body::new(response.into_body()), 64);
    assert!(pin!(body).poll(context).is_ready(), "a body that is not there at once");
}

fn http_request() -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/orders/4200");
    for (name, value) in [("host", "orders.example.com"), ("user-agent", "bench"), ("x-amzn-trace-id", header('1'))] {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    request
}

/// A header with this `Sampled`. Of a trace that began now: an old one would be counted as such, on another path.
fn header(sampled: char) -> &'static str {
    static HEADERS: OnceLock<[String; 2]> = OnceLock::new();
    let [yes, no] = HEADERS.get_or_init(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        ['1', '0'].map(|sampled| {
            format!("Root=1-{now:08x}-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled={sampled}")
        })
    });
    if sampled == '1' { yes } else { no }
}

/// Answers every request at once.
#[derive(Clone)]
struct Answer;

impl Service<Request<Body>> for Answer {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        std::future::ready(Ok(Response::new(Body::from("order 4200"))))
    }
}

/// Walks before allocations are counted.
const WARM: usize = 100;

/// Spans of a request here.
pub const SPANS: usize = 10;
