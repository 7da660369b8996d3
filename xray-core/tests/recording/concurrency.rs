//! Thousands of requests at once.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;
use xray_core::document::Document;
use xray_core::{Capture, JsonLines, SegmentLayer, segment, subsegment};
use xray_test::FakeDaemon;

use crate::support::{captured, threads, turn};

const REQUESTS: usize = 2_000;
/// Nodes of one request: the segment, three steps with a detail each, a call.
const NODES: usize = 8;

/// Every node says which request it is of.
async fn request(number: usize) {
    for step in 0..3 {
        async {
            turn().await;
            async { turn().await }.instrument(info_span!("detail", annotation.request = number)).await;
        }
        .instrument(info_span!("step", annotation.request = number, annotation.step = step))
        .await;
    }
    let call = subsegment("call").open();
    call.annotate("request", number);
    call.instrument(turn()).await;
}

fn open(number: usize) -> impl Future<Output = ()> + Send {
    let orders = segment("orders").open();
    orders.annotate("request", number);
    orders.instrument(request(number))
}

fn number_of(document: &Document) -> i64 {
    document.annotations["request"].as_i64().unwrap()
}

/// Each request is there once, whole, with its own nodes and no other's.
#[track_caller]
fn assert_whole(documents: &[Document]) {
    let mut requests: HashMap<i64, usize> = HashMap::new();
    for document in documents {
        let number = number_of(document);
        *requests.entry(number).or_default() += 1;
        assert!(!document.is_lone_subsegment());
        assert_eq!(document.walk().count(), NODES, "request {number}");
        assert!(document.walk().all(|node| number_of(node) == number), "request {number}");
        let names = |nodes: &[Document]| nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&document.subsegments), ["step", "step", "step", "call"]);
        assert!(document.subsegments[..3].iter().all(|step| names(&step.subsegments) == ["detail"]));
    }
    assert_eq!(requests.len(), documents.len());
    assert!(requests.values().all(|times| *times == 1));
}

#[test]
fn two_thousand_requests_on_four_threads_are_all_there_and_apart() {
    let xray = captured();
    let runtime = threads(xray.dispatch().clone());
    let tasks: Vec<_> = (0..REQUESTS).map(|number| runtime.spawn(async move { open(number).await })).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    let documents = xray.all();
    assert_eq!(documents.len(), REQUESTS);
    assert_whole(&documents);
    let stats = xray.stats();
    assert_eq!((stats.segments_opened as usize, stats.subsegments_opened as usize), (REQUESTS, REQUESTS * (NODES - 1)));
}

#[test]
fn two_thousand_requests_in_one_task_are_all_there_and_apart() {
    let xray = captured();
    xray.run(|| {
        crate::support::block_on(async {
            let mut all: FuturesUnordered<_> = (0..REQUESTS).map(open).collect();
            while all.next().await.is_some() {}
        });
    });
    let documents = xray.all();
    assert_eq!(documents.len(), REQUESTS);
    assert_whole(&documents);
}

#[test]
fn the_sender_thread_delivers_every_request() {
    let capture = Capture::new();
    let layer = builder().emitter(capture.clone()).build().unwrap();
    let runtime = threads(registry().with(layer.clone()).into());
    let tasks: Vec<_> = (0..REQUESTS).map(|number| runtime.spawn(async move { open(number).await })).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(layer.shutdown(Duration::from_secs(30)));
    let documents: Vec<_> = capture.documents().iter().map(|text| Document::parse(text).unwrap()).collect();
    assert_eq!(documents.len(), REQUESTS);
    assert_whole(&documents);
}

#[test]
fn over_udp_what_was_sent_and_what_was_lost_are_what_was_made() {
    let daemon = FakeDaemon::start().unwrap();
    let layer = builder().daemon_address(daemon.address().to_string()).build().unwrap();
    let runtime = threads(registry().with(layer.clone()).into());
    let tasks: Vec<_> = (0..REQUESTS).map(|number| runtime.spawn(async move { open(number).await })).collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert!(layer.flush(Duration::from_secs(30)));
    let stats = layer.stats();
    assert_eq!(stats.documents_sent + stats.dropped(), REQUESTS as u64, "{stats}");
    // The network may lose some on the way; what arrives is whole.
    let received = daemon.documents();
    assert!(received.len() as u64 <= stats.documents_sent);
    assert_eq!(daemon.bad(), 0);
    assert_whole(&received);
}

#[test]
fn a_slow_way_out_loses_the_newest_and_counts_them() {
    // A writer that waits until the test lets it go on.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    struct Held(std::sync::Mutex<Option<std::sync::mpsc::Receiver<()>>>);
    impl std::io::Write for Held {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(wait) = self.0.lock().unwrap().take() {
                wait.recv().ok();
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    const MADE: u64 = 6_000;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let lines = std::sync::Arc::clone(&told);
    let layer = builder()
        .emitter(JsonLines::new(Held(std::sync::Mutex::new(Some(wait)))))
        .on_diagnostic(move |diagnostic| lines.lock().unwrap().push(diagnostic.to_string()))
        .build()
        .unwrap();
    tracing::subscriber::with_default(registry().with(layer.clone()), || {
        (0..MADE).for_each(|_| drop(segment("orders").open()));
    });
    go_on.send(()).unwrap();
    assert!(layer.flush(Duration::from_secs(30)));
    let stats = layer.stats();
    assert!(stats.dropped_queue_full >= 1_000, "{stats}");
    assert!(stats.documents_sent >= 4_096, "{stats}");
    assert_eq!(stats.documents_sent + stats.dropped(), MADE, "{stats}");
    let told = told.lock().unwrap();
    assert!(
        told.iter()
            .any(|line| line.starts_with("XR021: ") && line.contains("queue to the sender is full (4096 documents")),
        "{told:?}"
    );
}

/// A layer with a sender thread of its own.
fn builder() -> xray_core::Builder {
    SegmentLayer::builder("test").without_environment().sample_all().on_diagnostic(|_| ())
}

#[test]
fn threads_that_open_and_end_children_of_one_segment_lose_none() {
    let xray = captured();
    let orders = xray.run(|| segment("orders").open());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (xray, orders) = (&xray, &orders);
            scope.spawn(move || {
                xray.run(|| {
                    for number in 0..250 {
                        let child = subsegment(format!("{thread}.{number}")).parent(orders).open();
                        child.in_scope(|| {
                            info_span!("below", otel.name = %format_args!("{thread}.{number} below")).in_scope(|| ())
                        });
                    }
                });
            });
        }
    });
    drop(orders);
    let found = crate::support::by_name(&xray.all());
    assert_eq!(found.len(), 2_001);
    for thread in 0..4 {
        for number in 0..250 {
            assert_eq!(found[&format!("{thread}.{number}")].parent.as_deref(), Some("orders"));
            assert_eq!(found[&format!("{thread}.{number} below")].parent, Some(format!("{thread}.{number}")));
        }
    }
}
