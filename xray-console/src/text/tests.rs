use expect_test::{ExpectFile, expect, expect_file};
use xray_core::document::Document;

use super::*;
use crate::graph::{Part, ServiceGraph};
use crate::query::{Facts, TraceSummary};
use crate::{Trace, demo};

/// 2016-06-10 12:00:00 UTC.
const NOON: f64 = 1_465_560_000.0;

fn shop(number: u64) -> Trace {
    let documents: Vec<_> =
        demo::shop(number, NOON + number as f64).iter().map(|text| Document::parse(text).unwrap()).collect();
    Trace::assemble(&documents[0].trace_id.clone().unwrap(), documents)
}

fn summary(trace: &Trace) -> TraceSummary {
    TraceSummary::of(&trace.id, &Facts::of(trace))
}

/// What is drawn at 60, 80 and 120 columns, each with Unicode's characters and in ASCII, is the file; no line is longer.
fn check(golden: ExpectFile, draw: impl Fn(Style) -> String) {
    let mut all = String::new();
    for width in [60, 80, 120] {
        for ascii in [false, true] {
            let text = draw(Style::new(width).with_ascii(ascii));
            assert!(!ascii || text.is_ascii(), "{text}");
            let long: Vec<_> = text.lines().filter(|line| columns(line) > width).collect();
            assert!(long.is_empty(), "longer than {width}: {long:#?}");
            all += &format!("== {width} columns{}\n{text}", if ascii { ", ASCII" } else { "" });
            assert_eq!(
                strip(&draw(Style::new(width).with_ascii(ascii).with_color(true))),
                text,
                "colour adds nothing else"
            );
        }
    }
    golden.assert_eq(&all);
}

/// Without the commands that set colours.
fn strip(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('m').unwrap().1)
}

#[test]
fn a_failed_order_along_time() {
    let trace = shop(17);
    check(expect_file!["golden/show_failed.txt"], |style| show(&trace, &ShowOptions::default(), style));
}

#[test]
fn an_order_that_waited_in_the_queue_along_time() {
    let trace = shop(3);
    check(expect_file!["golden/show_queue.txt"], |style| show(&trace, &ShowOptions::default(), style));
}

#[test]
fn the_map_of_the_shop() {
    let parts: Vec<_> = (0..100).map(|number| Part::of(&shop(number))).collect();
    let services = ServiceGraph::of(&parts).services();
    check(expect_file!["golden/map.txt"], |style| map(&services, &MapOptions::over(100.0), style));
    expect_file!["golden/map.dot"].assert_eq(&dot(&services));
    expect_file!["golden/map.mmd"].assert_eq(&mermaid(&services));
}

#[test]
fn the_list_of_the_shop() {
    let summaries: Vec<TraceSummary> =
        [99, 67, 42, 30, 17, 3].into_iter().map(|number| summary(&shop(number))).collect();
    check(expect_file!["golden/traces.txt"], |style| traces(&summaries, style));
}

