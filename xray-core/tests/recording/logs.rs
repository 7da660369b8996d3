//! The current trace in the lines of tracing-subscriber's fmt layer.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::{Subscriber, debug_span, info, info_span};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;
use xray_core::log::with_trace_id;
use xray_core::{Rules, current, segment};
use xray_test::Captured;

use crate::support::{captured, captured_with};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn writer(&self) -> impl Fn() -> Lines + Send + Sync + 'static {
        let lines = self.clone();
        move || lines.clone()
    }

    fn all(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

/// Logs outside, in a segment, in spans that are recorded and not, and outside again; the ids of the segment and span.
fn log_under(subscriber: impl Subscriber + Send + Sync) -> [String; 3] {
    tracing::subscriber::with_default(subscriber, || {
        info!("outside");
        let orders = segment("orders").open();
        let ids = orders.in_scope(|| {
            info!(rows = 3, "in the segment");
            info_span!("load").in_scope(|| {
                debug_span!("quiet").in_scope(|| info!("in the span"));
                current().id().unwrap().to_string()
            })
        });
        let ids = [orders.trace_id().unwrap().to_string(), orders.id().unwrap().to_string(), ids];
        drop(orders);
        info!("outside");
        ids
    })
}

fn text(xray: &Captured, compact: bool) -> (Lines, [String; 3]) {
    let lines = Lines::default();
    let ids = if compact {
        let logs = fmt::layer().compact().with_writer(lines.writer()).without_time().with_ansi(false);
        log_under(registry().with(xray.layer()).with(logs.map_event_format(with_trace_id)))
    } else {
        // The layer's place among others does not matter.
        let logs = fmt::layer().with_writer(lines.writer()).without_time().with_ansi(false);
        log_under(registry().with(logs.map_event_format(with_trace_id)).with(xray.layer()))
    };
    (lines, ids)
}

#[test]
fn text_lines_name_the_trace_and_only_inside_one() {
    for compact in [false, true] {
        let (lines, [trace, segment, span]) = text(&captured(), compact);
        let [outside, in_segment, in_span, after] = &lines.all()[..] else { panic!("{:?}", lines.all()) };
        assert!(in_segment.starts_with(&format!("xray_trace_id={trace} xray_segment_id={segment} ")), "{in_segment}");
        assert!(in_span.starts_with(&format!("xray_trace_id={trace} xray_segment_id={span} ")), "{in_span}");
        for plain in [outside, after] {
            assert!(!plain.contains("xray") && plain.contains("outside"), "{plain}");
        }
    }
}

#[test]
fn lines_of_unsampled_requests_name_the_trace_too() {
    let (lines, [trace, segment, _]) = text(&captured_with(|builder| builder.rules(Rules::none())), false);
    let lines = lines.all();
    // Below an unsampled segment all is the segment.
    for line in &lines[1..3] {
        assert!(line.starts_with(&format!("xray_trace_id={trace} xray_segment_id={segment} ")), "{line}");
    }
}

#[test]
fn json_lines_have_the_ids_as_members() {
    let xray = captured();
    let lines = Lines::default();
    let logs = fmt::layer().json().with_writer(lines.writer()).map_event_format(with_trace_id);
    let [trace, segment, span] = log_under(registry().with(xray.layer()).with(logs));
    let lines: Vec<Value> = lines.all().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ids = |line: &Value| (line["xray_trace_id"].clone(), line["xray_segment_id"].clone());
    assert_eq!(ids(&lines[1]), (trace.clone().into(), segment.into()));
    assert_eq!(ids(&lines[2]), (trace.into(), span.into()));
    assert_eq!(lines[1]["fields"]["message"], "in the segment");
    assert_eq!(lines[1]["fields"]["rows"], 3);
    for outside in [&lines[0], &lines[3]] {
        assert_eq!(ids(outside), (Value::Null, Value::Null));
    }
}

#[test]
fn lines_under_a_subscriber_without_the_layer_are_as_ever() {
    let lines = Lines::default();
    let logs = fmt::layer().with_writer(lines.writer()).with_ansi(false).map_event_format(with_trace_id);
    tracing::subscriber::with_default(registry().with(logs), || {
        let orders = segment("orders").open();
        orders.in_scope(|| info!("in no segment"));
    });
    assert!(!lines.all()[0].contains("xray"), "{:?}", lines.all());
}
