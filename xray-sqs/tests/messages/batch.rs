//! Many messages in one segment, with a link to each sender.

use std::convert::Infallible;

use crate::support::{Plain, SENDER, captured, run};
use expect_test::expect;
use xray_core::Rules;
use xray_sqs::batch;
use xray_test::Captured;

fn sender(n: usize, sampled: &str) -> Plain {
    Plain::of(&format!("Root=1-5759e988-bd862e3fe1be46a9942727{n:02x};Parent=53995c3f42cd8a{n:02x}{sampled}"))
}

fn work_on(xray: &Captured, messages: &[Plain]) {
    run(xray, async { batch(messages, "orders", async { Ok::<_, Infallible>(()) }).await }).unwrap();
}

#[test]
fn a_batch_is_one_segment_with_a_link_to_each_sender() {
    let xray = captured(|layer| layer);
    let long_ago = sender(2, "").with("SentTimestamp", "1465510270514").with("ApproximateReceiveCount", "5");
    work_on(&xray, &[sender(1, ";Sampled=1"), long_ago, Plain::sent()]);
    expect![[r#"
        test  segment {message_count=3, queue=orders, queue_wait_ms=10000, receive_count=5}
    "#]]
    .assert_eq(&xray.picture());
    let [document] = xray.documents();
    assert_eq!(document.parent_id, None);
    let links: Vec<_> = document.links.iter().map(|link| (link.trace_id.clone(), link.id.clone())).collect();
    assert_eq!(
        links,
        [
            ("1-5759e988-bd862e3fe1be46a994272701".to_owned(), "53995c3f42cd8a01".to_owned()),
            ("1-5759e988-bd862e3fe1be46a994272702".to_owned(), "53995c3f42cd8a02".to_owned()),
        ]
    );
    let listed = document.metadata["sqs"]["messages"].as_array().unwrap();
    assert_eq!(listed[0]["trace_id"], "1-5759e988-bd862e3fe1be46a994272701");
    assert_eq!(listed[2], serde_json::json!({ "message_id": "5fea7756" }));
}

#[test]
fn a_sender_is_linked_once_and_twenty_at_most() {
    let xray = captured(|layer| layer);
    let mut messages: Vec<Plain> = (0..25).map(|n| sender(n, ";Sampled=1")).collect();
    messages.insert(0, sender(0, ";Sampled=1"));
    work_on(&xray, &messages);
    let [document] = xray.documents();
    assert_eq!(document.links.len(), 20);
    assert_eq!(document.links[1].id, "53995c3f42cd8a01");
    assert_eq!(document.metadata["sqs"]["messages"].as_array().unwrap().len(), 20);
    assert_eq!(document.annotations["message_count"].as_i64(), Some(26));
}

#[test]
fn headers_that_cannot_be_used_are_counted_and_told() {
    let xray = captured(|layer| layer);
    work_on(&xray, &[Plain::of("dummy"), sender(1, ";Sampled=1"), Plain::of("Root=1-abc")]);
    assert_eq!(xray.stats().malformed_headers, 2);
    assert!(xray.diagnostics()[0].starts_with("XR012: message attribute AWSTraceHeader (5 bytes)"));
}

#[test]
fn what_cannot_be_linked_to_is_not() {
    let xray = captured(|layer| layer);
    let zeros = Plain::of("Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1");
    let no_parent = Plain::of("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
    work_on(&xray, &[zeros, no_parent, sender(1, ";Sampled=0"), Plain::of("dummy")]);
    let [document] = xray.documents();
    assert!(document.links.is_empty());
}

#[test]
fn a_batch_is_sampled_when_a_sender_was() {
    let (yes, no, silent) = (sender(1, ";Sampled=1"), sender(2, ";Sampled=0"), Plain::of(SENDER));
    for (rules, messages, expected) in [
        (Rules::none(), vec![no.clone(), yes.clone(), no.clone()], 1),
        (Rules::all(), vec![no.clone(), silent.clone()], 0),
        (Rules::all(), vec![silent.clone(), Plain::sent()], 1),
        (Rules::none(), vec![silent], 0),
        (Rules::all(), vec![], 1),
    ] {
        let xray = captured(|layer| layer.rules(rules));
        work_on(&xray, &messages);
        assert_eq!(xray.all().len(), expected, "{messages:?}");
    }
}

#[test]
fn a_failed_batch_is_a_fault_and_unasked_attributes_are_told() {
    let xray = captured(|layer| layer);
    let messages = [Plain::default(), sender(1, ";Sampled=1")];
    run(&xray, async { batch(&messages, "orders", async { Err::<(), _>("table is gone") }).await }).unwrap_err();
    let [document] = xray.documents();
    assert!(document.fault);
    assert_eq!(document.exceptions()[0].message.as_deref(), Some("table is gone"));
    assert!(xray.diagnostics()[0].starts_with("XR018: "));
}
