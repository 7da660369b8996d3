//! Late capture: what was not sampled, recorded until its end, and then kept or forgotten.

use std::time::Duration;

use xray_core::document::Document;
use xray_core::sampling::Rule;
use xray_core::{
    Builder, Flags, Incoming, LateCapture, Node, Reason, Rules, Sampled, current, segment, service_segment, subsegment,
};
use xray_test::{Captured, ManualClock};

use crate::support::{captured_with, timed};

/// Nothing is sampled, and this is kept.
fn keeps(late: LateCapture) -> impl FnOnce(Builder) -> Builder {
    move |builder| builder.rules(Rules::none()).late_capture(late)
}

fn faults() -> LateCapture {
    LateCapture::rules().with_faults()
}

fn request(status: u16) -> Node {
    let node = service_segment().open();
    node.in_scope(|| tracing::info_span!("load").in_scope(|| tracing::info!("loaded")));
    node.set_http_response(Some(status), None);
    node
}

fn late_by(document: &Document) -> Option<&str> {
    document.annotations.get("late_capture").and_then(|value| value.as_str())
}

fn rule_of(document: &Document) -> Option<&str> {
    document.aws.as_ref()?.0.get("xray")?.get("sampling_rule_name")?.as_str()
}

#[test]
fn a_fault_is_sent_after_all_with_what_is_below_and_says_what_kept_it() {
    let xray = captured_with(keeps(faults()));
    xray.run(|| {
        request(200).end();
        request(404).end();
        request(503).end();
    });
    let [document] = xray.documents();
    assert_eq!(late_by(&document), Some("fault"));
    assert_eq!(rule_of(&document), Some("LateCapture"));
    assert_eq!(document.subsegments[0].name, "load");
    assert!(document.fault);
    let stats = xray.stats();
    assert_eq!((stats.segments_unsampled, stats.segments_sampled), (3, 0));
    assert_eq!((stats.late_recorded, stats.late_captured), (3, 1));
}

#[test]
fn each_condition_keeps_what_ends_so_and_names_itself() {
    let played = |late: LateCapture, millis: u64, status: u16| {
        let (xray, clock) = timed(keeps(late));
        xray.run(|| {
            let node = service_segment().open();
            clock.advance(Duration::from_millis(millis));
            node.set_http_response(Some(status), None);
        });
        xray.all().first().and_then(late_by).map(str::to_owned)
    };
    let slow = LateCapture::rules().with_slower_than(Duration::from_secs(1));
    let all = slow.with_faults().with_errors().with_throttles();
    for (late, millis, status, expected) in [
        (all, 0, 200, None),
        (all, 0, 500, Some("fault")),
        (all, 0, 404, Some("error")),
        (all, 0, 429, Some("throttle")),
        (LateCapture::rules().with_errors(), 0, 429, Some("error")),
        (LateCapture::rules().with_throttles(), 0, 404, None),
        (all, 1001, 200, Some("slow")),
        (slow, 1000, 500, None),
        (LateCapture::rules(), 5000, 500, None),
        (LateCapture::off(), 5000, 500, None),
    ] {
        assert_eq!(played(late, millis, status).as_deref(), expected, "{late} {millis} {status}");
    }
}

#[test]
fn cancelled_and_panicked_work_counts_by_its_flags() {
    let xray = captured_with(keeps(faults().with_errors()));
    xray.run(|| {
        segment("given-up").open().cancel("nobody waits");
        segment("struck").open().panicked(&"by this");
        segment("well").open().end();
    });
    let kept: Vec<_> =
        xray.all().iter().map(|document| (document.name.clone(), late_by(document).map(str::to_owned))).collect();
    let by = |name: &str, why: &str| (name.to_owned(), Some(why.to_owned()));
    assert_eq!(kept, [by("given-up", "error"), by("struck", "fault")]);
}

#[test]
fn everything_below_passes_on_that_it_is_not_sampled() {
    let xray = captured_with(keeps(faults()));
    xray.run(|| {
        let node = service_segment().open();
        let unsampled = |header: Option<xray_core::TraceHeader>| {
            let header = header.unwrap();
            assert_eq!((header.root(), header.sampled()), (node.trace_id().unwrap(), Some(Sampled::No)));
        };
        node.in_scope(|| {
            unsampled(current().trace_header());
            unsampled(subsegment("bank").open().trace_header());
            tracing::info_span!("charge").in_scope(|| {
                unsampled(current().trace_header());
                assert!(!current().decision().unwrap().sampled());
            });
        });
        node.mark(Flags { fault: true, ..Flags::default() });
    });
    assert_eq!(xray.picture().lines().count(), 3);
}

