use expect_test::expect;
use xray_core::document::Document;

use super::*;
use crate::Trace;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";
const OTHER: &str = "1-5759e989-bd862e3fe1be46a994272794";

fn part_of(id: &str, documents: &[&str]) -> Part {
    Part::of(&Trace::assemble(id, documents.iter().map(|text| Document::parse(text).unwrap())))
}

/// A line for each node, and one beneath it for each edge.
fn picture(services: &[Service]) -> String {
    let counts = |statistics: &SummaryStatistics| {
        let SummaryStatistics { ok_count, error_statistics: errors, fault_statistics: faults, .. } = statistics;
        format!(
            "ok {ok_count} throttle {} error {} fault {} in {}s",
            errors.throttle_count, errors.other_count, faults.total_count, statistics.total_response_time
        )
    };
    let entries = |histogram: &[HistogramEntry]| {
        histogram.iter().map(|entry| format!(" {}x{}", entry.value, entry.count)).collect::<String>()
    };
    let mut out = String::new();
    for service in services {
        let root = if service.root == Some(true) { " root" } else { "" };
        out += &format!(
            "{} {} {} {}{root}\n",
            service.reference_id,
            service.name,
            service.kind.as_deref().unwrap_or("-"),
            service.state.as_deref().unwrap()
        );
        if let Some(statistics) = &service.summary_statistics {
            out += &format!("    {}:{}\n", counts(statistics), entries(&service.response_time_histogram));
        }
        for edge in &service.edges {
            let kind = edge.edge_type.as_deref().unwrap_or("call");
            let aliases: Vec<_> = edge.aliases.iter().map(|alias| alias.name.as_str()).collect();
            out += &format!(
                "  -> {} {kind} {}:{} age{} {aliases:?}\n",
                edge.reference_id,
                counts(edge.summary_statistics.as_ref().unwrap()),
                entries(&edge.response_time_histogram),
                entries(&edge.received_event_age_histogram),
            );
        }
    }
    out
}

#[test]
fn parts_side_by_side_add_up_to_what_they_do_alone() {
    let queue = r#"{"name":"SQS","id":"000000000000000b","namespace":"aws","start_time":1.5,"end_time":1.6,
        "aws":{"operation":"SendMessage","queue_url":"https://sqs/orders"}}"#;
    let shop = format!(
        r#"{{"name":"shop","id":"000000000000000a","start_time":1,"end_time":2,"fault":true,"subsegments":[{queue}]}}"#
    );
    let consumer = format!(
        r#"{{"name":"mail","id":"000000000000000c","start_time":3,"end_time":4,
            "links":[{{"trace_id":"{ID}","id":"000000000000000b"}}]}}"#
    );
    let alone = [part_of(ID, &[&shop]), part_of(OTHER, &[]), part_of(OTHER, &[&consumer]), part_of(OTHER, &[&shop])];
    let parts = std::sync::Arc::new(Parts::pack(&alone));
    let parts: Vec<Part> = (0..alone.len()).map(|at| parts.part(at)).collect();
    let ids: Vec<&str> = parts.iter().map(Part::trace_id).collect();
    assert_eq!(ids, [ID, OTHER, OTHER, OTHER]);
    let pictured = picture(&ServiceGraph::of(&alone).services());
    assert!(pictured.contains("mail") && pictured.contains("orders"), "{pictured}");
    assert_eq!(picture(&ServiceGraph::of(&parts).services()), pictured);
}