#[test]
fn a_narrow_list_keeps_the_request_and_what_tells_traces_apart() {
    let summaries: Vec<TraceSummary> = [99, 67, 17].into_iter().map(|number| summary(&shop(number))).collect();
    let narrow = |width| traces(&summaries, Style::new(width));
    expect![[r#"
        TRACE        REQUEST     STAT   RESPONSE
        …42f3a936dd  shop-api …  201 ~     289ms
        …e5aeaa7563  shop-api …  201       349ms
        …808475f0b5  shop-api …  502 F     351ms
        TIME      TRACE        REQUEST     STAT   RESPONSE
        12:01:39  …42f3a936dd  shop-api …  201 ~     289ms
        12:01:07  …e5aeaa7563  shop-api …  201       349ms
        12:00:17  …808475f0b5  shop-api …  502 F     351ms
    "#]]
    .assert_eq(&(narrow(40) + &narrow(50)));
}

#[test]
fn a_narrow_map_keeps_the_names() {
    let parts: Vec<_> = (0..100).map(|number| Part::of(&shop(number))).collect();
    let map = map(&ServiceGraph::of(&parts).services(), &MapOptions::over(100.0), Style::new(40));
    assert!(map.lines().all(|line| columns(line) <= 40), "{map}");
    expect![[r#"
        (client)
        └▶ shop-api (ApiGateway Stag…  97.0 % ok
           └▶ order-service (Lambda)   97.0 % ok
              └▶ order-service (Lamb…  97.0 % ok
                 ├▶ SNS                 100 % ok
                 ├▶ orders (DynamoDB…  99.0 % ok
                 ├▶ orders-queue (SQ…   100 % ok
                 │  └┄ shipping (ECS…   100 % ok
                 │     └▶ stock@db.s…   100 % ok
                 └▶ payment-lambda (…  98.0 % ok
                    └▶ payment-lambd…  98.0 % ok
                       └▶ api.stripe…  97.0 % ok

        11 nodes, 11 edges
        ▇ ok  E error (4xx)  F fault (5xx)  T t…
    "#]]
    .assert_eq(&map);
}

#[test]
fn rows_can_be_left_out_and_failures_stay() {
    let trace = shop(17);
    let names = |options: ShowOptions| {
        let text = show(&trace, &options, Style::new(120).with_ascii(true));
        let rows: Vec<_> = text.lines().skip(3).map(|line| line.chars().take(44).collect::<String>()).collect();
        rows.join("\n")
    };
    let short = names(ShowOptions { min_seconds: 0.1, ..ShowOptions::default() });
    assert!(!short.contains("DynamoDB") && short.contains("api.stripe.com") && short.contains("not shown"), "{short}");
    let flat = names(ShowOptions { max_depth: 0, ..ShowOptions::default() });
    assert!(flat.contains("shop-api") && !flat.contains("SNS"), "{flat}");
    let few = names(ShowOptions { rows: 2, ..ShowOptions::default() });
    assert!(few.contains("rows not shown"), "{few}");
    let critical = names(ShowOptions { critical: true, ..ShowOptions::default() });
    assert!(critical.contains("api.stripe.com") && !critical.contains("queue wait"), "{critical}");
    let only = |expression: &str| {
        let only = Some(crate::Filter::parse(expression).unwrap());
        let text = names(ShowOptions { only, ..ShowOptions::default() });
        text.lines()
            .take_while(|line| !line.starts_with("annotations"))
            .map(|line| line.trim_end().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(only("service(\"SNS\")").len(), 5, "it, and the four above: {:?}", only("service(\"SNS\")"));
    assert_eq!(only("annotation.queue_wait_ms > 1").len(), 1, "{:?}", only("annotation.queue_wait_ms > 1"));
    assert_eq!(only("responsetime > 60"), [""; 0]);
}

#[test]
fn nothing_of_a_stranger_reaches_the_terminal() {
    let evil = "\u{1b}]0;pwned\u{7}\r\n\u{202e}\u{9b}2J";
    let text = serde_json::json!({
        "name": evil, "id": "000000000000000a", "trace_id": evil, "start_time": 1, "end_time": 2, "fault": true, "origin": evil,
        "user": evil, "annotations": {evil: evil},
        "http": {"request": {"method": evil, "url": format!("https://x/{evil}")}, "response": {"status": 500}},
        "cause": {"exceptions": [{"id": evil, "type": evil, "message": evil, "stack": [{"path": evil, "line": 1}]}]},
        "subsegments": [
            {"name": "SQS", "id": "000000000000000b", "namespace": "aws", "start_time": 1, "end_time": 2,
             "aws": {"operation": evil, "queue_url": format!("https://q/1/{evil}")}},
            {"name": evil, "id": "000000000000000c", "namespace": "remote", "start_time": 1, "end_time": 2}]});
    let consumer = serde_json::json!({"name": evil, "id": "000000000000000d", "parent_id": "000000000000000b",
        "start_time": 3, "end_time": 4, "annotations": {"queue": evil, "queue_wait_ms": 1000}});
    let documents = [text, consumer].map(|text| Document::parse(text.to_string()).unwrap());
    let trace = Trace::assemble(evil, documents);
    let services = ServiceGraph::of([&Part::of(&trace)]).services();
    let style = Style::new(120);
    let drawn = [
        show(&trace, &ShowOptions::default(), style),
        traces(&[summary(&trace)], style),
        map(&services, &MapOptions::default(), style),
        dot(&services),
        mermaid(&services),
    ];
    for text in drawn {
        let unfit: Vec<_> = text
            .chars()
            .filter(|character| *character != '\n')
            .filter(|it| escape(&it.to_string()) != it.to_string())
            .collect();
        assert!(unfit.is_empty(), "{unfit:?} in {text}");
        assert!(text.contains("pwned"), "the name is shown: {text}");
    }
}

#[test]
fn wide_characters_take_two_columns() {
    assert_eq!(columns(&format::fit("注文サービス", 8, false)), 8);
    assert_eq!(format::cut("注文サービス", 6, false), "注文…");
    assert_eq!(format::cut("e\u{301}e\u{301}e\u{301}", 2, true), "e\u{301}~");
    assert_eq!(format::fit("", 3, true), "   ");
}

#[test]
fn an_empty_trace_and_an_empty_map_say_so() {
    let text =
        show(&Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", []), &ShowOptions::default(), Style::new(0));
    assert!(text.contains("0 segments"), "{text}");
    assert!(map(&[], &MapOptions::default(), Style::new(80)).contains("0 nodes, 0 edges"));
}
