//! Out: what `xray-core` recorded, handed to any exporter of OpenTelemetry's.
//!
//! Our layer's sender thread calls [`Emit`]; an exporter takes as long as its network does. Between the two stands a
//! queue of [`OtelEmitter::QUEUED_BYTES`] and a thread of its own, which hands over what has come as one batch. When the
//! sender comes to rest it waits for that batch, and what comes meanwhile is the next one: so batches grow with the load,
//! and a quiet program's spans are there at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use xray_core::document::Document;
use xray_core::emit::Lost;
use xray_core::{Emit, EmitError};

use super::convert;
use crate::losses::Losses;
use crate::span::{Resource, Span};

/// Sends finished segments as OpenTelemetry spans, through any `SpanExporter`.
///
/// For applications on our layer whose traces go to a collector, to X-Ray's OTLP endpoint, or anywhere else that speaks
/// OTLP. Announcements of work in progress are left out: OpenTelemetry knows only spans that have ended.
///
/// The exporter is called on a thread of this emitter's, without an async runtime: take one that brings its own client,
/// as `opentelemetry-otlp` with `reqwest-blocking-client`. On a program's end flush or shut down the layer, with as much
/// time as the exporter may need: a guard that is dropped waits for 500 ms.
///
/// # Examples
///
/// ```
/// use opentelemetry_sdk::trace::InMemorySpanExporter; // in a program: opentelemetry_otlp::SpanExporter
/// use xray_core::SegmentLayer;
/// use xray_otel::OtelEmitter;
///
/// let exporter = InMemorySpanExporter::default();
/// let layer = SegmentLayer::builder("orders").emitter(OtelEmitter::new("orders", exporter)).build()?;
/// # drop(layer);
/// # Ok::<(), xray_core::ConfigError>(())
/// ```
pub struct OtelEmitter {
    service: Arc<Resource>,
    scope: InstrumentationScope,
    queue: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
    wait: Duration,
}

/// What the two threads know.
#[derive(Debug, Default)]
struct Shared {
    queued: AtomicUsize,
    spans: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    lost: Mutex<Option<(u64, String)>>,
    losses: Mutex<Losses>,
}

enum Message {
    Document { spans: Vec<SpanData>, bytes: usize },
    Flush(Sender<()>),
}

impl OtelEmitter {
    /// Bytes of documents that wait at most; what does not fit is refused, and counted by the layer.
    ///
    /// Ours to choose, as the layer's own queue.
    pub const QUEUED_BYTES: usize = 8 * 1024 * 1024;

    /// Spans of this service to `exporter`. The resource has the service's name, and what `OTEL_RESOURCE_ATTRIBUTES`
    /// says.
    pub fn new(service: impl Into<String>, exporter: impl SpanExporter + 'static) -> OtelEmitter {
        let service = service.into();
        let resource = opentelemetry_sdk::Resource::builder().with_service_name(service).build();
        OtelEmitter::with_resource(resource, exporter)
    }

    /// Spans of this resource, whose `service.name` is the layer's service.
    pub fn with_resource(
        resource: opentelemetry_sdk::Resource,
        mut exporter: impl SpanExporter + 'static,
    ) -> OtelEmitter {
        exporter.set_resource(&resource);
        let shared = Arc::new(Shared::default());
        let (queue, incoming) = mpsc::sync_channel(DOCUMENTS);
        let work = Worker { exporter, incoming, shared: Arc::clone(&shared) };
        // Without a thread everything is refused, and so counted.
        let thread = std::thread::Builder::new().name("xray-otel".to_owned()).spawn(move || work.run());
        OtelEmitter {
            service: Arc::new(convert::resource(&resource)),
            scope: InstrumentationScope::builder("xray-core").with_version(env!("CARGO_PKG_VERSION")).build(),
            queue: thread.is_ok().then_some(queue),
            shared,
            wait: WAIT,
        }
    }

    /// How long a flush waits for the exporter at most: 10 s unless said, as long as exporters try.
    #[must_use]
    pub fn with_flush_timeout(mut self, wait: Duration) -> OtelEmitter {
        self.wait = wait;
        self
    }

