//! Summaries and root causes of traces written by hand.

use std::sync::Arc;

use expect_test::expect;
use xray_core::document::Document;

use super::{Columns, Cursor, Facts, RootCause, TraceSummary};
use crate::Trace;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn facts(documents: &[&str]) -> Facts {
    Facts::of(&Trace::assemble(ID, documents.iter().map(|text| Document::parse(text).unwrap())))
}

fn summary(documents: &[&str]) -> TraceSummary {
    TraceSummary::of(ID, &facts(documents))
}

/// `service: entity > entity | service: …`.
fn paths(causes: &[RootCause]) -> Vec<String> {
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let path = |cause: &RootCause| {
        let services = cause.services.iter().map(|service| {
            let entities: Vec<_> = service.entity_path.iter().map(|entity| name(&entity.name)).collect();
            format!("{}: {}", name(&service.name), entities.join(" > "))
        });
        services.collect::<Vec<_>>().join(" | ")
    };
    causes.iter().map(path).collect()
}

const SHOP: &str = r#"{"name":"shop","id":"000000000000000a","start_time":1,"end_time":3,"fault":true,"user":"ann",
    "origin":"AWS::EC2::Instance","resource_arn":"arn:aws:ec2:x","annotations":{"tier":"gold","count":2},
    "aws":{"account_id":"123456789012","ec2":{"availability_zone":"eu-central-1a","instance_id":"i-1"}},
    "http":{"request":{"method":"POST","url":"http://shop/orders","user_agent":"curl","client_ip":"192.0.2.1"},
            "response":{"status":500}},
    "subsegments":[
      {"name":"check","id":"000000000000000c","start_time":1,"end_time":1.25,"annotations":{"tier":"gold","ok":true}},
      {"name":"pay","id":"000000000000000b","namespace":"remote","start_time":1.25,"end_time":2.75,"fault":true},
      {"name":"DynamoDB","id":"000000000000000d","namespace":"aws","start_time":2.8,"end_time":2.9,"throttle":true,
       "error":true,"aws":{"table_name":"orders"}}]}"#;
const PAY: &str = r#"{"name":"payments","id":"000000000000000e","parent_id":"000000000000000b","start_time":1.5,
    "end_time":2.5,"fault":true,"user":"ann","annotations":{"tier":"silver"},"subsegments":[
      {"name":"charge","id":"000000000000000f","start_time":1.5,"end_time":2.25,"fault":true,
       "cause":{"exceptions":[{"id":"1","type":"Refused","message":"no"}]}}]}"#;

#[test]
fn a_summary_in_the_shape_of_the_api() {
    let summary = summary(&[PAY, SHOP]);
    let json = serde_json::to_string_pretty(&summary).unwrap();
    expect_test::expect_file!["golden/summary.json"].assert_eq(&json);
    assert_eq!(serde_json::from_str::<TraceSummary>(&json).unwrap(), summary);
}

#[test]
fn what_ended_before_it_started_took_no_time() {
    let summary =
        summary(&[r#"{"name":"shop","id":"000000000000000a","start_time":1465510780,"end_time":1465510280}"#]);
    assert_eq!((summary.duration, summary.response_time), (Some(0.0), Some(0.0)));
}

#[test]
fn root_causes_lead_from_the_client_to_the_culprit() {
    let summary = summary(&[PAY, SHOP]);
    assert_eq!(paths(&summary.fault_root_causes), ["shop: shop > pay | payments: payments > charge"]);
    assert_eq!(paths(&summary.error_root_causes), ["shop: shop > DynamoDB | orders: DynamoDB"]);
    assert_eq!(paths(&summary.response_time_root_causes), ["shop: shop > pay | payments: payments > charge"]);
    assert!(summary.fault_root_causes[0].client_impacting && !summary.error_root_causes[0].client_impacting);
}

#[test]
fn a_queue_between_sender_and_consumer_is_a_service() {
    let sender = r#"{"name":"shop","id":"000000000000000a","start_time":1,"end_time":2,"subsegments":[
        {"name":"SQS","id":"000000000000000b","namespace":"aws","start_time":1,"end_time":1.5,
         "aws":{"queue_url":"http://q/1/jobs"}}]}"#;
    let consumer =
        r#"{"name":"bill","id":"000000000000000c","parent_id":"000000000000000b","start_time":9,"end_time":10}"#;
    let summary = summary(&[sender, consumer]);
    let names: Vec<_> = summary.service_ids.iter().filter_map(|id| id.name.as_deref()).collect();
    assert_eq!(names, ["shop", "bill", "jobs"]);
    assert_eq!((summary.duration, summary.response_time), (Some(9.0), Some(1.0)));
    assert_eq!(paths(&summary.response_time_root_causes), ["shop: shop > SQS"], "what comes later delays nobody");
}

