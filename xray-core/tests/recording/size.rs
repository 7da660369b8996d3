//! Documents that fit: divided, trimmed where nothing else helps, and nothing lost on the way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use xray_core::document::{Document, limits};
use xray_core::{Emit, EmitError, ExceptionParts, HttpRequestParts, Node, current, segment, subsegment};
use xray_test::Captured;

use crate::support::{by_name, captured, captured_with};

/// `depth` subsegments, each within the one before.
fn nested(depth: usize, each: &mut dyn FnMut(usize, &Node)) {
    if depth > 0 {
        let node = subsegment(format!("level {depth}")).open();
        each(depth, &node);
        node.in_scope(|| nested(depth - 1, each));
    }
}

#[test]
fn a_large_segment_is_divided_and_nothing_is_trimmed() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        for number in 0..50 {
            let child = subsegment(format!("child {number}")).parent(&orders).open();
            child.add_metadata("text", "x".repeat(10_000));
        }
    });
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 51);
    assert!(found.iter().all(|(name, found)| name == "orders" || found.parent.as_deref() == Some("orders")));
    let stats = xray.stats();
    assert_eq!((stats.metadata_trimmed, stats.dropped_too_large), (0, 0));
    assert!(xray.texts().iter().all(|text| !text.contains("removed")));
    // Few large documents rather than many small ones.
    assert!(xray.all().len() <= 45, "{}", xray.all().len());
    assert!(xray.diagnostics()[0].starts_with("XR007: a document of \"test\" is "), "{:?}", xray.diagnostics());
}

#[test]
fn a_node_that_is_too_large_by_itself_loses_its_longest_values_with_a_mark() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        for number in 0..8 {
            orders.add_metadata(&format!("large_{number}"), "x".repeat(12_000));
            orders.add_metadata_in("app", &format!("large_{number}"), "x".repeat(12_000));
            orders.add_metadata(&format!("small_{number}"), number);
        }
        orders.annotate("kept", true);
    });
    let [document] = xray.documents();
    let values = document.metadata["default"].as_object().unwrap();
    assert_eq!(values.len(), 16);
    assert_eq!(values["small_7"], 7);
    assert_eq!(values["large_7"], "[removed: 12002 bytes]");
    assert_eq!(document.annotations["kept"].as_bool(), Some(true));
    assert_eq!(xray.stats().metadata_trimmed, 1);
}

#[test]
fn far_too_many_small_values_go_together() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        for number in 0..1_700 {
            orders.add_metadata(&format!("key_{number:06}"), "x".repeat(25));
        }
        drop(subsegment("child").parent(&orders).open());
    });
    let found = by_name(&xray.all());
    assert_eq!(found["child"].parent.as_deref(), Some("orders"));
    let document = xray.all().into_iter().find(|document| document.name == "orders").unwrap();
    let mark = document.metadata["default"]["removed"].as_str().unwrap();
    assert!(mark.ends_with(" bytes"), "{mark}");
    assert_eq!(xray.stats().dropped_too_large, 0);
}

#[test]
fn a_node_takes_so_many_keys_and_later_values_of_those() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        (0..2_060).for_each(|key| _ = orders.add_metadata(&key.to_string(), 0));
        orders.add_metadata("7", 1).add_metadata("none of them", 1).annotate("another kind", true);
        subsegment("another node").parent(&orders).open().add_metadata("key", 0);
    });
    let [document] = xray.documents();
    let kept = document.metadata["default"].as_object().unwrap();
    assert_eq!((kept.len(), &kept["7"]), (2_048, &1.into()));
    assert_eq!((document.annotations.len(), document.subsegments[0].metadata.len()), (1, 1));
    assert_eq!(xray.stats().dropped_node_limit, 13);
}

#[test]
fn a_node_too_large_without_any_metadata_is_cut_down_and_not_lost() {
    let xray = captured();
    let control = "\u{1}".repeat(1_000);
    xray.run(|| {
        let orders = segment("orders").open();
        let call = subsegment("call").parent(&orders).open();
        for number in 0..10 {
            call.set_aws(&format!("member_{number}"), "x".repeat(15_000));
        }
        let query = subsegment("query").parent(&orders).open();
        for key in ["sanitized_query", "connection_string", "url", "database_version", "driver_version"] {
            query.set_sql(key, &"x".repeat(16_000));
        }
        // Six bytes a character, once escaped.
        let annotated = subsegment("annotated").parent(&orders).open();
        for number in 0..50 {
            annotated.annotate(&format!("key_{number}"), control.as_str());
        }
        let failed = subsegment("failed").parent(&orders).open();
        for _ in 0..16 {
            failed.record_exception(ExceptionParts { kind: &control, message: &control, remote: false });
        }
        failed.set_http_request(HttpRequestParts { user_agent: Some(&control), ..HttpRequestParts::default() });
    });
    let found = by_name(&xray.all());
    assert_eq!(found.keys().collect::<Vec<_>>(), ["annotated", "call", "failed", "orders", "query"]);
    assert_eq!(xray.stats().dropped_too_large, 0);
}