    /// What it counts, to be read after the emitter was given away.
    pub fn counts(&self) -> impl Fn() -> EmitterCounts + Send + Sync + 'static {
        let shared = Arc::clone(&self.shared);
        move || EmitterCounts {
            exported: shared.spans.load(Ordering::Relaxed),
            failed: shared.failed.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
            losses: *shared.losses.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Spans that left, and that did not: [`OtelEmitter::counts`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmitterCounts {
    /// Spans that the exporter took.
    pub exported: u64,
    /// Spans of batches that the exporter failed to send.
    pub failed: u64,
    /// Documents that did not fit into the queue.
    pub refused: u64,
    /// What OpenTelemetry could not carry.
    pub losses: Losses,
}

impl Emit for OtelEmitter {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        let parsed = Document::parse(document).map_err(|error| EmitError::Io(io::Error::other(error)))?;
        let mut losses = Losses::default();
        let spans = crate::spans::spans(&parsed, &self.service, &mut losses);
        *self.shared.losses.lock().unwrap_or_else(PoisonError::into_inner) += losses;
        if spans.is_empty() {
            return Ok(());
        }
        let bytes = document.len();
        let queued = self.shared.queued.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let spans: Vec<SpanData> = spans.into_iter().map(|span: Span| convert::span_data(span, &self.scope)).collect();
        let room = queued <= OtelEmitter::QUEUED_BYTES;
        let queue = self.queue.as_ref().filter(|_| room);
        if queue.is_some_and(|queue| queue.try_send(Message::Document { spans, bytes }).is_ok()) {
            return Ok(());
        }
        self.shared.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        Err(EmitError::Io(io::Error::other("the queue to the OpenTelemetry exporter is full")))
    }

    fn flush(&self) {
        if self.shared.queued.load(Ordering::Relaxed) == 0 {
            return;
        }
        let Some(queue) = &self.queue else { return };
        let (done, wait) = mpsc::channel();
        // A full queue is on its way already.
        if queue.try_send(Message::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(self.wait);
        }
    }

    fn lost(&self) -> Option<Lost> {
        let (documents, error) = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Lost { documents, error: EmitError::Io(io::Error::other(error)) })
    }
}

impl fmt::Debug for OtelEmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtelEmitter").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// The thread that calls the exporter. Ends with the emitter.
struct Worker<E> {
    exporter: E,
    incoming: Receiver<Message>,
    shared: Arc<Shared>,
}

impl<E: SpanExporter> Worker<E> {
    fn run(self) {
        // The exporter's own HTTP client is not part of any trace.
        let _quiet = opentelemetry::Context::enter_telemetry_suppressed_scope();
        let mut batch = Batch::default();
        while let Ok(message) = self.incoming.recv() {
            let mut next = Some(message);
            let mut waiting = Vec::new();
            // What has come meanwhile goes along.
            while let Some(message) = next {
                match message {
                    Message::Document { spans, bytes } => {
                        if batch.is_full_with(&spans, bytes) {
                            self.export(std::mem::take(&mut batch));
                        }
                        batch.add(spans, bytes);
                    }
                    Message::Flush(done) => waiting.push(done),
                }
                next = self.incoming.try_recv().ok();
            }
            self.export(std::mem::take(&mut batch));
            for done in waiting {
                // Whoever waited may have given up.
                let _ = done.send(());
            }
        }
        let _ = self.exporter.shutdown();
    }

    fn export(&self, batch: Batch) {
        if batch.spans.is_empty() {
            return;
        }
        let count = batch.spans.len() as u64;
        let work = std::panic::AssertUnwindSafe(|| futures_executor::block_on(self.exporter.export(batch.spans)));
        let result = std::panic::catch_unwind(work);
        let error = match result {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the OpenTelemetry exporter panicked".to_owned()),
        };
        match error {
            None => {
                self.shared.spans.fetch_add(count, Ordering::Relaxed);
            }
            Some(error) => {
                self.shared.failed.fetch_add(count, Ordering::Relaxed);
                let mut lost = self.shared.lost.lock().unwrap_or_else(PoisonError::into_inner);
                let documents = lost.as_ref().map_or(0, |(documents, _)| *documents) + batch.documents;
                *lost = Some((documents, error));
            }
        }
        self.shared.queued.fetch_sub(batch.bytes, Ordering::Relaxed);
    }
}

/// Spans that are exported at once.
///
/// The bounds are those of X-Ray's OTLP endpoint, with room to spare; collectors take as much.
#[derive(Default)]
struct Batch {
    spans: Vec<SpanData>,
    documents: u64,
    bytes: usize,
    /// The earliest start and the latest.
    range: Option<(std::time::SystemTime, std::time::SystemTime)>,
}

impl Batch {
    fn is_full_with(&self, spans: &[SpanData], bytes: usize) -> bool {
        let Some((first, last)) = self.range else { return false };
        let apart = spans.iter().any(|span| {
            let before = last.duration_since(span.start_time).unwrap_or_default();
            let after = span.start_time.duration_since(first).unwrap_or_default();
            before.max(after) > GAP
        });
        apart || self.spans.len() + spans.len() > BATCH_SPANS || self.bytes + bytes > BATCH_BYTES
    }

