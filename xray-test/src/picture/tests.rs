//! Documents in, picture out.

use std::slice::from_ref;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const TRACE: &str = "1-5759e988-bd862e3fe1be46a994272793";
const LATER_TRACE: &str = "1-5759e989-bd862e3fe1be46a994272794";

fn read(document: Value) -> Document {
    Document::parse(document.to_string()).unwrap()
}

/// A subsegment from one second to another.
fn part(id: &str, times: (f64, f64), members: Value) -> Value {
    let mut part = json!({"name": id, "id": id, "start_time": times.0, "end_time": times.1});
    let Value::Object(members) = members else { panic!("members are an object") };
    part.as_object_mut().unwrap().extend(members);
    part
}

fn segment(id: &str, times: (f64, f64), members: Value) -> Document {
    let mut segment = part(id, times, members);
    segment["trace_id"] = json!(TRACE);
    read(segment)
}

fn lone(id: &str, parent: &str, times: (f64, f64)) -> Document {
    segment(id, times, json!({"type": "subsegment", "parent_id": parent}))
}

/// As announced before its end.
fn in_progress(mut document: Document) -> Document {
    document.end_time = None;
    document.in_progress = true;
    document
}

#[test]
fn no_documents_give_no_picture() {
    assert_eq!(picture(&[]), "");
}

#[test]
fn nested_subsegments_are_drawn_in_order_of_start() {
    let document = segment(
        "s",
        (0.0, 9.0),
        json!({"subsegments": [
            part("late", (5.0, 6.0), json!({})),
            part("early", (1.0, 2.0), json!({"subsegments": [
                part("c", (1.0, 2.0), json!({})), part("d", (1.0, 2.0), json!({})),
            ]})),
            part("last", (7.0, 8.0), json!({"subsegments": [part("e", (7.0, 8.0), json!({}))]})),
        ]}),
    );
    assert_eq!(
        picture(&[document]),
        "\
s  segment
├ early
│ ├ c
│ └ d
├ late
└ last
  └ e
"
    );
}