#[test]
fn nodes_count_their_own_view_and_edges_the_callers() {
    let shop = r#"{"name":"shop","id":"000000000000000a","start_time":1,"end_time":2,"throttle":true,"error":true,"subsegments":[
        {"name":"work","id":"00000000000000b0","start_time":1,"end_time":2,"subsegments":[
          {"name":"pay.internal","id":"000000000000000b","namespace":"remote","start_time":1.1,"end_time":1.6,"fault":true}]},
        {"name":"DynamoDB","id":"000000000000000c","namespace":"aws","start_time":1.7,"end_time":1.75,"error":true,
         "aws":{"table_name":"orders","account_id":"12"}},
        {"name":"DynamoDB","id":"000000000000000d","namespace":"aws","start_time":1.8,"end_time":1.85,"aws":{"table_name":"orders","account_id":"12"}}]}"#;
    let pay = r#"{"name":"payments","id":"000000000000000e","parent_id":"000000000000000b","start_time":1.2,"end_time":1.5,
        "origin":"AWS::ECS::Container"}"#;
    let open = r#"{"name":"payments","id":"000000000000000f","parent_id":"000000000000000b","start_time":1.2,"in_progress":true,
        "origin":"AWS::ECS::Container"}"#;
    let services = ServiceGraph::of([&part_of(ID, &[pay, shop, open])]).services();
    expect![[r#"
        0 orders AWS::DynamoDB::Table unknown
            ok 1 throttle 0 error 1 fault 0 in 0.1s: 0.05x2
        1 payments AWS::ECS::Container active
            ok 1 throttle 0 error 0 fault 0 in 0.3s: 0.3x1
        2 shop - active root
            ok 0 throttle 1 error 0 fault 0 in 1s: 1x1
          -> 0 call ok 1 throttle 0 error 1 fault 0 in 0.1s: 0.05x2 age []
          -> 1 call ok 0 throttle 0 error 0 fault 1 in 0.5s: 0.5x1 age ["pay.internal"]
        3 shop client unknown
          -> 2 call ok 0 throttle 1 error 0 fault 0 in 1s: 1x1 age []
    "#]]
    .assert_eq(&picture(&services));
}

const SEND: &str = r#"{"name":"shop","id":"000000000000000a","start_time":1,"end_time":2,"subsegments":[
    {"name":"SQS","id":"000000000000000b","namespace":"aws","start_time":1.5,"end_time":1.6,
     "aws":{"operation":"SendMessage","queue_url":"https://sqs/1/orders-q"}}]}"#;

#[test]
fn a_queue_stays_a_node_between_sender_and_consumers() {
    let told = r#"{"name":"billing","id":"000000000000000c","parent_id":"000000000000000b","start_time":9,"end_time":9.5,"fault":true,
        "annotations":{"queue":"orders-q","queue_wait_ms":7000}}"#;
    let silent =
        r#"{"name":"stock","id":"000000000000000d","parent_id":"000000000000000b","start_time":3.6,"end_time":4}"#;
    let services = ServiceGraph::of([&part_of(ID, &[SEND, told, silent])]).services();
    expect![[r#"
        0 billing - active
            ok 0 throttle 0 error 0 fault 1 in 0.5s: 0.5x1
        1 orders-q AWS::SQS::Queue unknown
            ok 1 throttle 0 error 0 fault 0 in 0.1s: 0.1x1
          -> 0 link ok 0 throttle 0 error 0 fault 1 in 0s: age 7x1 []
          -> 4 link ok 1 throttle 0 error 0 fault 0 in 0s: age 2x1 []
        2 shop - active root
            ok 1 throttle 0 error 0 fault 0 in 1s: 1x1
          -> 1 call ok 1 throttle 0 error 0 fault 0 in 0.1s: 0.1x1 age []
        3 shop client unknown
          -> 2 call ok 1 throttle 0 error 0 fault 0 in 1s: 1x1 age []
        4 stock - active
            ok 1 throttle 0 error 0 fault 0 in 0.4s: 0.4x1
    "#]]
    .assert_eq(&picture(&services));
}

#[test]
fn a_link_to_a_message_of_another_trace_leaves_from_its_queue() {
    let batch = r#"{"name":"billing","id":"000000000000000c","start_time":4.6,"end_time":5,"links":[
        {"trace_id":"1-5759e988-bd862e3fe1be46a994272793","id":"000000000000000b"},
        {"trace_id":"1-5759e988-000000000000000000000000","id":"000000000000000b"}]}"#;
    let (sender, receiver) = (part_of(ID, &[SEND]), part_of(OTHER, &[batch]));
    let services = ServiceGraph::of([&receiver, &sender]).services();
    expect![[r#"
        0 billing - active root
            ok 1 throttle 0 error 0 fault 0 in 0.4s: 0.4x1
        1 billing client unknown
          -> 0 call ok 1 throttle 0 error 0 fault 0 in 0.4s: 0.4x1 age []
        2 orders-q AWS::SQS::Queue unknown
            ok 1 throttle 0 error 0 fault 0 in 0.1s: 0.1x1
          -> 0 link ok 1 throttle 0 error 0 fault 0 in 0s: age 3x1 []
        3 shop - active root
            ok 1 throttle 0 error 0 fault 0 in 1s: 1x1
          -> 2 call ok 1 throttle 0 error 0 fault 0 in 0.1s: 0.1x1 age []
        4 shop client unknown
          -> 3 call ok 1 throttle 0 error 0 fault 0 in 1s: 1x1 age []
    "#]]
    .assert_eq(&picture(&services));

    let mut alone = ServiceGraph::default();
    alone.add(&receiver);
    let mut ids: Vec<_> = alone.unresolved().map(str::to_owned).collect();
    ids.sort();
    assert_eq!(ids, ["1-5759e988-000000000000000000000000", ID]);
    alone.resolve(&sender);
    let edge = alone.services().into_iter().flat_map(|service| service.edges).find(Edge::is_link);
    assert_eq!(edge.unwrap().received_event_age_histogram, [HistogramEntry { value: 3.0, count: 1 }]);
}

#[test]
fn the_function_beneath_its_platform_is_a_second_node_of_that_name() {
    let platform = r#"{"name":"pay","id":"000000000000000a","start_time":1,"end_time":2,"origin":"AWS::Lambda"}"#;
    let function = r#"{"name":"pay","id":"000000000000000b","parent_id":"000000000000000a","start_time":1.25,"end_time":1.5,
        "origin":"AWS::Lambda::Function"}"#;
    let services = ServiceGraph::of([&part_of(ID, &[platform, function])]).services();
    expect![[r#"
        0 pay AWS::Lambda active root
            ok 1 throttle 0 error 0 fault 0 in 1s: 1x1
          -> 1 call ok 1 throttle 0 error 0 fault 0 in 0.25s: 0.25x1 age []
        1 pay AWS::Lambda::Function active
            ok 1 throttle 0 error 0 fault 0 in 0.25s: 0.25x1
        2 pay client unknown
          -> 0 call ok 1 throttle 0 error 0 fault 0 in 1s: 1x1 age []
    "#]]
    .assert_eq(&picture(&services));
}

#[test]
fn the_answer_does_not_depend_on_the_order_of_traces_and_reads_back() {
    let call = |caller: &str, start: f64| {
        let text = format!(
            r#"{{"name":"{caller}","id":"000000000000000a","start_time":{start},"end_time":{},"subsegments":[
            {{"name":"host-{start}","id":"000000000000000b","namespace":"remote","start_time":{start},"end_time":{}}}]}}"#,
            start + 0.3,
            start + 0.1
        );
        let answer =
            r#"{"name":"pay","id":"000000000000000c","parent_id":"000000000000000b","start_time":1,"end_time":2}"#;
        part_of(ID, &[&text, answer])
    };
    let parts: Vec<Part> = (0..30).map(|n| call(["shop", "admin"][n % 2], 100.0 - n as f64)).collect();
    let (forth, back) = (ServiceGraph::of(&parts).services(), ServiceGraph::of(parts.iter().rev()).services());
    assert_eq!(forth, back);
    let shop = forth.iter().find(|service| service.name == "shop" && !service.is_client()).unwrap();
    assert_eq!(shop.edges[0].aliases.len(), 10);

    let json = serde_json::to_string(&forth).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Service>>(&json).unwrap(), forth);
}

