//! Under a global subscriber, as programs have it: what happens within its callbacks comes back to the layer, which under
//! the scoped subscribers of other tests it does not. A binary of its own, for there is one such subscriber in a process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tracing::{info, info_span};
use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::{Capture, Emit, EmitError, SegmentLayer, SpanExt, current, segment, subsegment};

/// Longer than any machine needs; a test that passes does not wait it out.
const PATIENCE: Duration = Duration::from_secs(60);

/// Captures, and stops at a segment called `hold` until it is told to go on.
struct Gate {
    capture: Capture,
    reached: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Emit for Gate {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        if document.starts_with(br#"{"name":"hold""#) {
            let _ = self.reached.lock().unwrap().send(());
            let _ = self.go_on.lock().unwrap().recv_timeout(PATIENCE);
        }
        // An emitter may use a crate that traces: nothing of this may come back.
        info_span!("emitting").in_scope(|| info!("on the way out"));
        self.capture.emit(document)
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Program {
    layer: SegmentLayer,
    capture: Capture,
    lines: Lines,
    reached: Mutex<Receiver<()>>,
    go_on: Mutex<Sender<()>>,
}

impl Program {
    /// The one document of this name, once all is sent.
    fn document(&self, name: &str) -> Document {
        assert!(self.layer.flush(PATIENCE));
        let documents = self.capture.documents();
        let mut documents = documents.iter().map(|text| {
            xray_test::validate(text).unwrap_or_else(|violations| panic!("{violations:?}: {text}"));
            Document::parse(text).unwrap()
        });
        documents.find(|document| document.name == name).expect("the document")
    }
}

fn program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let (reached_in, reached) = channel();
        let (go_on, go_on_out) = channel();
        let capture = Capture::new();
        let gate = Gate { capture: capture.clone(), reached: Mutex::new(reached_in), go_on: Mutex::new(go_on_out) };
        let layer = SegmentLayer::builder("test")
            .without_environment()
            .emitter(gate)
            .sample_all()
            .on_diagnostic(|diagnostic| info!("{diagnostic}"))
            .build()
            .unwrap();
        let lines = Lines::default();
        let writer = lines.clone();
        let logs = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .map_event_format(xray_core::log::with_trace_id);
        tracing_subscriber::registry().with(layer.clone()).with(logs).init();
        Program { layer, capture, lines, reached: Mutex::new(reached), go_on: Mutex::new(go_on) }
    })
}

#[test]
fn log_lines_keep_their_trace_while_the_sender_is_at_work() {
    let program = program();
    drop(segment("hold").open());
    program.reached.lock().unwrap().recv_timeout(PATIENCE).unwrap();
    // The sender thread is within an emitter now, where it has no subscriber.
    let orders = segment("orders").open();
    let trace = orders.trace_id().unwrap();
    orders.in_scope(|| info_span!("load").in_scope(|| info!("while it sends")));
    program.go_on.lock().unwrap().send(()).unwrap();
    drop(orders);
    let lines = String::from_utf8(program.lines.0.lock().unwrap().clone()).unwrap();
    let line = lines.lines().find(|line| line.contains("while it sends")).unwrap();
    assert!(line.starts_with(&format!("xray_trace_id={trace} xray_segment_id=")), "{line}");
    assert_eq!(program.document("orders").subsegments[0].name, "load");
    assert!(!String::from_utf8_lossy(&program.lines.0.lock().unwrap()).contains("on the way out"));
}

/// Logs, opens spans and records whenever it is formatted.
struct Busy;

impl fmt::Debug for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info!("formatting");
        info_span!("formatting", annotation.within = true).in_scope(|| {
            current().annotate("by_node", 1);
            drop(subsegment("formatting too").open());
        });
        f.write_str("busy")
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Busy {}

#[test]
fn a_value_that_records_while_it_is_formatted_does_not_hang_and_nothing_mixes() {
    let program = program();
    let orders = segment("busy orders").open();
    orders.in_scope(|| {
        let span = info_span!("load", annotation.a = ?Busy, metadata.b = ?Busy, c = 3, late = tracing::field::Empty);
        span.record("late", tracing::field::debug(Busy));
        span.in_scope(|| {
            info!(value = ?Busy, "an event of {Busy}");
            tracing::error!(error = &Busy as &dyn std::error::Error, "failed");
        });
        span.record_error(&Busy);
    });
    drop(orders);
    let document = program.document("busy orders");
    let load = document.find("load").unwrap();
    assert_eq!(load.annotations["a"].as_str(), Some("busy"));
    let values = &load.metadata["default"];
    assert_eq!((&values["b"], &values["c"], &values["late"]), (&"busy".into(), &3.into(), &"busy".into()));
    assert!(load.exceptions().iter().all(|exception| exception.message.as_deref() == Some("busy")));
    // What the value did is there as what it is: spans of its own. All or none of it: while any thread has a scoped
    // subscriber, as our sender does at work, `tracing` itself keeps quiet within callbacks.
    let formatting = document.walk().filter(|node| node.name == "formatting");
    for node in formatting {
        assert_eq!(node.annotations["within"].as_bool(), Some(true));
        assert_eq!(node.annotations["by_node"].as_i64(), Some(1));
        assert_eq!(node.subsegments[0].name, "formatting too");
    }
}
