//! What the page says of nodes and edges, in one wording for picture, panel and table. Names are made fit to be read.

use super::view::{Node, View};
use crate::graph::{Edge, Service, percentile};
use crate::text::{cut, escape};

/// Most columns of a name that is written out: documents hold up to 64 kB.
const LONGEST: usize = 200;

/// A node's name; a client has that of the service it calls.
pub(super) fn name(service: &Service) -> String {
    cut(&escape(&service.name), LONGEST, false)
}

/// A node's name where the word is not beside it: a client says whose it is.
pub(super) fn title(service: &Service) -> String {
    if service.is_client() { format!("clients of {}", name(service)) } else { name(service) }
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

/// What an edge is: `messages from orders-queue to shipping`.
pub(super) fn between(from: &Service, to: &Service, edge: &Edge) -> String {
    let what = if edge.is_link() { "messages" } else { "calls" };
    format!("{what} from {} to {}", title(from), title(to))
}
