//! Other people's OpenTelemetry: `scripts/peers/otel.sh` installs it and runs this.
//!
//! Without `XRAY_OTEL_PEERS` nothing is tested, and that is said. Not run by the test harness, which would hide it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

#[path = "common/collector.rs"]
mod collector;
#[path = "common/decode.rs"]
mod decode;

use std::collections::HashSet;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::{Incoming, Namespace, Rules, SegmentLayer, TraceHeader, segment, subsegment};
use xray_otel::{Losses, Mapping, OtelEmitter};
use xray_test::{Captured, ManualClock, SeededEntropy};

use collector::Collector;

fn main() {
    let Some(home) = std::env::var_os("XRAY_OTEL_PEERS").map(PathBuf::from) else {
        eprintln!("SKIPPED: XRAY_OTEL_PEERS is not set; scripts/peers/otel.sh installs the peers and runs this");
        return;
    };
    a_trace_through_python_is_one_trace(&home);
    rotel_makes_segments_of_our_spans(&home);
    eprintln!("OpenTelemetry's SDK for Python, and rotel: as expected");
}

fn a_trace_through_python_is_one_trace(home: &Path) {
    let collector = Collector::start("200 OK", Vec::new());
    let xray = Captured::new(ManualClock::at(1_465_510_280.5), SeededEntropy::new(7));
    xray.run(|| {
        let front = segment("front").open();
        let called = front.in_scope(|| subsegment("python").namespace(Namespace::Remote).open());
        let header = called.trace_header().unwrap().to_string();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/peers/otel_peer.py");
        let answer = Command::new(home.join("bin/python"))
            .arg(script)
            .envs([("XRAY_HEADER", header.as_str()), ("OTLP_ENDPOINT", &collector.url())])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(answer.status.success());
        let onward: TraceHeader = String::from_utf8(answer.stdout).unwrap().trim().parse().unwrap();
        drop(segment("back").incoming(Incoming::from(onward)).open());
    });

    let mut losses = Losses::default();
    let spans = decode::spans(&collector.request().spans());
    let theirs = Mapping::new("unknown").documents(&spans, &mut losses);
    assert!(losses.is_none(), "{losses:?}");
    for document in &theirs {
        xray_test::validate(serde_json::to_vec(document).unwrap()).unwrap();
    }
    let served = &theirs[0];
    assert_eq!(served.http.as_ref().unwrap().request.as_ref().unwrap().url.as_deref(), Some("http://python/orders/7"));
    let load = served.find("load").unwrap();
    let chain: Vec<_> = load
        .exceptions()
        .iter()
        .map(|exception| {
            let innermost = exception.stack.first().and_then(|frame| frame.label.as_deref());
            (exception.kind.as_deref().unwrap(), exception.message.as_deref().unwrap(), innermost)
        })
        .collect();
    assert_eq!(chain, [("ValueError", "cannot load", Some("outer")), ("KeyError", "'no such order'", Some("inner"))]);

    let mut all = xray.all();
    all.extend(theirs);
    expect_test::expect![[r#"
        front  segment
        └ python  remote
          └ python  segment 500 fault
            ├ load  fault
            └ back.example.com  remote
              └ back  segment
    "#]]
    .assert_eq(&xray_test::picture(&all));
}

fn rotel_makes_segments_of_our_spans(home: &Path) {
    let service = Collector::start("200 OK", br#"{"UnprocessedTraceSegments":[]}"#.to_vec());
    let rotel = Rotel::start(home, &service);
    let exporter = SpanExporter::builder().with_http().with_endpoint(rotel.traces()).build().unwrap();
    let layer = SegmentLayer::builder("orders")
        .without_environment()
        .emitter(OtelEmitter::new("orders", exporter))
        .rules(Rules::all())
        .build()
        .unwrap();
    let mut ids = Vec::new();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), || {
        let request = segment("orders").open();
        let called = request.in_scope(|| subsegment("payments").namespace(Namespace::Remote).open());
        ids = vec![request.id().unwrap().to_string(), called.id().unwrap().to_string()];
    });
    assert!(layer.shutdown(Duration::from_secs(20)));

    // It says gzip and sends plain JSON.
    let request = service.request();
    assert!(request.line.starts_with("POST /TraceSegments "), "{}", request.line);
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    let texts = body["TraceSegmentDocuments"].as_array().unwrap();
    let documents: Vec<Document> = texts.iter().map(|text| Document::parse(text.as_str().unwrap()).unwrap()).collect();
    let found: HashSet<&str> = documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(found, ids.iter().map(String::as_str).collect());
    let child = documents.iter().find(|document| document.id == ids[1]).unwrap();
    assert_eq!((child.parent_id.as_deref(), child.is_lone_subsegment()), (Some(ids[0].as_str()), true));
}

/// The collector, until it is dropped.
struct Rotel {
    process: Child,
    port: u16,
}

impl Rotel {
    fn start(home: &Path, service: &Collector) -> Rotel {
        let agent = std::fs::read_dir(home.join("lib"))
            .unwrap()
            .map(|python| python.unwrap().path().join("site-packages/rotel/rotel-agent"))
            .find(|agent| agent.exists())
            .expect("rotel's binary");
        // Another program may take a port between the two steps: then it ends, and others are tried.
        for _ in 0..3 {
            let (port, other) = (free_port(), free_port());
            let mut process = Command::new(&agent)
                .args(["start", "--exporter", "aws-xray", "--batch-timeout", "100ms"])
                .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
                .args(["--otlp-grpc-endpoint", &format!("127.0.0.1:{other}")])
                .args(["--xray-exporter-region", "eu-central-1", "--xray-exporter-custom-endpoint", &service.origin()])
                .envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let end = Instant::now() + Duration::from_secs(20);
            while Instant::now() < end && process.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Rotel { process, port };
                }
                // Nobody tells when it listens, so it is asked until it does or has ended.
                std::thread::park_timeout(Duration::from_millis(5));
            }
            let _ = process.kill();
            let _ = process.wait();
        }
        panic!("rotel did not start");
    }

    fn traces(&self) -> String {
        format!("http://127.0.0.1:{}/v1/traces", self.port)
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
