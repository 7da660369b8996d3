//! `xrc tail`: a line for each trace that has ended.
//!
//! Asks again and again for the traces that were active lately. A trace is shown once, when nothing of it is in progress
//! and nothing has been added since it was last asked for.

use std::collections::HashMap;
use std::time::Duration;

use xray_console::client::{Client, Query};
use xray_console::query::TraceSummary;
use xray_console::text;
use xray_console::timeline::Mark;

use super::args::{Format, Global, Tail};
use super::failure::{Done, Failure};
use super::output::Output;
use super::{ask, time};

/// Seconds looked back. A trace that is longer is shown if its end comes within them.
const BACK: f64 = 300.0;
/// Traces shown of one look; a console under heavy load shows the newest.
const MOST: usize = 1_000;

/// Which traces have been seen, and which shown.
#[derive(Default)]
struct Seen {
    /// By id: the revision at the last look, none once it has been shown.
    traces: HashMap<String, Option<u64>>,
}

impl Seen {
    /// What has ended already is not shown.
    fn begin(&mut self, summaries: &[TraceSummary]) {
        let ended = summaries.iter().filter(|summary| !summary.is_partial);
        self.traces = ended.map(|summary| (summary.id.clone(), None)).collect();
    }

    /// Those to show now, oldest first.
    fn settled(&mut self, summaries: Vec<TraceSummary>) -> Vec<TraceSummary> {
        let before = std::mem::take(&mut self.traces);
        let mut settled = Vec::new();
        for summary in summaries {
            let known = before.get(&summary.id);
            let quiet = known == Some(&Some(summary.revision));
            let shown = known == Some(&None);
            let show = quiet && !summary.is_partial && summary.entry_point.is_some();
            // What is no longer active is forgotten, so that this does not grow.
            self.traces.insert(summary.id.clone(), if shown || show { None } else { Some(summary.revision) });
            if show {
                settled.push(summary);
            }
        }
        settled.reverse();
        settled
    }
}

pub(crate) async fn run(options: &Tail, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    tail(&client, options, global.aws, to).await
}

/// Until there were enough, or for ever.
pub(crate) async fn tail(client: &Client, options: &Tail, aws: bool, to: &mut Output) -> Done {
    let pause = Duration::from_millis(if aws { 5_000 } else { 250 });
    let mut seen = Seen::default();
    seen.begin(&ask::matching(client, &lately(options), MOST).await?.summaries);
    let mut left = options.limit.unwrap_or(usize::MAX);
    loop {
        let found = ask::summaries(client, &lately(options), MOST).await?;
        for summary in seen.settled(found.summaries).iter().take(left) {
            show(summary, to)?;
            left -= 1;
        }
        if left == 0 {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
    }
}

fn lately(options: &Tail) -> Query {
    let now = time::now();
    Query { start: now - BACK, end: now + BACK, active: true, filter: options.expression.clone() }
}

/// One line, written at once.
pub(crate) fn show(summary: &TraceSummary, to: &mut Output) -> Result<(), Failure> {
    match to.format {
        Format::Json => to.json(summary)?,
        _ => to.line(line(summary))?,
    }
    to.flush()
}

/// `14:02:31  F 500     1.28s  shop  POST /orders  1-6b02f3a1-…  PaymentError: card refused`.
fn line(summary: &TraceSummary) -> String {
    let escaped = |text: Option<&str>| text::escape(text.unwrap_or_default()).into_owned();
    let mark = match Mark::of_summary(summary) {
        Mark::Fault => 'F',
        Mark::Throttle => 'T',
        Mark::Error => 'E',
        Mark::Ok => ' ',
    };
    let status = summary.http.http_status.map_or_else(|| "   ".to_owned(), |status| format!("{status:3}"));
    let entry = summary.entry_point.as_ref().and_then(|service| service.name.as_deref());
    let path = summary.http.http_url.as_deref().map(|url| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    });
    let request = [summary.http.http_method.as_deref(), path].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let causes = summary.fault_root_causes.iter().chain(&summary.error_root_causes);
    let exception = causes
        .flat_map(|cause| cause.services.iter().flat_map(|service| &service.entity_path))
        .flat_map(|entity| &entity.exceptions)
        .last()
        .map(|exception| [exception.name.as_deref(), exception.message.as_deref()])
        .map(|parts| parts.into_iter().flatten().collect::<Vec<_>>().join(": "));
    let line = format!(
        "{}  {mark} {status}  {:>8}  {}  {}  {}  {}",
        text::clock(summary.start_time.unwrap_or_default()),
        text::duration(summary.duration.unwrap_or_default()),
        escaped(entry),
        escaped(Some(&request)),
        escaped(Some(&summary.id)),
        escaped(exception.as_deref()),
    );
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(id: &str, revision: u64, is_partial: bool) -> TraceSummary {
        let mut summary = TraceSummary::default();
        summary.id = id.to_owned();
        summary.revision = revision;
        summary.is_partial = is_partial;
        summary.entry_point = Some(Default::default());
        summary
    }

    #[test]
    fn a_trace_is_shown_once_and_when_it_is_quiet() {
        let mut seen = Seen::default();
        seen.begin(&[summary("before", 1, false), summary("a", 1, true)]);
        let mut look = |summaries: &[TraceSummary]| {
            let settled = seen.settled(summaries.to_vec());
            settled.into_iter().map(|summary| summary.id).collect::<Vec<_>>()
        };
        assert!(look(&[summary("b", 1, false), summary("a", 1, true)]).is_empty(), "new");
        assert!(look(&[summary("b", 2, false), summary("a", 1, true)]).is_empty(), "grows, in progress");
        assert_eq!(look(&[summary("b", 2, false), summary("a", 2, false), summary("before", 1, false)]), ["b"]);
        assert_eq!(look(&[summary("b", 3, false), summary("a", 2, false)]), ["a"], "b was shown");
        assert!(look(&[summary("b", 3, false), summary("a", 2, false)]).is_empty());
    }
}
