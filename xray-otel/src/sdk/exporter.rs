//! In: what the OpenTelemetry SDK recorded, sent to X-Ray.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use xray_core::document::{DAEMON_HEADER, Document};
use xray_core::{Emit, EmitError};

use super::convert;
use crate::losses::Losses;
use crate::mapping::{Mapping, divide};
use crate::span::{Resource, Span};

/// Sends the SDK's spans to X-Ray as segments.
///
/// For applications that stay on the OpenTelemetry SDK, with the daemon (or `xrc`) beside them and no collector. Put it
/// behind a `BatchSpanProcessor`: what ends together is sent together. It keeps to X-Ray's sizes, paces what it sends,
/// never waits for an answer, and uses no `tracing` itself, so that it may stand below `tracing-opentelemetry`.
///
/// # Examples
///
/// ```
/// use opentelemetry::trace::{Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use xray_core::Capture; // in a program: `Udp::new(DaemonAddress::default())`
/// use xray_otel::{XrayExporter, XrayIdGenerator};
///
/// let capture = Capture::new();
/// let provider = SdkTracerProvider::builder()
///     .with_batch_exporter(XrayExporter::new("orders", capture.clone()))
///     .with_id_generator(XrayIdGenerator::default())
///     .build();
/// provider.tracer("example").in_span("import", |_| ());
/// provider.shutdown()?;
/// assert!(capture.documents()[0].contains(r#""name":"import""#));
/// # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
/// ```
pub struct XrayExporter<E> {
    emitter: E,
    mapping: Mapping,
    resource: Arc<Resource>,
    counters: ExportCounters,
    stopped: AtomicBool,
}

impl<E: Emit> XrayExporter<E> {
    /// Documents of this service through `emitter`. A `service.name` of the SDK's resource wins over `service`.
    pub fn new(service: impl Into<String>, emitter: E) -> XrayExporter<E> {
        XrayExporter {
            emitter,
            mapping: Mapping::new(service),
            resource: Arc::default(),
            counters: ExportCounters::default(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Another mapping: which attributes are indexed, whether queries are kept.
    #[must_use]
    pub fn with_mapping(mut self, mapping: Mapping) -> XrayExporter<E> {
        self.mapping = mapping;
        self
    }

    /// What it counts, to be read after the exporter was given away.
    pub fn counters(&self) -> ExportCounters {
        self.counters.clone()
    }

    fn send(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        let mut counts = ExportCounts { spans: batch.len() as u64, ..ExportCounts::default() };
        let spans: Vec<Span> = batch.into_iter().map(|data| convert::span(data, &self.resource)).collect();
        let documents = self.mapping.documents(&spans, &mut counts.losses);
        let mut error = None;
        for (at, document) in documents.into_iter().enumerate() {
            if at > 0 && at % BURST == 0 {
                std::thread::sleep(PAUSE);
            }
            if let Err(refused) = self.emit(document, &mut counts) {
                error = Some(refused);
            }
        }
        self.emitter.flush();
        if let Some(lost) = self.emitter.lost() {
            counts.failed += lost.documents;
            counts.sent = counts.sent.saturating_sub(lost.documents);
            error = Some(lost.error);
        }
        let failed = counts.failed;
        self.counters.add(counts);
        match error {
            Some(error) => {
                Err(OTelSdkError::InternalFailure(format!("{failed} X-Ray documents were not sent: {error}")))
            }
            None => Ok(()),
        }
    }

    fn emit(&self, document: Document, counts: &mut ExportCounts) -> Result<(), EmitError> {
        let text = serde_json::to_vec(&document).map_err(|error| EmitError::Io(error.into()));
        let refused = match text.and_then(|text| self.emitter.emit(&text)) {
            Ok(()) => {
                counts.sent += 1;
                return Ok(());
            }
            Err(refused) => refused,
        };
        // A network may carry less than X-Ray takes: the document is divided further, once.
        if let EmitError::TooLarge { limit: Some(limit) } = refused {
            let mut parts = Vec::new();
            divide(document, limit + DAEMON_HEADER.len(), &mut parts, &mut counts.losses);
            let mut result = Ok(());
            for part in parts {
                let sent = serde_json::to_vec(&part)
                    .map_err(|error| EmitError::Io(error.into()))
                    .and_then(|text| self.emitter.emit(&text));
                match sent {
                    Ok(()) => counts.sent += 1,
                    Err(error) => {
                        counts.failed += 1;
                        result = Err(error);
                    }
                }
            }
            return result;
        }
        counts.failed += 1;
        Err(refused)
    }
}

impl<E: Emit> SpanExporter for XrayExporter<E> {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let result = self.send(batch);
        async move { result }
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        if self.stopped.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.emitter.flush();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.emitter.flush();
        Ok(())
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.resource = Arc::new(convert::resource(resource));
    }
}

impl<E> std::fmt::Debug for XrayExporter<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("XrayExporter").field("mapping", &self.mapping).finish_non_exhaustive()
    }
}

