//! `tracing-opentelemetry` with the SDK's batch processor and AWS' ids.
//!
//! | variant | exporter |
//! |---|---|
//! | P1 | takes spans nowhere |
//! | P6 | `opentelemetry-aws`' X-Ray exporter over UDP, a document for each span |
//! | P6n | the same, subsegments nested in their segment |
//! | P6n-lean | the same, without what `tracing-opentelemetry` adds to each span: location, thread, target, busy and idle time |
//! | P6n-plain | P6n, where nobody said that the request's span in W4 is a server's |
//!
//! All attributes are kept, as metadata like ours. The request's span has kind `server` and the semantic conventions'
//! names: without them it is no segment and has no `http` block (the exporter then drops it, and nested documents fall
//! apart). The SDK's own log events are switched off: they would come back into the subscriber as further events.

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::extract::Request;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TracerProvider;
use opentelemetry_aws::trace::{XrayIdGenerator, XrayPropagator};
use opentelemetry_aws::xray_exporter::daemon_client::XrayDaemonClient;
use opentelemetry_aws::xray_exporter::{SegmentTranslator, XrayExporter};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter};
use tower_http::trace::TraceLayer;
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use xray_harness::{Subject, Workload, http, work};

fn main() -> ExitCode {
    xray_peers::main(Otel::install)
}

struct Otel {
    workload: Workload,
    provider: SdkTracerProvider,
    exported: Arc<AtomicU64>,
    /// The kind of the request's span.
    kind: &'static str,
}

impl Otel {
    fn install(variant: &str, workload: Workload, sink: &str) -> Result<Otel, Box<dyn Error>> {
        let exported = Arc::<AtomicU64>::default();
        let translator = SegmentTranslator::new().metadata_all_attrs();
        let xray = |translator| -> Result<_, Box<dyn Error>> {
            let client = XrayDaemonClient::new(sink.parse::<SocketAddr>()?)?;
            Ok(XrayExporter::new(client).with_translator(translator))
        };
        let processor = match variant {
            "P1" => batch(Counting { exporter: Null, exported: Arc::clone(&exported) }),
            "P6" => batch(Counting { exporter: xray(translator)?, exported: Arc::clone(&exported) }),
            "P6n" | "P6n-lean" | "P6n-plain" => batch(Counting {
                exporter: xray(translator.always_nest_subsegments())?,
                exported: Arc::clone(&exported),
            }),
            other => return Err(format!("no variant {other}").into()),
        };
        let sampler = if workload == Workload::W3 { Sampler::AlwaysOff } else { Sampler::AlwaysOn };
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_id_generator(XrayIdGenerator::default())
            .with_resource(Resource::builder_empty().with_service_name("orders").build())
            .build();
        let adds = variant != "P6n-lean";
        let layer = tracing_opentelemetry::layer()
            .with_location(adds)
            .with_threads(adds)
            .with_tracked_inactivity(adds)
            .with_target(adds)
            .with_tracer(provider.tracer("bench"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        let kind = if variant == "P6n-plain" { "internal" } else { "server" };
        Ok(Otel { workload, provider, exported, kind })
    }
}

fn batch(exporter: impl SpanExporter + 'static) -> BatchSpanProcessor {
    BatchSpanProcessor::builder(exporter).build()
}

impl Subject for Otel {
    type Open = (Span, Span);

    fn request(&self) {
        request_span().in_scope(|| match self.workload {
            Workload::W1 => work::one(),
            Workload::W9 => work::ten_without_events(),
            _ => work::ten(),
        });
    }

    fn open(&self) -> (Span, Span) {
        let request = request_span();
        let below = request.in_scope(|| {
            work::one();
            work::charge_span()
        });
        (below, request)
    }

    fn flush(&self) {
        // An exporter that failed has not counted its spans.
        if let Err(error) = self.provider.force_flush() {
            eprintln!("flush: {error}");
        }
    }

    fn left(&self) -> u64 {
        self.exported.load(Ordering::Relaxed)
    }

    fn per_request(&self) -> u64 {
        self.workload.recorded_spans()
    }

    fn app(&self) -> Router {
        let kind = self.kind;
        http::orders().layer(TraceLayer::new_for_http().make_span_with(move |request: &Request| {
            let span = info_span!(
                "request",
                otel.kind = kind,
                method = %request.method(),
                uri = %request.uri(),
                version = ?request.version()
            );
            let parent = XrayPropagator::new().extract(&HeaderExtractor(request.headers()));
            // Fails where there is no header, which is as it should be.
            let _ = span.set_parent(parent);
            span
        }))
    }
}

fn request_span() -> Span {
    info_span!(
        "request",
        otel.kind = "server",
        http.request.method = black_box(work::METHOD),
        url.full = black_box(work::URL),
        http.response.status_code = black_box(200_u64)
    )
}

/// Takes spans nowhere.
#[derive(Debug)]
struct Null;

impl SpanExporter for Null {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        black_box(batch);
        Ok(())
    }
}

/// Counts the spans that an exporter has taken.
#[derive(Debug)]
struct Counting<E> {
    exporter: E,
    exported: Arc<AtomicU64>,
}

impl<E: SpanExporter> SpanExporter for Counting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        self.exporter.export(batch).await?;
        self.exported.fetch_add(spans, Ordering::Relaxed);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