    fn add(&mut self, spans: Vec<SpanData>, bytes: usize) {
        for span in &spans {
            let (first, last) = self.range.unwrap_or((span.start_time, span.start_time));
            self.range = Some((first.min(span.start_time), last.max(span.start_time)));
        }
        self.spans.extend(spans);
        self.documents += 1;
        self.bytes += bytes;
    }
}

/// Documents that wait at most; most are far smaller than the bytes that bound them.
const DOCUMENTS: usize = 8_192;
const WAIT: Duration = Duration::from_secs(10);
/// Most spans of a request. Source: X-Ray's OTLP endpoint takes 10,000; the SDK's batches have 512.
const BATCH_SPANS: usize = 2_048;
/// Most bytes of documents in a request: the spans are about as large. Source: X-Ray's OTLP endpoint takes 5 MB.
const BATCH_BYTES: usize = 2 * 1024 * 1024;
/// Most time between spans of a request. Source: X-Ray's OTLP endpoint takes 24 hours.
const GAP: Duration = Duration::from_secs(23 * 60 * 60);

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::InMemorySpanExporter;

    use super::*;

    fn document(id: u64, start: u64) -> Vec<u8> {
        format!(
            r#"{{"name":"orders","id":"{id:016x}","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":{start},"end_time":{start}}}"#
        )
        .into_bytes()
    }

    /// Waits for permission, or panics.
    #[derive(Debug)]
    struct Slow(Mutex<Receiver<()>>);

    impl SpanExporter for Slow {
        async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().recv().expect("permission");
            Ok(())
        }
    }

    #[test]
    fn what_an_exporter_cannot_keep_up_with_is_refused_and_counted() {
        let (permit, slow) = mpsc::channel();
        let emitter = OtelEmitter::new("orders", Slow(Mutex::new(slow))).with_flush_timeout(Duration::from_millis(1));
        let counts = emitter.counts();
        let filler = "x".repeat(60_000);
        let large = |id: u64| {
            let text = String::from_utf8(document(id, 1)).unwrap();
            text.replace("\"name\"", &format!("\"user\":\"{filler}\",\"name\"")).into_bytes()
        };
        let taken = (1..=300).filter(|id| emitter.emit(&large(*id)).is_ok()).count();
        assert_eq!(taken, OtelEmitter::QUEUED_BYTES / large(1).len());
        assert_eq!(counts().refused, 300 - taken as u64);
        emitter.flush(); // gives up: the exporter still waits
        (0..300).for_each(|_| permit.send(()).unwrap());
        let emitter = emitter.with_flush_timeout(Duration::from_secs(20));
        emitter.flush();
        assert_eq!((counts().exported, counts().failed), (taken as u64, 0));
        assert!(emitter.lost().is_none());
        assert!(emitter.emit(&document(1, 1)).is_ok());
    }

    #[test]
    fn an_exporter_that_panics_loses_its_batch_and_no_more() {
        let (permit, slow) = mpsc::channel();
        let emitter = OtelEmitter::new("orders", Slow(Mutex::new(slow)));
        drop(permit);
        emitter.emit(&document(1, 1)).unwrap();
        emitter.flush();
        assert_eq!((emitter.counts()().failed, emitter.lost().unwrap().documents), (1, 1));
        assert!(emitter.lost().is_none(), "told once");
    }

    #[test]
    fn batches_keep_to_what_the_endpoint_takes() {
        let exporter = InMemorySpanExporter::default();
        let emitter = OtelEmitter::new("orders", exporter.clone());
        for (id, start) in [(1, 1_000_000), (2, 1_000_100), (3, 1_100_000)] {
            emitter.emit(&document(id, start)).unwrap();
        }
        emitter.flush();
        assert_eq!(exporter.get_finished_spans().unwrap().len(), 3);

        let mut batch = Batch::default();
        let data = |id, start| {
            let parsed = Document::parse(document(id, start)).unwrap();
            let spans = crate::spans::spans(&parsed, &Arc::default(), &mut Losses::default());
            spans.into_iter().map(|span| convert::span_data(span, &InstrumentationScope::default())).collect::<Vec<_>>()
        };
        batch.add(data(1, 1_000_000), 100);
        assert!(!batch.is_full_with(&data(2, 1_000_100), 100));
        assert!(batch.is_full_with(&data(2, 1_090_000), 100), "a day apart");
        assert!(batch.is_full_with(&data(2, 900_000), 100), "a day apart");
        assert!(batch.is_full_with(&data(2, 1_000_000), BATCH_BYTES), "bytes");
    }

    #[test]
    fn progress_and_nonsense_make_no_spans() {
        let emitter = OtelEmitter::new("orders", InMemorySpanExporter::default());
        let open = String::from_utf8(document(1, 1)).unwrap().replace("\"end_time\":1", "\"in_progress\":true");
        emitter.emit(open.as_bytes()).unwrap();
        assert!(emitter.emit(b"no document").is_err());
        emitter.emit(b"{}").unwrap();
        assert_eq!(emitter.counts()().losses.spans_refused, 1);
    }
}
