//! What a sampler that asks is told about the end of segments.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use xray_core::sampling::{Decision, Reason, Sample, SamplingRequest, SegmentEnd};
use xray_core::{ExceptionParts, Flags, Incoming, Node, segment, service_segment, subsegment};
use xray_test::{Captured, ManualClock};

use crate::support::timed;

/// Answers always the same, and writes down how segments end.
struct Listener {
    sampled: bool,
    ends: Arc<Mutex<Vec<String>>>,
}

impl Sample for Listener {
    fn sample(&self, _: &SamplingRequest<'_>) -> Decision {
        Decision::new(self.sampled, Reason::Fixed)
    }

    fn wants_end(&self) -> bool {
        true
    }

    fn ended(&self, decision: &Decision, end: &SegmentEnd<'_>) {
        let flags = [("fault", end.fault), ("error", end.error), ("throttle", end.throttle)];
        let flags: String = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| format!(" {name}")).collect();
        let status = end.status.map(|status| format!(" {status}")).unwrap_or_default();
        let line = format!("{} {:?} {:?}{status}{flags}", end.service, decision.reason(), end.duration);
        self.ends.lock().unwrap().push(line);
    }
}

/// Plays a scene sampled and not; what was told, which has to be the same.
#[track_caller]
fn told(scene: impl Fn(&ManualClock)) -> Vec<String> {
    let [sampled, unsampled] = [true, false].map(|sampled| {
        let ends = Arc::default();
        let listener = Listener { sampled, ends: Arc::clone(&ends) };
        let (xray, clock): (Captured, _) = timed(|builder| builder.sampler(listener));
        xray.run(|| scene(&clock));
        std::mem::take(&mut *ends.lock().unwrap())
    });
    assert_eq!(sampled, unsampled);
    sampled
}

fn fault(node: &Node) {
    node.mark(Flags { fault: true, ..Flags::default() });
}

#[test]
fn each_segment_is_told_once_with_its_name_status_flags_and_time() {
    let told = told(|clock| {
        let request = service_segment().open();
        clock.advance(Duration::from_millis(12));
        request.set_http_response(Some(429), None);
        let inner = request.in_scope(|| segment("import").open());
        clock.advance(Duration::from_millis(3));
        inner.record_error(&std::fmt::Error);
        request.share().end();
        request.end();
        inner.end();
        segment("given-up").open().cancel("nobody waits");
        segment("struck").open().panicked(&"by this");
    });
    assert_eq!(
        told,
        [
            "test Fixed 15ms 429 error throttle",
            "import Fixed 3ms fault",
            "given-up Fixed 0ns error",
            "struck Fixed 0ns fault",
        ]
    );
}

#[test]
fn what_happens_to_a_call_did_not_happen_to_the_request() {
    let told = told(|_| {
        let request = segment("orders").open();
        request.in_scope(|| {
            let call = subsegment("bank").open();
            call.set_http_response(Some(503), None);
            call.record_error(&std::fmt::Error);
            call.record_exception(ExceptionParts { kind: "io", message: "gone", remote: true });
            tracing::info_span!("charge").in_scope(|| tracing::error!("declined"));
        });
    });
    assert_eq!(told, ["orders Fixed 0ns"]);
}

#[test]
fn another_hand_on_the_segment_tells_of_the_segment() {
    let told = told(|_| {
        let job = segment("job").open();
        let outcome = job.share();
        let mut work = std::pin::pin!(job.instrument(async move { fault(&outcome) }));
        assert!(crate::support::poll(work.as_mut()));
    });
    assert_eq!(told, ["job Fixed 0ns fault"]);
}

#[test]
fn a_decision_of_the_caller_is_told_as_such() {
    let told = told(|_| {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
        segment("orders").incoming(Incoming::read(Some(header.as_bytes()), None)).open().end();
    });
    assert_eq!(told, ["orders Header 0ns"]);
}

#[test]
fn spans_with_a_segment_of_their_own_and_abandoned_ones_are_not_told() {
    let told = told(|_| {
        tracing::info_span!("tool").in_scope(|| tracing::error!("failed"));
        tracing::info_span!("loop").in_scope(|| segment("message").open().end());
    });
    assert_eq!(told, ["message Fixed 0ns"]);
}
