//! The measured process: one variant, installed for the whole process, driven by the commands of [`xray_harness`].

use std::time::Duration;

use axum::Router;
use tower_http::trace::TraceLayer;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;
use xray_core::{Emit, EmitError, LateCapture, Rules, SegmentLayer};
use xray_harness::{Subject, http};

use crate::workload::{OpenRequest, Variant, Workload, request};
use crate::{aws, decision, guard};

/// Runs until standard input ends. `sink`: where datagrams go, `host:port`.
pub fn run(variant: Variant, workload: Workload, sink: &str) -> Result<(), Box<dyn std::error::Error>> {
    let layer = install(variant, workload, sink)?;
    let open = if let Workload::Beside(open) = workload { open } else { 0 };
    let _open: Vec<OpenRequest> = (0..open).map(|_| OpenRequest::new(variant)).collect();
    xray_harness::run(&Installed { variant, workload, layer })
}

struct Installed {
    variant: Variant,
    workload: Workload,
    layer: Option<SegmentLayer>,
}

impl Subject for Installed {
    type Open = OpenRequest;

    fn request(&self) {
        if self.workload == Workload::Guard {
            guard::paths::walk(self.variant);
        } else {
            request(self.variant, self.workload);
        }
    }

    fn open(&self) -> OpenRequest {
        OpenRequest::new(self.variant)
    }

    fn flush(&self) {
        xray_core::flush(Duration::from_secs(10));
    }

    /// One request of many spans is many documents: no queue is to overflow. And a path of the guard is to find the
    /// memory of the walk before it given back.
    fn batch(&self) -> usize {
        match self.workload {
            Workload::Flat(spans) | Workload::Deep(spans) if spans >= 100 => 1,
            Workload::Guard => 1,
            Workload::D1 | Workload::D2 => 1000,
            _ => 50,
        }
    }

    fn left(&self) -> u64 {
        self.layer.as_ref().map_or(0, |layer| layer.stats().documents_sent)
    }

    fn per_request(&self) -> u64 {
        u64::from(self.layer.is_some())
    }

    fn app(&self) -> Router {
        match self.variant {
            Variant::F0 | Variant::F1Bare => http::orders(),
            Variant::F1 => http::orders().layer(TraceLayer::new_for_http()),
            _ => http::orders().layer(xray_tower::server()),
        }
    }

    fn answer(&self, command: &str, count: usize) -> Option<String> {
        (command == "guard").then(|| guard::paths::allocations(self.variant, count))
    }
}

fn install(
    variant: Variant,
    workload: Workload,
    sink: &str,
) -> Result<Option<SegmentLayer>, Box<dyn std::error::Error>> {
    if workload.is_decision() {
        return decision::install(workload).map(|()| None);
    }
    if workload.calls_aws() {
        aws::install(variant)?;
    }
    let registry = tracing_subscriber::registry();
    match variant {
        Variant::F0 => Ok(None),
        Variant::F1 | Variant::F1Bare => {
            tracing::subscriber::set_global_default(registry.with(Empty))?;
            Ok(None)
        }
        _ => {
            let rules = if workload.is_unsampled() { Rules::none() } else { Rules::all() };
            let builder = SegmentLayer::builder("orders").without_environment().rules(rules);
            let builder = if workload.captures_late() {
                builder.late_capture(LateCapture::rules().with_faults().with_limit(u32::MAX))
            } else {
                builder
            };
            // Callgrind makes a second last a minute: everything that is open would be announced as in progress after 5 s,
            // a document each, and counted as a cost of the requests beside it.
            let builder = match workload {
                Workload::Beside(_) => builder.in_progress_after(Duration::ZERO),
                _ => builder,
            };
            let builder = match variant {
                Variant::OursUnsent => builder.emitter(Unsent),
                Variant::OursAtOnce => builder.emitter(Unsent).synchronous(),
                _ => builder.daemon_address(sink),
            };
            let layer = builder.build()?;
            tracing::subscriber::set_global_default(registry.with(layer.clone()))?;
            Ok(Some(layer))
        }
    }
}

/// A layer that does nothing.
struct Empty;

impl<S: tracing::Subscriber> Layer<S> for Empty {}

/// Takes documents nowhere.
struct Unsent;

impl Emit for Unsent {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        std::hint::black_box(document);
        Ok(())
    }
}