#[test]
fn deep_trees_are_divided_so_that_they_can_be_read() {
    let xray = captured();
    xray.run(|| segment("orders").open().in_scope(|| nested(500, &mut |_, _| ())));
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 501);
    assert_eq!(found["level 500"].parent.as_deref(), Some("orders"));
    for depth in 1..500 {
        assert_eq!(found[&format!("level {depth}")].parent, Some(format!("level {}", depth + 1)));
    }
    for document in xray.all() {
        assert!(document.walk().count() <= limits::NESTED_SUBSEGMENTS + 1);
    }
}

#[test]
fn trees_as_deep_as_can_be_read_stay_whole() {
    let xray = captured();
    xray.run(|| segment("orders").open().in_scope(|| nested(limits::NESTED_SUBSEGMENTS, &mut |_, _| ())));
    let [document] = xray.documents();
    assert_eq!(document.walk().count(), limits::NESTED_SUBSEGMENTS + 1);
}

#[test]
fn deep_and_large_at_once() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            nested(200, &mut |depth, node| {
                node.add_metadata("text", "y".repeat(depth * 40)).annotate("depth", depth);
            })
        });
    });
    assert_eq!(by_name(&xray.all()).len(), 201);
    assert_eq!(xray.stats().metadata_trimmed, 0);
}

#[test]
fn parents_are_sent_before_what_was_cut_off_below_them() {
    let xray = captured_with(|builder| builder.stream_after(1000));
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            nested(300, &mut |depth, node| _ = node.add_metadata("text", "z".repeat(depth * 40)));
        });
    });
    let mut sent: Vec<String> = Vec::new();
    for document in xray.all() {
        let known = document.parent_id.as_ref().is_none_or(|parent| sent.contains(parent));
        assert!(known, "{} comes before its parent", document.name);
        sent.extend(document.walk().map(|node| node.id.clone()));
    }
    assert_eq!(sent.len(), 301);
}

#[test]
fn a_subsegment_of_a_full_segment_that_comes_alone_names_its_parent() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let open = orders.in_scope(|| tracing::info_span!("open"));
        // Ever smaller, until there is no room for the least.
        for (length, times) in [(15_000, 570), (600, 30), (0, 40)] {
            let text = "x".repeat(length);
            (0..times).for_each(|number| _ = orders.add_metadata(&format!("{length}.{number}"), &text));
            assert!(xray.stats().dropped_node_limit > 0);
        }
        drop(orders);
        open.in_scope(|| ());
    });
    let last = xray.all().pop().unwrap();
    assert_eq!((last.name.as_str(), last.kind.as_deref()), ("open", Some("subsegment")));
    assert!(last.parent_id.is_some());
}

/// A transport that carries little, and says how much or does not.
struct Narrow {
    carries: usize,
    tells: bool,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Emit for Narrow {
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        if document.len() > self.carries {
            return Err(EmitError::TooLarge { limit: self.tells.then_some(self.carries) });
        }
        self.taken.lock().unwrap().push(String::from_utf8(document.to_vec()).unwrap());
        Ok(())
    }
}

fn narrow(carries: usize, tells: bool) -> (Captured, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let emitter = Narrow { carries, tells, taken: Arc::clone(&taken) };
    (captured_with(|builder| builder.emitter(emitter)), taken)
}

fn parsed(texts: &Mutex<Vec<String>>) -> Vec<Document> {
    texts.lock().unwrap().iter().map(|text| Document::parse(text).unwrap()).collect()
}

#[test]
fn a_transport_that_refuses_the_size_gets_smaller_documents() {
    for tells in [true, false] {
        let (xray, taken) = narrow(9_000, tells);
        for request in 0..2 {
            xray.run(|| {
                let orders = segment(format!("orders {request}")).open();
                for number in 0..20 {
                    let child = subsegment(format!("child {request}.{number}")).parent(&orders).open();
                    child.add_metadata("text", "x".repeat(2_000));
                }
            });
            let found = by_name(&parsed(&taken));
            assert_eq!(found.len(), 21 * (request + 1), "{tells}");
        }
        let stats = xray.stats();
        assert_eq!((stats.dropped_too_large, stats.metadata_trimmed), (0, 0), "{tells}");
        assert_eq!(stats.documents_sent as usize, taken.lock().unwrap().len());
    }
}

