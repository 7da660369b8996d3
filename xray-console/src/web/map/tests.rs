//! The page as text: what it says, where its links lead, and what it makes of names that are no friends.

use std::collections::BTreeSet;

use xray_core::document::Document;

use super::links::Links;
use super::view::{Selected, View};
use super::{body, ring};
use crate::graph::{Part, Service, ServiceGraph, SummaryStatistics};
use crate::query::Facts;
use crate::web::query::Query;
use crate::{Filter, Trace, demo};

/// A map, and the traces it is of.
struct Map {
    services: Vec<Service>,
    facts: Vec<Facts>,
}

impl Map {
    fn of(traces: impl IntoIterator<Item = Vec<String>>) -> Map {
        let assemble = |documents: Vec<String>| {
            let documents: Vec<_> = documents.iter().map(|text| Document::parse(text).unwrap()).collect();
            Trace::assemble(&documents[0].trace_id.clone().unwrap(), documents)
        };
        let traces: Vec<Trace> = traces.into_iter().map(assemble).collect();
        let parts: Vec<Part> = traces.iter().map(Part::of).collect();
        Map { services: ServiceGraph::of(&parts).services(), facts: traces.iter().map(Facts::of).collect() }
    }

    fn shop(requests: u64) -> Map {
        Map::of((1..=requests).map(|number| demo::shop(number, 1_465_510_280.0 + number as f64)))
    }

    fn page(&self, address: &str) -> String {
        let query = Query::parse(address);
        body(&self.services, self.facts.len() as u64, &Links { query: &query, seconds: 60.0, trace: None })
            .into_string()
    }

    fn key(&self, name: &str, kind: &str) -> String {
        let view = View::of(&self.services, None);
        let is = |node: &&super::view::Node<'_>| {
            node.service.name == name && node.service.kind.as_deref().unwrap_or_default() == kind
        };
        view.nodes.iter().find(is).unwrap().key.clone()
    }
}

/// All values of an attribute, as a browser reads them.
fn attributes(page: &str, name: &str) -> Vec<String> {
    let read =
        |value: &str| value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    page.split(&format!(" {name}=\"")).skip(1).map(|rest| read(rest.split('"').next().unwrap())).collect()
}

#[test]
fn every_node_and_edge_is_drawn_listed_and_has_a_panel() {
    let shop = Map::shop(100);
    let page = shop.page("w=15m");
    assert!(page.contains("11 nodes, 11 edges, 100 traces"), "clients are not counted");
    let keys: BTreeSet<String> = attributes(&page, "data-key").into_iter().collect();
    let edges = shop.services.iter().map(|service| service.edges.len()).sum::<usize>();
    assert_eq!(keys.len(), shop.services.len() + edges, "nodes, clients too, and edges");
    for key in keys {
        let page = shop.page(&format!("w=15m&sel={}", super::super::query::escaped(&key)));
        assert_eq!(page.matches("id=\"map-panel\"").count(), 1, "{key}");
        assert!(page.matches("aria-current=\"true\"").count() == 1, "{key}");
    }
    assert!(!shop.page("sel=0000000000").contains("map-panel"), "what is not there has no panel");
}

#[test]
fn links_write_filters_that_mean_as_many_traces_as_they_say() {
    let shop = Map::shop(100);
    let view = View::of(&shop.services, None);
    let mut followed = 0;
    for key in view.nodes.iter().map(|node| &node.key).chain(view.edges.iter().map(|link| &link.key)) {
        let is_message = matches!(view.selected(key), Some(Selected::Edge(link)) if link.edge.is_link());
        let page = shop.page(&format!("q=duration+>+0+OR+fault&w=15m&sel={}", super::super::query::escaped(key)));
        for address in attributes(&page, "href").into_iter().filter(|address| address.starts_with("/traces")) {
            let query = Query::parse(address.split_once('?').unwrap().1);
            assert_eq!(query.get("w"), Some("15m"), "{address}");
            let expression = query.filter().unwrap();
            let filter = Filter::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
            let found = shop.facts.iter().filter(|facts| filter.matches(facts)).count();
            // A call that was tried again is two calls of one trace.
            assert!(found > 0 || is_message, "{expression}");
            followed += 1;
        }
    }
    assert!(followed > 60, "{followed}");

    let stripe = shop.page(&format!("sel={}", shop.key("api.stripe.com", "remote")));
    assert!(stripe.contains(">3 fault</a><span class=\"dim\"> 3.0 %</span>"));
    let function = shop.page(&format!("sel={}", shop.key("order-service", "AWS::Lambda::Function")));
    let wanted = r#"service(id(name: "order-service", type: "AWS::Lambda::Function")) { throttle }"#;
    let found = attributes(&function, "href")
        .iter()
        .any(|address| address.split_once('?').is_some_and(|(_, pairs)| Query::parse(pairs).filter() == Some(wanted)));
    assert!(found, "a name that two nodes have is told apart by its type");
}

#[test]
fn a_queue_tells_how_long_messages_wait_in_it() {
    let shop = Map::shop(100);
    let page = shop.page("");
    assert!(page.contains(">wait </text>"), "in the node");
    assert!(page.contains(">wait "), "on the way to the consumer");
    let queue = shop.page(&format!("sel={}", shop.key("orders-queue", "AWS::SQS::Queue")));
    assert!(queue.contains("no segment from it"));
}

