//! What the page says of nodes and edges, in one wording for picture, panel and table. Names are made fit to be read.

use super::ring::shares;
use super::view::{Node, View};
use crate::graph::{Edge, Service, SummaryStatistics, percentile};
use crate::text::{cut, duration, escape, percent};

/// Most columns of a name that is written out: documents hold up to 64 kB.
const LONGEST: usize = 200;

/// A node's name; a client's says whose it is.
pub(super) fn name(service: &Service) -> String {
    let name = cut(&escape(&service.name), LONGEST, false);
    if service.is_client() { format!("clients of {name}") } else { name }
}

/// A node's type in short: `Lambda Function` for `AWS::Lambda::Function`.
pub(super) fn kind(service: &Service) -> Option<String> {
    let kind = service.kind.as_deref().filter(|kind| !kind.is_empty() && !service.is_client())?;
    let short = escape(kind.strip_prefix("AWS::").unwrap_or(kind)).replace("::", " ");
    Some(cut(&short, LONGEST, false))
}

/// Requests by the minute; without a time, their number.
pub(super) fn rate(calls: u64, seconds: f64) -> String {
    if seconds > 0.0 && seconds.is_finite() {
        // Counts beyond 2^53 lose their last digit, which no rate shows.
        #[allow(clippy::cast_precision_loss)]
        let rate = calls as f64 * 60.0 / seconds;
        return if rate >= 99.95 { format!("{rate:.0}/min") } else { format!("{rate:.1}/min") };
    }
    calls.to_string()
}

/// `1 call`, `2 calls`.
pub(super) fn count(count: impl Into<u64>, what: &str) -> String {
    let count = count.into();
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How many nodes and edges are shown.
pub(super) fn size(view: &View<'_>) -> String {
    format!("{}, {}", count(view.services() as u64, "node"), count(view.edges.len() as u64, "edge"))
}

/// Seconds that messages wait in the middle in this queue; none of what is no queue.
pub(super) fn wait(view: &View<'_>, node: &Node<'_>) -> Option<f64> {
    let busiest = view.calls(node).filter(|link| link.edge.is_link()).max_by_key(|link| {
        link.edge.received_event_age_histogram.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.count))
    });
    percentile(&busiest?.edge.received_event_age_histogram, 0.5)
}

/// A whole sentence on a node.
pub(super) fn node(service: &Service, seconds: f64) -> String {
    let kind = kind(service).map(|kind| format!(" ({kind})")).unwrap_or_default();
    let told = service.summary_statistics.map(|statistics| format!(": {}", outcome(&statistics, seconds)));
    format!("{}{kind}{}", name(service), told.unwrap_or_default())
}

/// A whole sentence on an edge.
pub(super) fn edge(from: &Service, to: &Service, edge: &Edge, seconds: f64) -> String {
    let between = if edge.is_link() { "messages from" } else { "calls from" };
    let told = edge.summary_statistics.map(|statistics| format!(": {}", outcome(&statistics, seconds)));
    let wait = percentile(&edge.received_event_age_histogram, 0.5);
    let wait = wait.map(|wait| format!(", half waited {} or less", duration(wait))).unwrap_or_default();
    format!("{between} {} to {}{}{wait}", name(from), name(to), told.unwrap_or_default())
}

/// Requests, rate, mean and shares.
fn outcome(statistics: &SummaryStatistics, seconds: f64) -> String {
    let mut said = count(statistics.total_count, "request");
    if seconds > 0.0 {
        said += &format!(", {}", rate(statistics.total_count, seconds));
    }
    if let Some(mean) = statistics.mean().filter(|mean| *mean > 0.0) {
        said += &format!(", mean {}", duration(mean));
    }
    for share in shares(statistics).iter().filter(|share| share.count > 0) {
        said += &format!(", {} {}", percent(share.count, statistics.total_count), share.word);
    }
    said
}
