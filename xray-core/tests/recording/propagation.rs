//! Incoming headers: how far they are believed, and what goes on from here.

use xray_core::sampling::Reason;
use xray_core::{Incoming, Rules, Sampled, TraceHeader, Trust, current, segment, service_segment, subsegment};

use crate::support::{captured, captured_with};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "53995c3f42cd8ad8";

fn incoming(rest: &str) -> Incoming {
    Incoming::read(Some(format!("Root={ROOT};Parent={PARENT}{rest}").as_bytes()), None)
}

#[test]
fn a_header_is_joined_and_obeyed() {
    let xray = captured_with(|builder| builder.rules(Rules::none()));
    xray.run(|| drop(segment("orders").incoming(incoming(";Sampled=1")).open()));
    let [document] = xray.documents();
    assert_eq!((document.trace_id.as_deref(), document.parent_id.as_deref()), (Some(ROOT), Some(PARENT)));

    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").incoming(incoming(";Sampled=0")).open();
        assert!(!orders.is_recording() && orders.is_active());
        let decision = orders.decision().unwrap();
        assert_eq!((decision.sampled(), decision.reason(), decision.rule()), (false, Reason::Header, None));
        // The trace goes on: its root, our segment's id, the decision.
        let header = orders.trace_header().unwrap();
        assert_eq!((header.root().as_str(), header.sampled()), (ROOT, Some(Sampled::No)));
        assert_eq!(header.parent(), orders.id());
        assert_ne!(header.parent().unwrap().as_str(), PARENT);
    });
    let [] = xray.documents();
}

#[test]
fn trust_decides_what_is_believed() {
    for (trust, said, joined, sampled) in [
        (Trust::Full, ";Sampled=0", true, false),
        (Trust::Full, "", true, true),
        (Trust::JoinOnly, ";Sampled=0", true, true),
        (Trust::JoinOnly, "", true, true),
        (Trust::None, ";Sampled=0", false, true),
        (Trust::None, "", false, true),
    ] {
        // As the layer's setting, and as the segment's own.
        for own in [false, true] {
            let xray = captured_with(|builder| if own { builder } else { builder.trust(trust) });
            xray.run(|| {
                let mut builder = segment("orders").incoming(incoming(said));
                if own {
                    builder = builder.trust(trust);
                }
                let orders = builder.open();
                let case = format!("{trust:?} {said} {own}");
                assert_eq!(orders.trace_id().unwrap().as_str() == ROOT, joined, "{case}");
                assert_eq!(orders.is_recording(), sampled, "{case}");
            });
            let documents = xray.all();
            assert_eq!(documents.len(), usize::from(sampled));
            let parent = if joined { Some(PARENT) } else { None };
            assert!(documents.iter().all(|document| document.parent_id.as_deref() == parent));
        }
    }
}

#[test]
fn a_question_is_answered_in_the_response_and_only_then() {
    for (rules, answer) in [(Rules::all(), ";Sampled=1"), (Rules::none(), ";Sampled=0")] {
        let xray = captured_with(|builder| builder.rules(rules));
        xray.run(|| {
            let orders = segment("orders").incoming(incoming(";Sampled=?")).open();
            assert_eq!(orders.response_header(), Some(format!("Root={ROOT}{answer}")));
            let silent = segment("orders").incoming(incoming(";Sampled=1;Self=1-2-3;Lineage=25:6d3bd8b2:7")).open();
            assert_eq!(silent.response_header(), Some(format!("Root={ROOT}")));
        });
    }
}

#[test]
fn a_root_of_zeros_is_not_joined_but_its_decision_is_heard() {
    let zero = "Root=1-00000000-000000000000000000000000;Sampled=0";
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").parent(zero.parse().unwrap()).open();
        assert!(!orders.trace_id().unwrap().is_zero());
        assert!(!orders.is_recording());
        let other = segment("orders").parent(zero.replace(";Sampled=0", "").parse().unwrap()).open();
        assert!(!other.trace_id().unwrap().is_zero() && other.is_recording());
    });
}

#[test]
fn what_the_header_carries_besides_is_passed_on() {
    let lineage = "Lineage=25:6d3bd8b2:7";
    for rules in [Rules::all(), Rules::none()] {
        let xray = captured_with(|builder| builder.rules(rules));
        xray.run(|| {
            let orders = segment("orders").incoming(incoming(&format!(";{lineage};Other=value"))).open();
            orders.in_scope(|| {
                let call = subsegment("stock").open();
                let header = call.trace_header().unwrap().to_string();
                assert!(header.contains(lineage) && header.contains("Other=value"), "{header}");
                assert!(!header.contains(PARENT), "{header}");
            });
        });
    }
}

#[test]
fn a_call_names_itself_as_the_parent() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            let call = subsegment("stock").open();
            let header: TraceHeader = call.trace_header().unwrap().to_string().parse().unwrap();
            assert_eq!((header.parent(), header.sampled()), (call.id(), Some(Sampled::Yes)));
            call.in_scope(|| assert_eq!(current().id(), call.id()));
        });
    });
    let [document] = xray.documents();
    assert_eq!(document.subsegments[0].name, "stock");
}

#[test]
fn the_services_segment_has_its_name_and_what_was_decided() {
    let xray = captured_with(|builder| builder.service_version("1.2").origin("AWS::ECS::Container"));
    xray.run(|| {
        drop(service_segment().open());
    });
    let [document] = xray.documents();
    assert_eq!(document.name, "test");
    assert_eq!(document.service.unwrap().version.as_deref(), Some("1.2"));
    assert_eq!(document.origin.as_deref(), Some("AWS::ECS::Container"));
    let own = &document.aws.unwrap();
    let own = serde_json::to_value(own).unwrap();
    assert_eq!(own["xray"]["sdk"], "X-Ray for Rust");
    assert_eq!(own["xray"]["sampling_rule_name"], "Default");
}

#[test]
fn the_rule_of_one_segment_is_not_that_of_the_next() {
    let xray = captured();
    xray.run(|| {
        drop(segment("orders").open());
        drop(segment("orders").incoming(incoming(";Sampled=1")).open());
    });
    let rules: Vec<bool> = xray.texts().iter().map(|text| text.contains("sampling_rule_name")).collect();
    assert_eq!(rules, [true, false]);
}
