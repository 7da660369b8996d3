//! A trace of very many documents costs each of them what a small one does, whatever its shape.
#![cfg(target_os = "linux")] // the time a thread has run is read from its proc(5)
#![allow(clippy::unwrap_used)] // tests fail by panics

use std::fmt::Write;

use xray_console::Trace;
use xray_console::timeline::Timeline;
use xray_core::document::Document;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// What document `number` (from 0) is in a trace of a shape: its type, and the number of its parent.
type Shape = fn(usize) -> (Kind, Option<usize>);

#[derive(PartialEq)]
enum Kind {
    Segment,
    Subsegment,
    Call,
}

const SHAPES: [(&str, Shape); 6] = [
    ("calls beside each other", |number| match number {
        0 => (Kind::Segment, None),
        _ => (Kind::Call, Some(0)),
    }),
    ("each beneath the one before", |number| match number {
        0 => (Kind::Segment, None),
        _ => (Kind::Subsegment, Some(number - 1)),
    }),
    ("services that call each other", |number| match number % 2 {
        0 => (Kind::Segment, number.checked_sub(1)),
        _ => (Kind::Call, Some(number - 1)),
    }),
    ("services called by one", |number| (Kind::Segment, Some(0).filter(|_| number > 0))),
    ("without a segment", |number| (Kind::Subsegment, Some(1_000_000 + number))),
    ("circles of two", |number| (Kind::Subsegment, Some(number ^ 1))),
];

fn documents(shape: Shape, count: usize) -> Vec<Document> {
    let document = |number: usize| {
        let (kind, parent) = shape(number);
        let start = 1_465_510_280.0 + number as f64 / 1e3;
        let mut text = format!(
            r#"{{"name":"step-{}","id":"{:016x}","trace_id":"{ID}","start_time":{start},"end_time":{}"#,
            number % 20,
            number + 1,
            start + 0.01,
        );
        if let Some(parent) = parent {
            write!(text, r#","parent_id":"{:016x}""#, parent + 1).unwrap();
        }
        text += match kind {
            Kind::Segment => "}",
            Kind::Subsegment => r#","type":"subsegment"}"#,
            Kind::Call => r#","type":"subsegment","namespace":"remote"}"#,
        };
        Document::parse(text).unwrap()
    };
    (0..count).map(document).collect()
}

/// Nanoseconds this thread has run, to a few milliseconds: others on the machine do not count.
fn ran() -> u64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split_whitespace().next().unwrap().parse().unwrap()
}

/// Nanoseconds for each document where so many are a trace, over [`DOCUMENTS`].
fn cost(shape: Shape, count: usize) -> u64 {
    let documents = documents(shape, count);
    let traces: Vec<_> = (0..DOCUMENTS / count).map(|_| documents.clone()).collect();
    let began = ran();
    for documents in traces {
        let trace = Trace::assemble(ID, documents);
        assert!(Timeline::of(&trace).rows.len() >= count, "every document has a row");
    }
    (ran() - began) / DOCUMENTS as u64
}

/// Documents looked at of each size.
const DOCUMENTS: usize = 4_800;

#[test]
fn a_document_costs_the_same_in_a_trace_of_any_size() {
    for (name, shape) in SHAPES {
        let mut tries = Vec::new();
        // What grows with the square would cost sixteen times as much, each time; a machine that changes its pace makes it look
        // so once. Two microseconds are what the clock may be wrong by.
        while tries.last().is_none_or(|(small, large)| *large >= 4 * small + 2_000) {
            assert!(tries.len() < 3, "{name}: ns a document of 100 and of 1,600: {tries:?}");
            tries.push((cost(shape, 100), cost(shape, 1_600)));
        }
    }
}