#[test]
fn what_is_not_well_says_so_by_a_letter_too() {
    let page = Map::shop(100).page("");
    for text in ["F 3.0 %", "T 1.0 %", "T 2.0 %", "F 1.0 %"] {
        assert!(page.contains(text), "{text}");
    }
    let red = Map::of([vec![segment("shop", r#","fault":true"#)]]).page("");
    assert!(red.contains(r#"<a class="node red""#) && red.contains("F 100 %"));
}

#[test]
fn names_are_text_whatever_they_hold() {
    for name in [
        "<script>hit()</script>",
        r#""><img src=x onerror=hit()>"#,
        "</text></svg><svg onload=hit()>",
        "a\0b\u{1b}[2Jc\u{202e}d\r\n\u{7}",
        "' onload='hit()",
        "\\\" OR fault",
        &"x".repeat(60_000),
    ] {
        let call = serde_json::json!([{"name": name, "id": "00000000000000bb", "namespace": "remote", "start_time": 1.0, "end_time": 1.5}]);
        let document = serde_json::json!({
            "name": name, "id": "00000000000000aa", "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "origin": name,
            "start_time": 1.0, "end_time": 1.5, "subsegments": call,
        });
        let map = Map::of([vec![document.to_string()]]);
        let view = View::of(&map.services, None);
        assert!(view.nodes.len() >= 2, "{name:.30}");
        for key in view.nodes.iter().map(|node| &node.key).chain(view.edges.iter().map(|link| &link.key)) {
            let page = map.page(&format!("sel={}", super::super::query::escaped(key)));
            let is_unfit = name.contains(['<', '"', '\0']);
            assert!(!(is_unfit && page.contains(name)), "{name:.30} as it came");
            for forbidden in ["<script", "<img", "onload=\"", "</svg><svg"] {
                assert!(!page.contains(forbidden), "{name:.30}: {forbidden}");
            }
            assert!(!page.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{name:.30}");
            assert!(page.len() < 40_000, "{name:.30}: {} bytes", page.len());
            for address in attributes(&page, "href").iter().filter(|address| address.starts_with("/traces")) {
                let expression = Query::parse(address.split_once('?').unwrap().1).filter().unwrap().to_owned();
                Filter::parse(&expression).unwrap_or_else(|error| panic!("{expression:.200}: {error}"));
            }
        }
    }
}

#[test]
fn nodes_stay_where_they_were_while_others_come() {
    let (few, many) = (Map::shop(1), Map::shop(100));
    let service = |name: &str, id: u64| {
        format!(
            r#"{{"name":"{name}","id":"00000000000000{id:02x}","trace_id":"1-5759e988-bd862e3fe1be46a9942727{id:02x}","start_time":1.0,"end_time":1.5}}"#
        )
    };
    let more = Map::of(
        (1..=100)
            .map(|number| demo::shop(number, 1_465_510_280.0 + number as f64))
            .chain((1..9).map(|id| vec![service(&format!("aaa-{id}"), id)])),
    );
    let before = View::of(&many.services, Some(&View::of(&few.services, None).heights()));
    let after = View::of(&more.services, Some(&before.heights()));
    for node in &before.nodes {
        let same = after.nodes.iter().find(|other| other.key == node.key).unwrap();
        assert_eq!((node.layer, node.y), (same.layer, same.y), "{}", node.service.name);
    }
    assert!(after.nodes.len() > before.nodes.len());
    for nonsense in ["", "x", "x:y,:,,", "a:99999999999999999999", "0123456789:1e9"] {
        assert_eq!(View::of(&few.services, Some(nonsense)).heights(), View::of(&few.services, None).heights());
    }
}

#[test]
fn of_thousands_of_nodes_the_busiest_are_drawn() {
    let trace = |number: usize| {
        // The first comes twice.
        let name = format!("made-up-{}", number.max(1));
        vec![segment(&name, "").replace("994272793", &format!("99427{number:04x}"))]
    };
    let map = Map::of((0..3_000).map(trace));
    let page = map.page("");
    assert!(page.contains("made-up-1<"), "the busiest");
    assert!(page.contains(" nodes with fewer requests not shown"), "says so");
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

#[test]
fn arcs_fill_the_ring_and_the_rarest_is_seen() {
    for (ok, throttle, error, fault) in
        [(1_000_000, 1, 1, 1), (1, 0, 0, 0), (0, 0, 0, 5), (1, 1, 1, 1), (0, 1, 0, u64::MAX / 4), (33, 33, 33, 0)]
    {
        let mut statistics = SummaryStatistics { ok_count: ok, ..SummaryStatistics::default() };
        statistics.error_statistics.throttle_count = throttle;
        statistics.error_statistics.other_count = error;
        statistics.fault_statistics.total_count = fault;
        statistics.total_count = ok + throttle + error + fault;
        let arcs = ring::arcs(&statistics);
        assert_eq!(arcs.iter().map(|(_, _, length)| length).sum::<u64>(), 1_000, "{arcs:?}");
        assert!(arcs.iter().all(|(_, _, length)| *length >= 20), "{arcs:?}");
        assert!(arcs.windows(2).all(|pair| pair[0].1 + pair[0].2 == pair[1].1), "{arcs:?}");
    }
    assert!(ring::arcs(&SummaryStatistics::default()).is_empty());
}

fn segment(name: &str, more: &str) -> String {
    format!(
        r#"{{"name":"{name}","id":"00000000000000aa","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1.0,"end_time":1.5{more}}}"#
    )
}