/// What an exporter counts: [`XrayExporter::counters`]. Clones share.
#[derive(Clone, Debug, Default)]
pub struct ExportCounters(Arc<Mutex<ExportCounts>>);

impl ExportCounters {
    /// The counts so far.
    pub fn snapshot(&self) -> ExportCounts {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, more: ExportCounts) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.spans += more.spans;
        counts.sent += more.sent;
        counts.failed += more.failed;
        counts.losses += more.losses;
    }
}

/// Spans in, documents out, and what was lost between: [`ExportCounters::snapshot`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportCounts {
    /// Spans that came.
    pub spans: u64,
    /// Documents that left.
    pub sent: u64,
    /// Documents that the emitter refused or lost.
    pub failed: u64,
    /// What the mapping could not carry.
    pub losses: Losses,
}

/// Documents between pauses, and the pause: a daemon's receive buffer holds about 48. As `xray-core` sends.
const BURST: usize = 40;
const PAUSE: Duration = Duration::from_micros(200);

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;
    use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use xray_core::Capture;

    use super::*;

    /// A network that carries less than X-Ray takes.
    struct Narrow(Capture);

    impl Emit for Narrow {
        fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
            if document.len() > 2_000 {
                return Err(EmitError::TooLarge { limit: Some(2_000) });
            }
            self.0.emit(document)
        }
    }

    #[test]
    fn what_a_network_does_not_carry_is_divided() {
        let capture = Capture::new();
        let exporter = XrayExporter::new("orders", Narrow(capture.clone()));
        let counters = exporter.counters();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        let tracer = provider.tracer("test");
        tracer.in_span("root", |_| {
            for _ in 0..4 {
                tracer.start("part").set_attribute(KeyValue::new("text", "x".repeat(900)));
            }
            tracer.start("large").set_attribute(KeyValue::new("text", "y".repeat(5_000)));
        });
        provider.shutdown().unwrap();
        let counts = counters.snapshot();
        assert_eq!((counts.spans, counts.sent, counts.failed), (6, capture.documents().len() as u64, 0));
        assert_eq!((counts.losses.documents_trimmed, counts.losses.documents_lost), (1, 0));
        let parts: usize = capture.documents().iter().map(|text| Document::parse(text).unwrap().walk().count()).sum();
        assert_eq!(parts, 7);
    }

    #[test]
    fn a_refusal_is_told_to_the_sdk_and_the_rest_is_sent() {
        struct Every(Capture, std::sync::atomic::AtomicU64);
        impl Emit for Every {
            fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
                match self.1.fetch_add(1, Ordering::Relaxed) {
                    1 => Err(std::io::Error::other("unplugged").into()),
                    _ => self.0.emit(document),
                }
            }
        }
        let capture = Capture::new();
        let exporter = XrayExporter::new("orders", Every(capture.clone(), 0.into()));
        let counters = exporter.counters();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        for _ in 0..3 {
            provider.tracer("test").in_span("root", |_| ());
        }
        assert!(provider.force_flush().unwrap_err().to_string().contains("1 X-Ray documents were not sent"));
        assert_eq!((capture.documents().len(), counters.snapshot().failed), (2, 1));
    }
}