#[test]
fn a_trace_of_orphans_has_a_summary_without_a_root() {
    let orphan = r#"{"name":"lost","id":"000000000000000b","parent_id":"000000000000000a","type":"subsegment",
        "start_time":1,"end_time":2,"fault":true,"annotations":{"tier":"gold"}}"#;
    let summary = summary(&[orphan]);
    expect![[r#"{"Id":"1-5759e988-bd862e3fe1be46a994272793","StartTime":1.0,"HasFault":false,"HasError":false,"HasThrottle":false,"IsPartial":false,"Http":{},"Annotations":{"tier":[{"AnnotationValue":{"StringValue":"gold"},"ServiceIds":[]}]},"ServiceIds":[],"Revision":0}"#]]
        .assert_eq(&serde_json::to_string(&summary).unwrap());
}

#[test]
fn fifty_keys_of_annotations_are_indexed() {
    let keys: Vec<_> = (0..60).map(|key| format!(r#""k{key:02}":1"#)).collect();
    let summary = summary(&[&format!(
        r#"{{"name":"shop","id":"a","start_time":1,"end_time":2,"annotations":{{{}}}}}"#,
        keys.join(",")
    )]);
    assert_eq!(summary.annotations.len(), 50);
    assert!(summary.annotations.contains_key("k49") && !summary.annotations.contains_key("k50"));
}

#[test]
fn long_and_many_paths_are_cut_and_circles_end() {
    let mut documents = vec![r#"{"name":"shop","id":"0","start_time":1,"end_time":2,"fault":true}"#.to_owned()];
    documents.extend((1..300).map(|id| {
        format!(
            r#"{{"name":"s{id}","id":"{id}","parent_id":"{}","type":"subsegment","start_time":1,"end_time":2,"fault":true}}"#,
            id - 1
        )
    }));
    let deep = summary(&documents.iter().map(String::as_str).collect::<Vec<_>>());
    let path = &deep.fault_root_causes[0].services[0].entity_path;
    assert_eq!((path.len(), path[0].name.as_deref(), path[199].name.as_deref()), (200, Some("shop"), Some("s299")));

    let wide: Vec<_> = (1..100)
        .map(|id| format!(r#"{{"name":"s{id}","id":"{id}","start_time":1,"end_time":2,"fault":true}}"#))
        .collect();
    let wide = format!(r#"{{"name":"shop","id":"a","start_time":1,"end_time":2,"subsegments":[{}]}}"#, wide.join(","));
    assert_eq!(summary(&[&wide]).fault_root_causes.len(), 10);

    let circle = [("a", "b"), ("b", "a")].map(|(id, parent)| {
        format!(r#"{{"name":"{id}","id":"{id}","parent_id":"{parent}","start_time":1,"end_time":2,"fault":true}}"#)
    });
    let circle = summary(&[&circle[0], &circle[1]]);
    assert!(circle.fault_root_causes.len() <= 1, "each is above the other");
    assert_eq!(circle.response_time_root_causes.len(), 1);
}

#[test]
fn bytes_count_every_list() {
    let small = facts(&[r#"{"name":"shop","id":"a","start_time":1}"#]).into_columns().bytes();
    let large = facts(&[PAY, SHOP]).into_columns().bytes();
    assert!(small >= size_of::<Columns>() && large > small + 300, "{small} {large}");
}

#[test]
fn facts_side_by_side_say_what_they_say_alone() {
    let alone = [facts(&[PAY, SHOP]), facts(&[SHOP]), facts(&[]), facts(&[PAY]), facts(&[SHOP, PAY])];
    let once = Arc::new(Columns::pack(&alone));
    let again: Vec<Facts> = (1..5).map(|at| once.facts(at)).collect();
    let again = Arc::new(Columns::pack(&again));
    for (at, alone) in alone.iter().enumerate() {
        let expected = format!("{:?}", TraceSummary::of(ID, alone));
        assert_eq!(format!("{:?}", TraceSummary::of(ID, &once.facts(at))), expected);
        if at > 0 {
            assert_eq!(format!("{:?}", TraceSummary::of(ID, &again.facts(at - 1))), expected);
        }
    }
    let apart: usize = alone.into_iter().map(|facts| facts.into_columns().bytes()).sum();
    assert!(once.bytes() < apart * 4 / 5, "{} side by side, {apart} apart", once.bytes());
}

#[test]
fn tokens_of_others_are_refused() {
    for token in ["", "x", "3ff0000000000000", "3ff0000000000000.x", "zz.1-5759e988-bd862e3fe1be46a994272793"] {
        assert!(token.parse::<Cursor>().is_err(), "{token}");
    }
}
