//! `xrc traces --group-by`: what traces have in common, and how they fared.

use std::collections::BTreeMap;

use serde::Serialize;
use xray_console::query::{AnnotationValue, TraceSummary, ValueWithServiceIds};
use xray_console::text::{self, Style};
use xray_console::timeline::Mark;

use super::output::columns;

/// What traces are put together by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Method and URL of the root, without the query.
    Url,
    /// The service that the trace entered by.
    Service,
    /// An annotation; a trace that has several values of it counts for each.
    Annotation(String),
}

impl By {
    /// As the command line has it.
    pub(crate) fn parse(text: &str) -> Result<By, String> {
        match text {
            "url" => Ok(By::Url),
            "service" => Ok(By::Service),
            _ => match text.strip_prefix("annotation.").filter(|key| !key.is_empty()) {
                Some(key) => Ok(By::Annotation(key.to_owned())),
                None => Err("expected url, service or annotation.KEY".to_owned()),
            },
        }
    }

    fn keys(&self, summary: &TraceSummary) -> Vec<String> {
        let none = || vec!["-".to_owned()];
        match self {
            By::Url => {
                let url = summary.http.http_url.as_deref().and_then(|url| url.split(['?', '#']).next());
                let parts: Vec<&str> = [summary.http.http_method.as_deref(), url].into_iter().flatten().collect();
                if parts.is_empty() { none() } else { vec![parts.join(" ")] }
            }
            By::Service => {
                let name = summary.entry_point.as_ref().and_then(|entry| entry.name.clone());
                name.map_or_else(none, |name| vec![name])
            }
            By::Annotation(key) => {
                let values = summary.annotations.get(key).map(Vec::as_slice).unwrap_or_default();
                let values: Vec<String> = values.iter().map(value_text).collect();
                if values.is_empty() { none() } else { values }
            }
        }
    }
}

fn value_text(value: &ValueWithServiceIds) -> String {
    match &value.annotation_value {
        AnnotationValue::Text(text) => text.clone(),
        AnnotationValue::Number(number) => number.to_string(),
        AnnotationValue::Bool(value) => value.to_string(),
        _ => "-".to_owned(),
    }
}

/// Traces that have something in common.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Group {
    group: String,
    trace_count: usize,
    ok_count: usize,
    error_count: usize,
    throttle_count: usize,
    fault_count: usize,
    /// Seconds.
    #[serde(rename = "ResponseTimeP50", skip_serializing_if = "Option::is_none")]
    median: Option<f64>,
    #[serde(rename = "ResponseTimeP99", skip_serializing_if = "Option::is_none")]
    slowest: Option<f64>,
}

/// The largest groups first.
pub(crate) fn of(summaries: &[TraceSummary], by: &By) -> Vec<Group> {
    let mut members: BTreeMap<String, Vec<&TraceSummary>> = BTreeMap::new();
    for summary in summaries {
        for key in by.keys(summary) {
            members.entry(key).or_default().push(summary);
        }
    }
    let mut groups: Vec<Group> = members.into_iter().map(|(key, members)| group(key, &members)).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.trace_count));
    groups
}

fn group(group: String, members: &[&TraceSummary]) -> Group {
    let count = |is: &dyn Fn(&TraceSummary) -> bool| members.iter().filter(|summary| is(summary)).count();
    let marked = |mark| count(&|summary| Mark::of_summary(summary) == mark);
    let [fault_count, throttle_count, error_count] = [Mark::Fault, Mark::Throttle, Mark::Error].map(marked);
    let mut times: Vec<f64> = members.iter().filter_map(|summary| summary.response_time).collect();
    times.sort_by(f64::total_cmp);
    // The smallest that so many of a hundred are not above.
    let at = |share: usize| times.get((times.len() * share).div_ceil(100).saturating_sub(1)).copied();
    Group {
        group,
        trace_count: members.len(),
        ok_count: members.len() - fault_count - throttle_count - error_count,
        error_count,
        throttle_count,
        fault_count,
        median: at(50),
        slowest: at(99),
    }
}

/// A line for each; of names that are longer than the line has room for, the beginning.
pub(crate) fn table(groups: &[Group], style: Style) -> Vec<String> {
    let time = |seconds: Option<f64>| {
        let text = seconds.map(text::duration).unwrap_or_default();
        if style.ascii { text.replace('µ', "u") } else { text }
    };
    let is_narrow = style.width < NARROW;
    let chosen = |all: [String; 7]| {
        let all = all.into_iter().enumerate();
        all.filter(|(place, _)| !is_narrow || matches!(place, 0 | 4 | 5)).map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let numbers = |group: &Group| {
        let counts = [group.trace_count, group.ok_count, group.error_count, group.throttle_count, group.fault_count];
        let [traces, ok, error, throttle, fault] = counts.map(|count| count.to_string());
        chosen([traces, ok, error, throttle, fault, time(group.median), time(group.slowest)])
    };
    let head = chosen(["TRACES", "OK", "ERROR", "THROTTLE", "FAULT", "P50", "P99"].map(str::to_owned));
    let numbers: Vec<_> = std::iter::once(head).chain(groups.iter().map(numbers)).collect();
    let right: Vec<usize> = (0..7).collect();
    let numbers = columns(&numbers, &right);
    let room = style.width.saturating_sub(numbers.iter().map(|line| text::columns(line)).max().unwrap_or(0) + 2).max(8);
    let name = |group: &Group| text::cut(&text::escape(&group.group), room, style.ascii);
    let names = std::iter::once("GROUP".to_owned()).chain(groups.iter().map(name));
    let rows: Vec<_> = names.zip(numbers).map(|(name, numbers)| vec![name, numbers]).collect();
    columns(&rows, &[1])
}

/// Below so many columns there are traces, faults and the middle time alone, to leave room for names.
const NARROW: usize = 72;