#[test]
fn time_series_count_requests_by_the_period_they_began_in() {
    let shop = |start: f64, fault: bool| {
        part_of(
            ID,
            &[&format!(
                r#"{{"name":"shop","id":"000000000000000a","start_time":{start},"end_time":{},"fault":{fault},"subsegments":[
            {{"name":"Stripe","id":"000000000000000b","namespace":"remote","start_time":{start},"end_time":{}}}]}}"#,
                start + 2.0,
                start + 1.0
            )],
        )
    };
    let parts = [shop(59.0, false), shop(60.0, true), shop(119.5, false), shop(240.0, false), shop(900.0, true)];
    let named = |name: &str| NodeRef { name: Some(name.to_owned()), ..NodeRef::default() };
    let series = |selector: Selector| {
        let mut series = TimeSeries::new(0.0, 600.0, 60, selector);
        parts.iter().for_each(|part| series.add(part));
        let short = |answer: TimeSeriesServiceStatistics| {
            let of_node = answer.service_summary_statistics.is_some();
            let statistics = answer.service_summary_statistics.or(answer.edge_summary_statistics).unwrap();
            (answer.timestamp, of_node, statistics.total_count, statistics.fault_statistics.total_count)
        };
        series.statistics().into_iter().map(short).collect::<Vec<_>>()
    };
    let own = NodeRef { kind: Some("client".to_owned()), ..named("shop") };
    assert_eq!(
        series(Selector::Edge(own, named("shop"))),
        [(0.0, false, 1, 0), (60.0, false, 2, 1), (240.0, false, 1, 0)]
    );
    assert_eq!(series(Selector::Edge(named("shop"), named("Stripe")))[1], (60.0, false, 2, 0));
    assert_eq!(series(Selector::Service(named("Stripe")))[1], (60.0, true, 2, 0));
    assert_eq!(series(Selector::Edges)[1], (60.0, false, 4, 1));
    assert_eq!(series(Selector::Service(named("nobody"))), []);
}
