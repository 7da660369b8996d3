//! One message, one segment, in the trace of whoever sent it.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{Plain, SENDER, captured, run};
use expect_test::{expect, expect_file};
use futures_util::future::join_all;
use proptest::prelude::*;
use tracing::info_span;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::emit::Capture;
use xray_core::sampling::{Decision, Reason, Sample, SamplingRequest, SegmentEnd};
use xray_core::{Rules, SegmentLayer, TraceHeader, Trust};
use xray_sqs::{MessageExt, process};
use xray_test::{Captured, ManualClock, SeededEntropy};

type Done = Result<(), Infallible>;

/// The header that the handler of this message would send on.
fn header_inside(xray: &Captured, message: &Plain) -> Option<TraceHeader> {
    let work =
        async { process(message, "orders", async { Ok::<_, Infallible>(xray_core::current().trace_header()) }).await };
    run(xray, work).unwrap()
}

#[test]
fn the_segment_joins_the_senders_trace_below_its_subsegment() {
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1;Lineage=a:1"));
    run(&xray, async {
        process(&message, "https://sqs.eu-west-1.amazonaws.com/123456789012/orders", async {
            info_span!("pack").in_scope(|| ());
            Ok::<_, Infallible>(())
        })
        .await
    })
    .unwrap();
    let [document] = xray.documents();
    expect![[r#"
        (parent 53995c3f… not here)
        └ test  segment {queue=orders, queue_wait_ms=1500, receive_count=2}
          └ pack
    "#]]
    .assert_eq(&xray.picture());
    assert_eq!(document.trace_id.as_deref().unwrap(), "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(document.metadata["sqs"]["message_id"], "5fea7756");
}

#[test]
fn the_front_page_shows_what_is_sent() {
    let (clock, capture) = (ManualClock::at(1465510280.514), Capture::new());
    let layer = SegmentLayer::builder("shipping").without_environment().synchronous().sample_all();
    let layer = layer.clock(clock.clone()).entropy(SeededEntropy::new(7)).emitter(capture.clone()).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let work = async {
        let message = Plain::of(&format!("{SENDER};Sampled=1"));
        process(&message, "orders", async {
            clock.advance(Duration::from_millis(12));
            Done::Ok(())
        })
        .await
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work.with_subscriber(dispatch)).unwrap();
    let [document] = &capture.documents()[..] else { panic!("one document") };
    let document = Document::parse(document).unwrap();
    expect_file!["../golden/front_page.json"].assert_eq(&(document.to_string_pretty() + "\n"));
}

#[test]
fn the_senders_decision_is_kept() {
    for (rules, sampled, expected) in [
        (Rules::none(), ";Sampled=1", 1),
        (Rules::all(), ";Sampled=0", 0),
        (Rules::none(), "", 0),
        (Rules::all(), "", 1),
        (Rules::all(), ";Sampled=?", 1),
    ] {
        let xray = captured(|layer| layer.rules(rules));
        let sent_on = header_inside(&xray, &Plain::of(&format!("{SENDER}{sampled};Lineage=a:1"))).unwrap();
        assert_eq!(xray.all().len(), expected, "{sampled}");
        let text = sent_on.to_string();
        assert!(text.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Parent="), "{text}");
        assert!(text.ends_with(&format!(";Sampled={expected};Lineage=a:1")), "{text}");
    }
}

#[test]
fn the_forms_of_every_sdk_are_understood() {
    let (root, parent) = ("1-5759e988-bd862e3fe1be46a994272793", "53995c3f42cd8ad8");
    for header in [
        format!("Root={root};Parent={parent};Sampled=1"),
        // .NET writes blanks, Go and Java an empty part for an unknown decision.
        format!("Root={root}; Parent={parent}; Sampled=1"),
        format!("Root={root};Parent={parent};"),
        format!("Root={root};Parent={parent};;Lineage=25:a87bd80c:1"),
        // API Gateway and load balancers put their own id in front.
        format!("Self=1-67891234-12456789abcdef012345678a;Root={root};Parent={parent}"),
        format!("sampled=1;PARENT={parent};root={root}"),
    ] {
        let xray = captured(|layer| layer);
        run(&xray, async { process(&Plain::of(&header), "orders", async { Done::Ok(()) }).await }).unwrap();
        let [document] = xray.documents();
        assert_eq!(document.trace_id.as_deref().unwrap(), root, "{header}");
        assert_eq!(document.parent_id.as_deref().unwrap(), parent, "{header}");
        assert_eq!(xray.stats().malformed_headers, 0);
    }
    // Upper case is what some senders write; the id stays as it came.
    let message = Plain::of("Root=1-632BB806-BD862E3FE1BE46A994272793;Sampled=1");
    assert_eq!(message.trace_header().unwrap().root().as_str(), "1-632BB806-BD862E3FE1BE46A994272793");
}

#[test]
fn garbage_starts_a_new_trace_and_is_counted() {
    for (garbage, expected) in [
        ("dummy", 1),
        ("Root=dummy;Parent=53995c3f42cd8ad8;Sampled=1", 1),
        ("Root=1-00000000-000000000000000000000000;Parent=0000000000000000", 1),
        ("\u{1F980};;;=", 1),
        ("Root=1-abc;Sampled=0", 0),
    ] {
        let xray = captured(|layer| layer);
        let sent_on = header_inside(&xray, &Plain::of(garbage)).unwrap();
        assert!(sent_on.root().as_str().starts_with("1-5759e988-"), "a new trace: {sent_on}");
        assert_eq!(xray.all().len(), expected, "{garbage}");
        let zeros = garbage.starts_with("Root=1-0000");
        assert_eq!(xray.stats().malformed_headers, u64::from(!zeros), "{garbage}");
        if !zeros {
            let told = xray.diagnostics();
            assert!(told.iter().any(|line| line.starts_with("XR012: message attribute AWSTraceHeader (")), "{told:?}");
            assert!(told.iter().all(|line| !line.contains(garbage)), "{told:?}");
        }
    }
}

#[test]
fn a_message_without_a_trace_starts_one_quietly() {
    let xray = captured(|layer| layer);
    for message in [Plain::sent(), Plain::of(""), Plain::of(" ")] {
        assert_eq!(message.trace_header(), None);
        run(&xray, async { process(&message, "orders", async { Done::Ok(()) }).await }).unwrap();
    }
    assert_eq!(xray.all().len(), 3);
    assert_eq!((xray.stats().malformed_headers, xray.diagnostics()), (0, vec![]));
}

#[test]
fn attributes_that_were_not_asked_for_are_told_once() {
    let xray = captured(|layer| layer);
    let bare = Plain { id: Some("5fea7756".to_owned()), ..Plain::default() };
    for _ in 0..3 {
        run(&xray, async { process(&bare, "orders", async { Done::Ok(()) }).await }).unwrap();
    }
    assert_eq!(xray.picture(), "test  segment {queue=orders}\n\n".repeat(3).trim_end().to_owned() + "\n");
    let [told] = &xray.diagnostics()[..] else { panic!("once") };
    assert!(told.starts_with(r#"XR018: messages of queue "orders" came without system attributes"#), "{told}");
}

#[test]
fn times_that_cannot_be_are_left_out_or_zero() {
    for (sent, count, expected) in [
        ("1465510280514", "1", "{queue=orders, queue_wait_ms=0, receive_count=1}"),
        // The sender's clock is ahead of ours.
        ("1465510280999", "1", "{queue=orders, queue_wait_ms=0, receive_count=1}"),
        ("1464300680514", "17", "{queue=orders, queue_wait_ms=1209600000, receive_count=17}"),
        ("-1", "-1", "{queue=orders}"),
        ("yesterday", "", "{queue=orders}"),
        ("99999999999999999999999", "1e3", "{queue=orders}"),
        (
            "18446744073709551615",
            "18446744073709551615",
            "{queue=orders, queue_wait_ms=0, receive_count=18446744073709551615}",
        ),
    ] {
        let xray = captured(|layer| layer);
        let message = Plain::sent().with("SentTimestamp", sent).with("ApproximateReceiveCount", count);
        run(&xray, async { process(&message, "orders", async { Done::Ok(()) }).await }).unwrap();
        assert_eq!(xray.picture(), format!("test  segment {expected}\n"));
    }
}

#[test]
fn ten_messages_of_ten_traces_stay_apart_and_a_failure_is_its_own() {
    let xray = captured(|layer| layer);
    let messages: Vec<Plain> = (0..10)
        .map(|n| Plain::of(&format!("Root=1-5759e988-bd862e3fe1be46a99427279{n};Parent=53995c3f42cd8ad{n};Sampled=1")))
        .collect();
    run(&xray, async {
        let work = messages.iter().enumerate().map(|(n, message)| {
            process(message, "orders.fifo", async move {
                // All ten are open before the first goes on.
                tokio::task::yield_now().await;
                info_span!("pack", annotation.message = n).in_scope(|| ());
                if n == 3 { Err(io::Error::other("no box")) } else { Ok(()) }
            })
        });
        let results = join_all(work).await;
        assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);
    });
    let documents = xray.all();
    assert_eq!(documents.len(), 10);
    for document in documents {
        let trace = document.trace_id.as_deref().unwrap();
        let n = trace.chars().last().unwrap().to_digit(10).unwrap();
        assert_eq!(document.parent_id.as_deref().unwrap(), format!("53995c3f42cd8ad{n}"));
        assert_eq!(document.annotations["queue"].as_str(), Some("orders.fifo"));
        assert_eq!(document.find("pack").unwrap().annotations["message"].as_i64(), Some(n.into()));
        assert_eq!(document.fault, n == 3, "message {n}");
    }
}

#[test]
fn the_error_is_the_segments_exception() {
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1"));
    run(&xray, async {
        let boxed =
            async { Err::<(), Box<dyn std::error::Error + Send + Sync>>(Box::new(Late(io::Error::other("lost")))) };
        process(&message, "orders", boxed).await.unwrap_err();
        process(&message, "orders", async { Err::<(), _>(Late(io::Error::other("lost"))) })
            .error_chain()
            .await
            .unwrap_err();
        process(&message, "orders", async { Err::<(), _>(Late(io::Error::other("lost"))) }).await.unwrap_err();
        process(&message, "orders", async { Err::<(), _>("no stock".to_owned()) }).await.unwrap_err();
    });
    let told: Vec<Vec<(String, String)>> = xray
        .all()
        .iter()
        .map(|document| {
            assert!(document.fault);
            let told = document.exceptions().iter();
            told.map(|e| (e.kind.clone().unwrap(), e.message.clone().unwrap())).collect()
        })
        .collect();
    let late = ("Late".to_owned(), "parcel is late".to_owned());
    let with_source = [late.clone(), ("io::Error".to_owned(), "lost".to_owned())];
    let text = [("String".to_owned(), "no stock".to_owned())];
    assert_eq!(told, [&with_source[..], &with_source, &[late], &text]);
}

#[test]
fn an_error_that_cannot_be_shown_is_still_the_handlers() {
    struct Torn;
    impl std::fmt::Display for Torn {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1"));
    assert!(run(&xray, async { process(&message, "orders", async { Err::<(), _>(Torn) }).await.is_err() }));
    let [document] = xray.documents();
    let [exception] = document.exceptions() else { panic!("one exception") };
    assert_eq!(exception.kind.as_deref(), Some("Torn"));
    assert_eq!(exception.message.as_deref(), Some("[panicked while formatted]"));
}

#[derive(Debug)]
struct Late(io::Error);

impl std::fmt::Display for Late {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("parcel is late")
    }
}

impl std::error::Error for Late {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_handler_that_is_dropped_or_panics_ends_its_segment() {
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1"));
    run(&xray, async {
        let waiting = process(&message, "orders", std::future::pending::<Done>());
        tokio::select! {
            biased;
            _ = waiting => unreachable!(),
            () = std::future::ready(()) => {}
        }
    });
    let panicking = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run(&xray, async {
            process(&message, "orders", async {
                if true { std::panic::resume_unwind(Box::new("box fell")) } else { Done::Ok(()) }
            })
            .await
        })
    }));
    assert!(panicking.is_err());
    let [cancelled, panicked] = xray.documents();
    assert_eq!((cancelled.error, cancelled.fault), (true, false));
    assert_eq!(cancelled.exceptions()[0].kind.as_deref(), Some("cancelled"));
    assert!(panicked.fault);
    assert_eq!(panicked.exceptions()[0].message.as_deref(), Some("box fell"));
}

#[test]
fn a_workers_span_around_the_loop_does_not_swallow_the_messages() {
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1"));
    xray.run(|| {
        let worker = info_span!("worker");
        let _entered = worker.enter();
        for _ in 0..2 {
            run(&xray, async { process(&message, "orders", async { Done::Ok(()) }).await }).unwrap();
        }
    });
    let [one, two] = xray.documents();
    for document in [one, two] {
        assert_eq!((document.name.as_str(), document.trace_id.as_deref().unwrap()), ("test", &SENDER[5..40]));
    }
}

#[test]
fn a_spawned_handler_is_in_its_messages_segment() {
    let xray = captured(|layer| layer);
    let message = Plain::of(&format!("{SENDER};Sampled=1"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    xray.run(|| {
        let handled = process(&message, "orders", async {
            info_span!("pack").in_scope(|| ());
            Done::Ok(())
        });
        runtime.block_on(runtime.spawn(handled.with_current_subscriber())).unwrap().unwrap();
    });
    let [document] = xray.documents();
    assert!(document.find("pack").is_some());
}

#[test]
fn without_a_layer_the_handler_runs_as_ever() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(process(&Plain::of("dummy"), "orders", async { Ok::<_, Infallible>(42) }));
    assert_eq!(answer, Ok(42));
}

#[test]
fn who_does_not_trust_the_sender_still_notes_its_trace() {
    let xray = captured(|layer| layer.trust(Trust::None));
    run(&xray, async { process(&Plain::of(&format!("{SENDER};Sampled=0")), "orders", async { Done::Ok(()) }).await })
        .unwrap();
    let [document] = xray.documents();
    assert_ne!(document.trace_id.as_deref().unwrap(), &SENDER[5..40]);
    assert_eq!(document.annotations["sender_trace_id"].as_str(), Some(&SENDER[5..40]));
}

proptest! {
    #[test]
    fn any_attributes_are_borne(header in ".{0,200}", sent in "[-0-9a-z]{0,24}", count in ".{0,8}", queue in ".{0,90}") {
        let xray = captured(|layer| layer);
        let message = Plain::of(&header).with("SentTimestamp", &sent).with("ApproximateReceiveCount", &count);
        let done = run(&xray, async { process(&message, &queue, async { Ok::<_, Infallible>(7) }).await });
        prop_assert_eq!(done, Ok(7));
        prop_assert!(xray.all().len() <= 1);
    }
}

/// Samples nothing, and writes down whether segments end in a fault.
struct Listener(Arc<Mutex<Vec<bool>>>);

impl Sample for Listener {
    fn sample(&self, _: &SamplingRequest<'_>) -> Decision {
        Decision::new(false, Reason::Fixed)
    }

    fn wants_end(&self) -> bool {
        true
    }

    fn ended(&self, _: &Decision, end: &SegmentEnd<'_>) {
        self.0.lock().unwrap().push(end.fault);
    }
}

#[test]
fn a_sampler_learns_that_an_unsampled_message_failed() {
    let faults = Arc::<Mutex<Vec<bool>>>::default();
    let listener = Listener(Arc::clone(&faults));
    let xray = captured(|layer| layer.sampler(listener));
    run(&xray, async {
        process(&Plain::sent(), "orders", async { Ok::<_, Infallible>(()) }).await.unwrap();
        process(&Plain::sent(), "orders", async { Err::<(), _>(io::Error::other("disk")) }).await.unwrap_err();
    });
    let [] = xray.documents();
    assert_eq!(*faults.lock().unwrap(), [false, true]);
}