#[test]
fn what_even_then_does_not_fit_is_trimmed_and_what_never_can_is_counted() {
    let (xray, taken) = narrow(4_500, true);
    xray.run(|| {
        let orders = segment("orders").open();
        orders.add_metadata("text", "x".repeat(15_000));
        drop(orders);
    });
    assert_eq!(parsed(&taken)[0].metadata["default"]["text"], "[removed: 15002 bytes]");

    let (xray_none, taken) = narrow(100, true);
    xray_none.run(|| drop(segment("orders").open()));
    assert!(taken.lock().unwrap().is_empty());
    assert_eq!((xray_none.stats().dropped_too_large, xray_none.stats().documents_sent), (1, 0));
    assert!(xray_none.diagnostics()[0].contains("lost 1 document"), "{:?}", xray_none.diagnostics());
    drop(xray);
}

/// One thing that a random program does. Numbers choose among what there is, modulo its count.
#[derive(Clone, Debug)]
enum Step {
    /// Opens a subsegment beneath one that was opened before, perhaps ended since.
    Open {
        parent: usize,
        metadata: usize,
        annotations: usize,
        name: usize,
    },
    /// Ends an open one.
    End {
        which: usize,
    },
    /// Never ends an open one.
    Forget {
        which: usize,
    },
    EndSegment,
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop_oneof![6 => Just(0), 3 => 1_usize..400, 1 => 4_000_usize..15_000];
    let open = (any::<usize>(), sizes, 0_usize..4, prop_oneof![8 => Just(1_usize), 1 => 100_usize..180]);
    prop_oneof![
        12 => open.prop_map(|(parent, metadata, annotations, name)| Step::Open { parent, metadata, annotations, name }),
        8 => any::<usize>().prop_map(|which| Step::End { which }),
        1 => any::<usize>().prop_map(|which| Step::Forget { which }),
        1 => Just(Step::EndSegment),
    ]
}

#[derive(Debug, PartialEq, Eq)]
struct Expected {
    parent: Option<String>,
    ended: bool,
}

/// Plays the steps; what must come of it.
fn play(xray: &Captured, steps: &[Step]) -> BTreeMap<String, Expected> {
    let root = segment("root").open();
    // Views, to open children of what has ended.
    let mut views = vec![("root".to_owned(), root.in_scope(current))];
    let mut expected = BTreeMap::from([("root".to_owned(), Expected { parent: None, ended: false })]);
    let mut open = vec![("root".to_owned(), root)];
    let mut forgotten = Vec::new();
    let end = |expected: &mut BTreeMap<String, Expected>, (name, node): (String, Node)| {
        node.end();
        expected.get_mut(&name).unwrap().ended = true;
    };
    for step in steps {
        match *step {
            Step::Open { parent, metadata, annotations, name } => {
                let (above, view) = &views[parent % views.len()];
                let name = format!("{}{}", "n".repeat(name), views.len());
                let node = subsegment(name.as_str()).parent(view).open();
                if metadata > 0 {
                    node.add_metadata("text", "x".repeat(metadata));
                }
                for number in 0..annotations {
                    node.annotate(&format!("number_{number}"), number);
                }
                expected.insert(name.clone(), Expected { parent: Some(above.clone()), ended: false });
                views.push((name.clone(), node.in_scope(current)));
                open.push((name, node));
            }
            Step::End { which } if open.len() > 1 => {
                let node = open.remove(1 + which % (open.len() - 1));
                end(&mut expected, node);
            }
            Step::Forget { which } if open.len() > 1 => {
                forgotten.push(open.remove(1 + which % (open.len() - 1)));
            }
            Step::EndSegment if open.first().is_some_and(|(name, _)| name == "root") => {
                let root = open.remove(0);
                end(&mut expected, root);
                // Keeps the place of the root for the arms above.
                open.insert(0, (String::new(), views[0].1.in_scope(current)));
            }
            Step::End { .. } | Step::Forget { .. } | Step::EndSegment => {}
        }
    }
    for (name, node) in open.into_iter().rev().filter(|(name, _)| !name.is_empty()) {
        end(&mut expected, (name, node));
    }
    drop(views);
    forgotten.into_iter().for_each(|(_, node)| std::mem::forget(node));
    assert!(xray.layer().shutdown(Duration::ZERO));
    expected
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_sent_whole_in_documents_that_fit(
        steps in proptest::collection::vec(step(), 0..120),
        stream_after in prop_oneof![Just(0_usize), Just(5), Just(100)],
    ) {
        let xray = captured_with(|builder| builder.stream_after(stream_after));
        let expected = xray.run(|| play(&xray, &steps));
        // Checked by `all`: every document is valid and within 64,000 bytes.
        let found = by_name(&xray.all());
        prop_assert_eq!(found.len(), expected.len());
        for (name, expected) in &expected {
            let found = &found[name];
            prop_assert_eq!(&found.parent, &expected.parent, "{}", name);
            prop_assert_eq!(found.in_progress, !expected.ended, "{}", name);
        }
        let stats = xray.stats();
        prop_assert_eq!((stats.dropped(), stats.metadata_trimmed), (0, 0));
    }
}
