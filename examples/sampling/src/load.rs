//! A shop's traffic of a minute: the same requests in every run, by a clock that is moved and ids that are seeded.

use std::time::Duration;

use tracing::info_span;
use tracing_subscriber::layer::SubscriberExt;
use xray_core::{Capture, ConfigError, RuleCounts, Rules, SamplingRequest, SegmentLayer, segment};
use xray_test::{ManualClock, SeededEntropy};

/// Seconds that the load lasts.
pub(crate) const SECONDS: u64 = 60;
/// Requests in each of them.
pub(crate) const REQUESTS_A_SECOND: u64 = 200;

/// What came of the load under some rules.
pub(crate) struct Outcome {
    pub(crate) rules: Vec<RuleCounts>,
    /// Requests that ended in a fault.
    pub(crate) faults: u64,
    /// Traces recorded, and how many of them are faults.
    pub(crate) recorded: u64,
    pub(crate) faults_recorded: u64,
    /// All that went out.
    pub(crate) documents: Vec<String>,
}

impl Outcome {
    /// A document that late capture has kept.
    pub(crate) fn kept(&self) -> Option<&String> {
        self.documents.iter().find(|document| document.contains(r#""late_capture""#))
    }
}

/// Runs the load under these rules.
pub(crate) fn run(rules: Rules) -> Result<Outcome, ConfigError> {
    let capture = Capture::new();
    let clock = ManualClock::at(1_767_225_600.0);
    let layer = SegmentLayer::builder("shop")
        .without_environment()
        .emitter(capture.clone())
        .synchronous() // documents are there as soon as a request has ended
        .clock(clock.clone())
        .entropy(SeededEntropy::new(2026))
        .rules(rules)
        .build()?;
    let subscriber = tracing_subscriber::registry().with(layer.clone());
    let mut faults = 0;
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..SECONDS * REQUESTS_A_SECOND {
            faults += u64::from(request(number, &clock));
        }
    });
    let documents = capture.take();
    let is_fault = |document: &&String| document.contains(r#""fault":true"#);
    Ok(Outcome {
        rules: layer.stats().rules,
        faults,
        recorded: documents.len() as u64,
        faults_recorded: documents.iter().filter(is_fault).count() as u64,
        documents,
    })
}

/// One request of a thousand of them: 100 health checks, 20 orders that fail because the payment does, and 880 that
/// work. True when it failed.
fn request(number: u64, clock: &ManualClock) -> bool {
    let of_a_thousand = number % 1000;
    let (method, path, fails) = match of_a_thousand {
        turn if turn % 10 == 0 => ("GET", "/health", false),
        turn if turn % 50 == 7 => ("POST", "/api/orders", true),
        _ => ("POST", "/api/orders", false),
    };
    let sampling = SamplingRequest::new("shop").with_host("shop.example.com").with_method(method).with_path(path);
    // In a server of axum or hyper, `xray_tower::server()` does what is done here by hand.
    let segment = segment("shop").sampling(sampling).open();
    segment.in_scope(|| {
        if path == "/api/orders" {
            info_span!("save_order", annotation.order_id = number).in_scope(|| ());
            info_span!("charge").in_scope(|| {
                if fails {
                    tracing::error!("the bank does not answer");
                }
            });
        }
    });
    clock.advance(Duration::from_micros(1_000_000 / REQUESTS_A_SECOND));
    segment.set_http_response(Some(if fails { 503 } else { 200 }), None);
    fails
}