#[test]
fn nothing_leaves_before_it_is_decided() {
    let (xray, clock) =
        timed(|builder| keeps(faults())(builder).stream_after(0).in_progress_after(Duration::from_secs(1)));
    xray.run(|| {
        let node = service_segment().open();
        node.in_scope(|| tracing::info_span!("load").in_scope(|| ()));
        clock.advance(Duration::from_secs(60));
        node.announce();
        xray.layer().announce_open();
        let [] = xray.documents();
        let open = node.in_scope(|| tracing::info_span!("left open"));
        node.mark(Flags { fault: true, ..Flags::default() });
        node.end();
        let [document] = xray.documents();
        assert_eq!(document.subsegments.len(), 1);
        drop(open);
    });
    let [_, lone] = xray.documents();
    assert_eq!((lone.name.as_str(), lone.kind.as_deref()), ("left open", Some("subsegment")));
}

#[test]
fn at_shutdown_what_is_undecided_is_not_sent() {
    let xray = captured_with(keeps(faults()));
    xray.run(|| {
        let node = service_segment().open();
        xray.layer().shutdown(Duration::ZERO);
        drop(node);
    });
    let [] = xray.documents();
}

#[test]
fn so_many_are_kept_in_a_second() {
    let (xray, clock) = timed(keeps(faults().with_limit(2)));
    for second in 1..=3 {
        xray.run(|| (0..5).for_each(|_| request(500).end()));
        assert_eq!(xray.all().len(), 2 * second);
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!((xray.stats().late_captured, xray.stats().late_over_limit), (6, 9));
}

#[test]
fn a_rule_on_the_response_keeps_by_itself_and_is_named() {
    let errors = Rule::new("errors").with_priority(1).with_attribute("http.status_code", "5*");
    let rules = Rules::none()
        .with_rule(errors.with_fixed_target(1).with_rate(0.0))
        .with_rule(Rule::new("slow").with_attribute("duration", ">2").with_fixed_target(5).with_rate(0.0));
    let (xray, clock) = timed(|builder| builder.rules(rules));
    xray.run(|| {
        request(500).end();
        request(500).end();
        request(200).end();
        let slow = request(200);
        clock.advance(Duration::from_secs(3));
        let decision = slow.share();
        slow.end();
        let decision = decision.decision().unwrap();
        assert_eq!((decision.sampled(), decision.reason(), decision.rule()), (true, Reason::Late, Some("slow")));
        assert_eq!((decision.fixed_target(), decision.rate()), (Some(5), Some(0.0)));
    });
    let kept: Vec<_> = xray.all().iter().map(|document| late_by(document).map(str::to_owned)).collect();
    assert_eq!(kept, [Some("errors".to_owned()), Some("slow".to_owned())]);
    let kept = xray.all();
    assert_eq!(kept.iter().map(rule_of).collect::<Vec<_>>(), [Some("errors"), Some("slow")]);
    let line = xray.stats().to_string();
    let rules = r#"rule "errors" requests=2 late=1; rule "slow" requests=1 late=1; rule "Default" requests=4"#;
    assert!(line.contains(rules), "{line}");
}

#[test]
fn what_a_rule_has_refused_no_condition_keeps() {
    let errors = Rule::new("errors").with_attribute("fault", "true").with_fixed_target(0).with_rate(0.0);
    let xray = captured_with(|builder| builder.rules(Rules::none().with_rule(errors)).late_capture(faults()));
    xray.run(|| request(500).end());
    let [] = xray.documents();
}

#[test]
fn the_decision_of_a_caller_holds_unless_it_is_to_be_gone_against() {
    let header = b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    let rule = || Rule::new("errors").with_attribute("fault", "true").with_fixed_target(1).with_rate(1.0);
    let played = |rules: Rules, late: LateCapture| {
        let xray = captured_with(|builder| builder.rules(rules).late_capture(late));
        xray.run(|| {
            let node = service_segment().incoming(Incoming::read(Some(header), None)).open();
            node.mark(Flags { fault: true, ..Flags::default() });
        });
        let counted = xray.stats().rules.iter().map(|rule| rule.sampled).sum::<u64>();
        assert_eq!(counted, 0, "a caller's decision takes nothing of the rules");
        xray.all().into_iter().next()
    };
    assert!(played(Rules::none().with_rule(rule()), faults()).is_none());
    let kept = played(Rules::none(), faults().with_upstream()).unwrap();
    assert_eq!(late_by(&kept), Some("fault"));
    assert_eq!(
        (kept.trace_id.as_deref(), kept.parent_id.as_deref()),
        (Some("1-5759e988-bd862e3fe1be46a994272793"), Some("53995c3f42cd8ad8"),)
    );
    let kept = played(Rules::none().with_rule(rule()), LateCapture::rules().with_upstream()).unwrap();
    assert_eq!(late_by(&kept), Some("errors"));
}

#[test]
fn segments_beyond_the_memory_are_not_recorded_and_still_pass_their_trace_on() {
    let xray = captured_with(keeps(faults().with_memory(2, 1 << 20)));
    xray.run(|| {
        let nodes: Vec<Node> = (0..3).map(|_| request(500)).collect();
        assert_eq!(nodes.iter().map(Node::is_recording).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(nodes[2].trace_header().unwrap().sampled(), Some(Sampled::No));
        drop(nodes);
        assert_eq!(xray.all().len(), 2);
        request(500).end(); // the room is free again
    });
    assert_eq!(xray.all().len(), 3);
    assert_eq!((xray.stats().late_recorded, xray.stats().late_no_room), (3, 1));
}

#[test]
fn a_segment_that_outgrows_the_memory_is_given_up_and_gives_its_room_back() {
    let xray = captured_with(keeps(faults().with_memory(10, 64 * 1024)));
    xray.run(|| {
        let large = service_segment().open();
        let header = large.in_scope(|| {
            for _ in 0..2000 {
                let call = subsegment("call").open();
                // Whether there is room for it or not, a call takes the trace along.
                assert_eq!(call.trace_header().unwrap().sampled(), Some(Sampled::No));
                assert_eq!(call.trace_header().unwrap().root(), large.trace_id().unwrap());
                tracing::info_span!("work", text = "some text").in_scope(|| ());
            }
            let spawned = tracing::info_span!("spawned");
            spawned.in_scope(|| current().trace_header())
        });
        assert_eq!(header.unwrap().root(), large.trace_id().unwrap());
        large.set_http_response(Some(500), None);
        large.end();
        assert_eq!(xray.stats().late_no_room, 1);
        let nodes: Vec<Node> = (0..10).map(|_| request(500)).collect();
        assert!(nodes.iter().all(Node::is_recording), "the room is free again");
    });
    assert_eq!(xray.stats().late_captured, 10);
}

#[test]
fn spans_given_up_for_a_segment_below_keep_no_memory() {
    let xray = captured_with(keeps(faults().with_memory(2, 8192)));
    xray.run(|| {
        for _ in 0..20 {
            // A span of a framework's, outside of what opens the segment, and what it records after that has ended.
            let outer = tracing::info_span!("request", status = tracing::field::Empty);
            outer.in_scope(|| {
                request(500).end();
                tracing::info!("finished processing");
                tracing::info_span!("log").in_scope(|| ());
            });
            outer.record("status", 500);
        }
        let nodes: Vec<Node> = (0..2).map(|_| request(200)).collect();
        assert!(nodes.iter().all(Node::is_recording));
    });
    assert_eq!((xray.stats().abandoned_roots, xray.stats().late_no_room), (20, 0));
}

#[test]
fn a_segment_that_outgrows_its_room_while_its_sampler_is_told_stays_given_up() {
    use std::sync::Mutex;
    use xray_core::{Decision, Sample, SamplingRequest, SegmentEnd};
    /// Goes on to record while it is told of the end.
    #[derive(Clone, Default)]
    struct Recording(std::sync::Arc<Mutex<Option<Node>>>);
    impl Sample for Recording {
        fn sample(&self, _: &SamplingRequest<'_>) -> Decision {
            Decision::new(false, Reason::Fixed)
        }
        fn wants_end(&self) -> bool {
            true
        }
        fn ended(&self, _: &Decision, _: &SegmentEnd<'_>) {
            if let Some(node) = self.0.lock().unwrap().take() {
                (0..40).for_each(|number| _ = node.add_metadata(&format!("key {number}"), "x".repeat(1000)));
            }
        }
    }
    let sampler = Recording::default();
    let shared = sampler.clone();
    let xray = captured_with(|builder| builder.sampler(sampler).late_capture(faults().with_memory(2, 16_384)));
    xray.run(|| {
        let node = service_segment().open();
        node.mark(Flags { fault: true, ..Flags::default() });
        let header = node.trace_header();
        *shared.0.lock().unwrap() = Some(node.share());
        let inner = node.in_scope(|| tracing::info_span!("left open"));
        node.end();
        inner.in_scope(|| assert_eq!(current().trace_header(), header));
        let nodes: Vec<Node> = (0..2).map(|_| request(200)).collect();
        assert!(nodes.iter().all(Node::is_recording), "the room is free again");
    });
    let [] = xray.documents();
    assert_eq!((xray.stats().late_captured, xray.stats().late_no_room), (0, 1));
}

#[test]
fn a_failed_job_of_spans_alone_is_kept_too() {
    let xray = captured_with(keeps(faults()));
    xray.run(|| {
        tracing::info_span!("job").in_scope(|| tracing::info!("done"));
        tracing::info_span!("failed job").in_scope(|| tracing::error!("no disk"));
        tracing::info_span!("loop").in_scope(|| request(500).end()); // abandoned: the request was meant
    });
    let kept = xray.all();
    let names: Vec<&str> = kept.iter().flat_map(|document| &document.subsegments).map(|below| &*below.name).collect();
    assert_eq!(names, ["failed job", "load"]);
    assert_eq!((xray.stats().late_recorded, xray.stats().abandoned_roots), (4, 1));
}

#[test]
fn under_lambda_there_is_none() {
    let rules = Rules::none().with_rule(Rule::new("errors").with_attribute("fault", "true"));
    let xray = captured_with(|builder| builder.rules(rules).late_capture(faults().with_upstream()).lambda(true));
    let header = b"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0";
    xray.run(|| {
        let node = xray_core::invocation("handler", &Incoming::read(Some(header), None));
        assert!(!node.is_recording());
        node.mark(Flags { fault: true, ..Flags::default() });
    });
    let [] = xray.documents();
    assert_eq!(xray.stats().late_recorded, 0);
    assert!(xray.diagnostics().iter().any(|told| told.to_string().contains("in Lambda the platform decides")));
}

#[test]
fn a_sampler_is_told_of_the_end_once_whatever_becomes_of_it() {
    use std::sync::{Arc, Mutex};
    use xray_core::{Decision, Sample, SamplingRequest, SegmentEnd};
    /// Why it was decided so, whether it went wrong, its status.
    type End = (Reason, bool, Option<u16>);
    struct Listener(Arc<Mutex<Vec<End>>>);
    impl Sample for Listener {
        fn sample(&self, _: &SamplingRequest<'_>) -> Decision {
            Decision::new(false, Reason::Fixed)
        }
        fn wants_end(&self) -> bool {
            true
        }
        fn ended(&self, decision: &Decision, end: &SegmentEnd<'_>) {
            self.0.lock().unwrap().push((decision.reason(), end.error || end.fault, end.status));
        }
    }
    let ends = Arc::default();
    let listener = Listener(Arc::clone(&ends));
    let xray = captured_with(|builder| builder.sampler(listener).late_capture(faults()));
    xray.run(|| {
        request(500).end();
        request(404).end();
        request(200).end();
    });
    let told = [(Reason::Fixed, true, Some(500)), (Reason::Fixed, true, Some(404)), (Reason::Fixed, false, Some(200))];
    assert_eq!(*ends.lock().unwrap(), told);
}

#[test]
fn threads_that_record_end_and_decide_at_once_balance_the_books() {
    let xray = captured_with(keeps(faults().with_limit(u32::MAX).with_memory(8, 1 << 20)));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let xray = &xray;
            scope.spawn(move || {
                xray.run(|| (0..200).for_each(|turn| request(if (turn + thread) % 4 == 0 { 500 } else { 200 }).end()))
            });
        }
    });
    let stats = xray.stats();
    assert_eq!((stats.segments_opened, stats.late_recorded, stats.late_captured), (800, 800, 200));
    assert_eq!(xray.all().len(), 200);
    // All room has come back.
    xray.run(|| {
        let nodes: Vec<Node> = (0..8).map(|_| request(200)).collect();
        assert!(nodes.iter().all(Node::is_recording));
    });
}

/// Every scene with late capture on, and nothing kept: nothing is sent, no trace begins that was not asked for, and the
/// decision and the real trace are found at every depth, before and after the end.
mod forgotten {
    use crate::scenes;
    use crate::support::{Scene, every_scene};

    every_scene!(Scene::undecided);
}

#[test]
fn the_trace_goes_on_after_a_segment_was_forgotten() {
    let (xray, _clock): (Captured, ManualClock) = timed(keeps(faults()));
    xray.run(|| {
        let node = service_segment().open();
        let trace = node.trace_id();
        let late = node.in_scope(|| tracing::info_span!("late"));
        node.end();
        late.in_scope(|| {
            assert_eq!(current().trace_id(), trace);
            assert_eq!(subsegment("call").open().trace_header().unwrap().sampled(), Some(Sampled::No));
            tracing::info_span!("later").in_scope(|| assert_eq!(current().trace_id(), trace));
        });
    });
    let [] = xray.documents();
    assert_eq!(xray.stats().context_missing, 0);
    assert_eq!(xray.stats().segments_opened, 1);
}
