use expect_test::expect;
use xray_core::document::Document;

use super::*;
use crate::demo;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn trace_of(documents: &[&str]) -> Trace {
    Trace::assemble(ID, documents.iter().map(|text| Document::parse(text).unwrap()))
}

/// A line for each row: indented name, times in milliseconds, and what is marked.
fn picture(timeline: &Timeline<'_>) -> String {
    let millis = |seconds: f64| (seconds * 1e3).round();
    let line = |row: &Row<'_>| {
        let mut line = format!("{}{} {:?}", "  ".repeat(row.depth), row.name, row.kind);
        line += &format!(" {}..{}", millis(row.start), millis(row.end));
        line += if row.critical { " critical" } else { "" };
        line += if row.in_progress { " open" } else { "" };
        if row.mark != Mark::Ok {
            line += &format!(" {:?}", row.mark);
        }
        if let Some(idle) = row.idle {
            line += &format!(" idle {}..{}", millis(idle.start), millis(idle.end));
        }
        line + "\n"
    };
    timeline.rows.iter().map(line).collect()
}

#[test]
fn the_shop_along_time() {
    let documents: Vec<_> = demo::shop(3, 1_465_510_280.0).iter().map(|text| Document::parse(text).unwrap()).collect();
    let trace = Trace::assemble(&documents[0].trace_id.clone().unwrap(), documents);
    let timeline = Timeline::of(&trace);
    expect![[r#"
        shop-api Segment 0..370 critical
          order-service Call 16..347 critical
            order-service Segment 19..346 critical
              order-service Segment 20..345 critical
                DynamoDB Call 26..34 critical
                DynamoDB Call 42..50 critical
                SNS Call 54..69 critical
                payment-lambda Call 75..281 critical
                  payment-lambda Segment 77..279 critical
                    payment-lambda Segment 78..278 critical
                      api.stripe.com Call 86..266 critical
                SQS Call 327..333 critical
        orders-queue Wait 333..252533
        shipping Segment 252533..252623 idle 252568..252623
          stock@db.shop.internal Call 252543..252568
    "#]]
    .assert_eq(&picture(&timeline));

    let [gap] = timeline.gaps.as_slice() else { panic!("{:?}", timeline.gaps) };
    assert!((252.0..252.3).contains(&gap.seconds()), "the wait is folded: {gap:?}");
    assert!(timeline.active() < 1.0);
    let axis = Axis::folded(&timeline);
    assert!((axis.position(gap.end) - axis.position(gap.start) - 0.08).abs() < 1e-9);
    assert_eq!((axis.position(0.0), axis.position(timeline.length)), (0.0, 1.0));
    assert!(Axis::even(&timeline).position(gap.start) < 0.01);
}

#[test]
fn what_is_open_lasts_until_the_last_known_moment_and_orphans_stand_at_the_margin() {
    let trace = trace_of(&[
        r#"{"name":"shop","id":"a","start_time":1,"in_progress":true,"subsegments":[
            {"name":"fast","id":"c","start_time":1.9,"end_time":2},
            {"name":"slow","id":"b","start_time":1.1,"in_progress":true,"error":true}]}"#,
        r#"{"name":"lost","id":"e","parent_id":"f","type":"subsegment","start_time":2,"end_time":4,"namespace":"aws","subsegments":[
            {"name":"part","id":"g","start_time":3,"end_time":4,"throttle":true,"error":true}]}"#,
    ]);
    expect![[r#"
        shop Segment 0..3000 critical open
          slow Subsegment 100..3000 critical open Error
          fast Subsegment 900..1000
        lost Orphan 1000..3000 idle 1000..2000
          part Orphan 2000..3000 Throttle
    "#]]
    .assert_eq(&picture(&Timeline::of(&trace)));
}

#[test]
fn the_critical_path_is_what_the_answer_waited_for() {
    let trace = trace_of(&[r#"{"name":"shop","id":"a","start_time":0,"end_time":10,"subsegments":[
            {"name":"first","id":"b","start_time":0,"end_time":3},
            {"name":"beside","id":"c","start_time":1,"end_time":5,"subsegments":[{"name":"deep","id":"d","start_time":1,"end_time":2}]},
            {"name":"before","id":"e","start_time":0,"end_time":1},
            {"name":"longer","id":"f","start_time":4,"end_time":12,"subsegments":[{"name":"late","id":"g","start_time":11,"end_time":12}]}]}"#]);
    let timeline = Timeline::of(&trace);
    let critical: Vec<_> = timeline.rows.iter().filter(|row| row.critical).map(|row| &*row.name).collect();
    assert_eq!(critical, ["shop", "first", "longer"]);
}

#[test]
fn a_row_is_idle_when_half_of_it_has_no_child() {
    let idle = |children: &str| {
        let trace = trace_of(&[&format!(
            r#"{{"name":"shop","id":"a","start_time":0,"end_time":10,"subsegments":[{children}]}}"#
        )]);
        Timeline::of(&trace).rows[0].idle
    };
    assert_eq!(idle(""), None);
    let one = r#"{"name":"x","id":"b","start_time":0,"end_time":2}"#;
    assert_eq!(idle(one), Some(Stretch { start: 2.0, end: 10.0 }));
    let two = r#"{"name":"y","id":"c","start_time":6.5,"end_time":12}"#;
    assert_eq!(idle(&format!("{two},{one}")), None, "4.5 of 10 seconds");
}

#[test]
fn the_minimap_shows_failure_where_it_happened() {
    let trace = trace_of(&[r#"{"name":"shop","id":"a","start_time":0,"end_time":10,"fault":true,"subsegments":[
            {"name":"pay","id":"b","start_time":5,"end_time":7.4,"fault":true},
            {"name":"see","id":"c","start_time":0,"end_time":2.4,"throttle":true}]}"#]);
    let minimap: Vec<_> = Timeline::of(&trace).minimap(4).iter().map(|bucket| (bucket.active, bucket.mark)).collect();
    assert_eq!(minimap, [(2, Mark::Throttle), (1, Mark::Ok), (2, Mark::Fault), (1, Mark::Ok)]);
    assert_eq!(Timeline::of(&trace).minimap(100_000).len(), 400);
}

#[test]
fn nothing_and_times_of_no_sense_are_drawn_all_the_same() {
    assert!(Timeline::of(&trace_of(&[])).rows.is_empty());
    let trace = trace_of(&[
        r#"{"name":"","id":"a","start_time":1e308,"end_time":-1e308}"#,
        r#"{"name":"b","id":"b"}"#,
        r#"{"name":"c","id":"c","start_time":-1e308,"end_time":1e308,"annotations":{"queue_wait_ms":-1e308}}"#,
    ]);
    let timeline = Timeline::of(&trace);
    assert_eq!(timeline.rows.len(), 3);
    for row in &timeline.rows {
        let place = Axis::folded(&timeline).position(row.start);
        assert!((0.0..=1.0).contains(&place), "{place}");
    }
    assert_eq!(timeline.minimap(10).len(), 10);
}

#[test]
fn deep_chains_and_wide_traces_take_no_stack_and_little_time() {
    let lone = |number: usize, parent: usize| {
        Document::parse(format!(
            r#"{{"name":"n","id":"{number:016x}","parent_id":"{parent:016x}","type":"subsegment","start_time":{number},"end_time":100000}}"#
        ))
        .unwrap()
    };
    let root = Document::parse(r#"{"name":"root","id":"0000000000000000","start_time":0,"end_time":100000}"#).unwrap();
    let chain = (1..5_000).map(|number| lone(number, number - 1));
    let wide = (5_000..10_000).map(|number| lone(number, 0));
    let trace = Trace::assemble(ID, std::iter::once(root).chain(chain).chain(wide));
    let timeline = Timeline::of(&trace);
    assert_eq!(timeline.rows.len(), 10_000);
    assert_eq!(timeline.rows.iter().map(|row| row.depth).max(), Some(4_999));
}

#[test]
fn round_moments_are_within_what_is_looked_at_and_outside_of_gaps() {
    let trace = trace_of(&[
        r#"{"name":"a","id":"a","start_time":0,"end_time":1}"#,
        r#"{"name":"b","id":"b","start_time":9,"end_time":10}"#,
    ]);
    let axis = Axis::folded(&Timeline::of(&trace));
    let ticks = |start, end, apart| -> Vec<String> {
        axis.ticks(Stretch { start, end }, apart).iter().map(|tick| format!("{tick:.2}")).collect()
    };
    assert_eq!(ticks(0.0, 10.0, 0.2), ["0.00", "0.50", "9.50"]);
    assert_eq!(ticks(0.5, 9.3, 0.05), ["0.60", "0.80", "9.20"]);
    assert_eq!(ticks(0.0, f64::INFINITY, 1e-9).len(), 50);
}