#[test]
fn a_line_says_what_is_special() {
    let document = segment(
        "orders",
        (0.0, 1.0),
        json!({
            "http": {"response": {"status": 429}}, "error": true, "throttle": true, "fault": true,
            "annotations": {"b": "x y", "a": 7, "c": true, "odd": [1]},
            "subsegments": [
                part("DynamoDB", (0.0, 1.0), json!({"namespace": "aws", "aws": {"operation": "PutItem"}})),
                part("S3", (0.0, 1.0), json!({"namespace": "aws"})),
                part("payments", (0.0, 1.0), json!({"namespace": "remote", "aws": {"operation": "x"}})),
                part("python", (0.0, 1.0), json!({"namespace": "local"})),
                part("", (0.0, 1.0), json!({})),
                part("a\nb\u{1b}[31m", (0.0, 1.0), json!({})),
            ],
        }),
    );
    assert_eq!(
        picture(from_ref(&document)),
        "\
orders  segment 429 error throttle fault {a=7, b=x y, c=true, odd=[1]}
├ DynamoDB  aws PutItem
├ S3  aws
├ payments  remote
├ python
├ (no name)
└ a·b·[31m
"
    );
    let plain = Picture::new().annotations(false).draw(&[document]);
    assert!(plain.starts_with("orders  segment 429 error throttle fault\n"), "{plain}");
}

#[test]
fn ids_times_and_causes_are_shown_when_asked_for() {
    let document = segment(
        "orders",
        (1.0, 1.25),
        json!({
            "fault": true,
            "cause": {"exceptions": [
                {"id": "e1", "type": "OrderError", "message": "cannot place"},
                {"id": "e2", "message": "m".repeat(61)},
                {"id": "e3", "type": "io::Error"},
            ]},
            "subsegments": [part("a", (1.0, 1.00125), json!({"cause": "e2"}))],
        }),
    );
    assert_eq!(
        Picture::new().ids(true).times(true).draw(from_ref(&document)),
        format!("trace {TRACE}\norders  segment fault #orders 250 ms\n└ a  #a 1.2 ms\n")
    );
    let message = "m".repeat(59);
    assert_eq!(
        Picture::new().causes(true).draw(from_ref(&document)),
        format!("orders  segment fault (OrderError: cannot place; exception: {message}…; io::Error: )\n└ a\n")
    );
    let open = Picture::new().times(true).draw(&[in_progress(document)]);
    assert!(open.starts_with("orders  segment fault in progress open\n"), "{open}");
}

#[test]
fn documents_of_a_trace_are_joined_whatever_their_order() {
    let mut documents = vec![
        segment(
            "front",
            (0.0, 9.0),
            json!({"subsegments": [
                part("call", (1.0, 5.0), json!({"namespace": "remote"})),
            ]}),
        ),
        segment("back", (2.0, 4.0), json!({"parent_id": "call"})),
        lone("work", "back", (3.0, 4.0)),
        lone("more", "work", (3.5, 4.0)),
        lone("tail", "front", (8.0, 10.0)),
    ];
    let joined = "\
front  segment
├ call  remote
│ └ back  segment
│   └ work  lone
│     └ more  lone
└ tail  lone
";
    for _ in 0..documents.len() {
        assert_eq!(picture(&documents), joined);
        documents.rotate_left(1);
    }
    documents.reverse();
    assert_eq!(picture(&documents), joined);
}

#[test]
fn traces_are_set_apart_and_never_joined() {
    let mut later = segment("b", (2.0, 3.0), json!({"parent_id": "a"}));
    later.trace_id = Some(LATER_TRACE.into());
    let earlier = segment("a", (1.0, 2.0), json!({}));
    assert_eq!(picture(&[later.clone(), earlier.clone()]), "a  segment\n\n(parent a not here)\n└ b  segment\n");
    assert_eq!(
        Picture::new().ids(true).draw(&[later, earlier]),
        format!(
            "trace {TRACE}\na  segment #a\n\n\
             trace {LATER_TRACE}\n(parent a not here)\n└ b  segment #b\n"
        )
    );
}

#[test]
fn those_whose_parent_did_not_come_are_drawn_together() {
    let documents = [
        lone("a", "53995c3f42cd8ad8", (1.0, 2.0)),
        segment("root", (0.0, 3.0), json!({})),
        segment("b", (2.0, 2.0), json!({"parent_id": "53995c3f42cd8ad8"})),
        lone("c", "other", (2.0, 3.0)),
    ];
    assert_eq!(
        picture(&documents),
        "\
root  segment
(parent 53995c3f… not here)
├ a  lone
└ b  segment
(parent other not here)
└ c  lone
"
    );
}

#[test]
fn a_complete_document_replaces_what_was_in_progress() {
    let nested = json!({"subsegments": [
        part("done", (1.0, 2.0), json!({})),
        {"name": "open", "id": "open", "start_time": 1.5, "in_progress": true},
    ]});
    let early = in_progress(segment("s", (0.0, 9.0), nested));
    let complete = segment(
        "s",
        (0.0, 9.0),
        json!({"subsegments": [
            part("done", (1.0, 2.0), json!({})), part("open", (1.5, 8.0), json!({})),
        ]}),
    );
    let whole = "s  segment\n├ done\n└ open\n";
    assert_eq!(picture(from_ref(&early)), "s  segment in progress\n├ done\n└ open  in progress\n");
    assert_eq!(picture(&[early.clone(), complete.clone()]), whole);
    assert_eq!(picture(&[complete.clone(), early.clone()]), whole);
    assert_eq!(picture(&[early.clone(), early.clone(), complete]), whole);

    // Complete, but some of it streamed: what the announcement told stays where it was.
    let bare = segment("s", (0.0, 9.0), json!({}));
    let streamed = lone("open", "s", (1.5, 8.0));
    assert_eq!(picture(&[early, bare, streamed]), "s  segment\n├ done\n└ open  lone\n");
}

#[test]
fn two_complete_documents_of_one_id_are_both_drawn() {
    let twin = segment("a", (1.0, 2.0), json!({}));
    let child = lone("b", "a", (1.0, 2.0));
    assert_eq!(picture(&[twin.clone(), twin, child]), "a  segment\n└ b  lone\na  segment\n");
}

#[test]
fn parents_in_a_circle_are_drawn_once() {
    let circle = [lone("a", "b", (1.0, 2.0)), lone("b", "a", (1.0, 2.0)), lone("c", "c", (0.0, 1.0))];
    assert_eq!(
        picture(&circle),
        "\
(parent c lies beneath)
└ c  lone
(parent b lies beneath)
└ a  lone
  └ b  lone
"
    );
}

#[test]
fn a_chain_may_be_long() {
    let link = |n: u32| lone(&format!("{n}"), &format!("{}", n + 1), (f64::from(n), 9999.0));
    let chain: Vec<Document> = (0..2_000).map(link).collect();
    assert_eq!(picture(&chain).lines().count(), 2_001);
}

#[test]
fn the_timeline_puts_starts_and_durations_in_columns() {
    let documents = [
        segment(
            "orders",
            (10.0, 10.5),
            json!({"subsegments": [
                part("load", (10.0, 10.0), json!({})),
                part("charge", (10.1, 10.6), json!({})),
                part("odd", (10.3, 10.2), json!({})),
            ]}),
        ),
        in_progress(segment("tail", (10.4, 11.0), json!({"parent_id": "gone"}))),
    ];
    assert_eq!(
        Picture::new().timeline(true).times(true).ids(true).draw(&documents),
        "\
trace 1-5759e988-bd862e3fe1be46a994272793
orders  segment #orders                      0.0 ms   500 ms  █████████████████████████
├ load  #load                                0.0 ms   0.0 ms  ▏
├ charge  #charge                            100 ms   500 ms       █████████████████████████
└ odd  #odd                                  300 ms  -100 ms                 ▏
(parent gone not here)
└ tail  segment in progress #tail            400 ms     open                      ░░░░░░░░░░
"
    );
    let moment = segment("now", (10.0, 10.0), json!({}));
    assert_eq!(Picture::new().timeline(true).draw(&[moment]), "now  segment    0.0 ms   0.0 ms  ▏\n");
    let timeless = Document::parse("{\"name\": \"never\"}").unwrap();
    assert_eq!(Picture::new().timeline(true).draw(&[timeless]), "never  segment\n");
}

proptest! {
    /// Any documents, also those with parents in circles and ids used twice: no line is lost.
    #[test]
    fn every_node_is_drawn_once(parents in proptest::collection::vec((0_u8..12, 0_u8..12, any::<bool>()), 0..20)) {
        let documents: Vec<Document> = parents
            .iter()
            .map(|(id, parent, nested)| {
                let mut document = lone(&format!("n{id}"), &format!("n{parent}"), (f64::from(*id), 99.0));
                if *nested {
                    let within = part(&format!("w{parent}"), (1.0, 2.0), json!({}));
                    document.subsegments.push(read(within));
                }
                document
            })
            .collect();
        let count: usize = documents.iter().map(|document| document.walk().count()).sum();
        let drawn = picture(&documents);
        prop_assert_eq!(drawn.lines().filter(|line| !line.starts_with('(')).count(), count, "{}", drawn);
    }
}
