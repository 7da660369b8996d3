//! fastrace with a reporter that takes spans nowhere (P3).
//!
//! It has no part in `tracing`: the same spans, fields and events are written in its own API, the faster `LocalSpan`
//! wherever it can be. Numbers and booleans have to become text.

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use fastrace::collector::{Config, Reporter, SpanRecord};
use fastrace::future::FutureExt;
use fastrace::prelude::{Event, LocalSpan, Span, SpanContext};
use xray_harness::{Subject, Workload, work};

fn main() -> ExitCode {
    xray_peers::main(Fastrace::install)
}

struct Fastrace {
    workload: Workload,
    reported: Arc<AtomicU64>,
}

impl Fastrace {
    fn install(variant: &str, workload: Workload, _sink: &str) -> Result<Fastrace, Box<dyn Error>> {
        // Its events cannot be left out of documents: it has none.
        if variant != "P3" || workload == Workload::W9 {
            return Err(format!("no variant {variant} for {workload:?}").into());
        }
        let reported = Arc::<AtomicU64>::default();
        fastrace::set_reporter(Null(Arc::clone(&reported)), Config::default());
        Ok(Fastrace { workload, reported })
    }
}

impl Subject for Fastrace {
    type Open = (Span, Span);

    fn request(&self) {
        let request = request_span(self.workload != Workload::W3);
        let _entered = request.set_local_parent();
        if self.workload == Workload::W1 {
            charge(|| {});
        } else {
            for _ in 0..5 {
                charge(reserve);
            }
        }
    }

    fn open(&self) -> (Span, Span) {
        let request = request_span(true);
        {
            let _entered = request.set_local_parent();
            charge(|| {});
        }
        // A local span cannot stay open while its thread goes on to another request.
        let below = Span::enter_with_parent("charge", &request).with_properties(charge_properties);
        (below, request)
    }

    fn flush(&self) {
        fastrace::flush();
    }

    /// Its flush starts a thread each time, and its queue is larger than the others'.
    fn batch(&self) -> usize {
        500
    }

    fn left(&self) -> u64 {
        self.reported.load(Ordering::Relaxed)
    }

    fn per_request(&self) -> u64 {
        self.workload.recorded_spans()
    }

    /// The request's span in the handler itself: a layer around it would cost more.
    fn app(&self) -> Router {
        Router::new().route("/orders/{id}", get(async |path: Path<u64>| order(path).in_span(request_span(true)).await))
    }
}

async fn order(Path(id): Path<u64>) -> String {
    let _entered = LocalSpan::enter_with_local_parent("load").with_property(|| ("id", id.to_string()));
    LocalSpan::add_event(Event::new("order found"));
    format!("order {id}")
}

fn request_span(sampled: bool) -> Span {
    Span::root("request", SpanContext::random().sampled(sampled)).with_properties(|| {
        [
            ("method", black_box(work::METHOD).to_owned()),
            ("url", black_box(work::URL).to_owned()),
            ("status", black_box(200_u64).to_string()),
        ]
    })
}

fn charge(inner: impl FnOnce()) {
    let _entered = LocalSpan::enter_with_local_parent("charge").with_properties(charge_properties);
    inner();
    LocalSpan::add_event(Event::new("card accepted"));
}

fn charge_properties() -> [(&'static str, String); 3] {
    [
        ("customer", black_box("c-1029").to_owned()),
        ("amount", black_box(4200_u64).to_string()),
        ("express", black_box(true).to_string()),
    ]
}

fn reserve() {
    let _entered = LocalSpan::enter_with_local_parent("reserve").with_properties(|| {
        [
            ("sku", black_box("A-77-1200").to_owned()),
            ("count", black_box(3_u64).to_string()),
            ("backorder", black_box(false).to_string()),
        ]
    });
    LocalSpan::add_event(Event::new("stock found"));
}

/// Takes spans nowhere, and counts them.
struct Null(Arc<AtomicU64>);

impl Reporter for Null {
    fn report(&mut self, spans: Vec<SpanRecord>) {
        self.0.fetch_add(spans.len() as u64, Ordering::Relaxed);
        black_box(spans);
    }
}
