//! Statistics by periods of time.
//!
//! Source: X-Ray API Reference, "GetTimeSeriesServiceStatistics". A request counts for the period in which it began;
//! periods without a request are not in the answer.

use std::collections::BTreeMap;

use super::part::Part;
use super::shapes::TimeSeriesServiceStatistics;
use super::sum::Sum;
use crate::trace::Node;

/// Which nodes are meant: each member that is set has to be equal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRef {
    /// The name.
    pub name: Option<String>,
    /// The type.
    pub kind: Option<String>,
    /// The AWS account.
    pub account: Option<String>,
}

impl NodeRef {
    /// Whether this node is meant.
    pub fn matches(&self, node: &Node) -> bool {
        let same = |wanted: &Option<String>, text: Option<&str>| wanted.as_deref().is_none_or(|it| Some(it) == text);
        same(&self.name, Some(&node.name))
            && same(&self.kind, node.kind.as_deref())
            && same(&self.account, node.account.as_deref())
    }
}

/// Whose statistics are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selector {
    /// All edges: what is answered without an expression.
    #[default]
    Edges,
    /// The nodes that are meant: `service(…)` or `id(…)`.
    Service(NodeRef),
    /// The edges from the one to the other: `edge(…, …)`.
    Edge(NodeRef, NodeRef),
}

/// The sum of the [parts](Part) of many traces, by periods.
#[derive(Clone, Debug)]
pub struct TimeSeries {
    period: f64,
    start: f64,
    end: f64,
    selector: Selector,
    /// By the number of the period since the epoch.
    periods: BTreeMap<i64, Sum>,
}

impl TimeSeries {
    /// For requests that began in `[start, end)`, seconds since the epoch, by periods of so many seconds (at least 1).
    pub fn new(start: f64, end: f64, period: u32, selector: Selector) -> TimeSeries {
        TimeSeries { period: f64::from(period.max(1)), start, end, selector, periods: BTreeMap::new() }
    }

    /// Adds what one trace did.
    pub fn add(&mut self, part: &Part) {
        let means = |wanted: &NodeRef, place: u32| {
            part.part_nodes().get(place as usize).is_some_and(|node| wanted.matches(node.node.node()))
        };
        let mut calls = part.calls().iter().copied();
        for node in part.part_nodes() {
            let meant = matches!(&self.selector, Selector::Service(wanted) if wanted.matches(node.node.node()));
            self.count(calls.by_ref().take(node.calls as usize), meant);
        }
        for edge in part.edges() {
            let meant = match &self.selector {
                Selector::Edges => true,
                Selector::Service(_) => false,
                Selector::Edge(from, to) => means(from, edge.from) && means(to, edge.to),
            };
            self.count(calls.by_ref().take(edge.calls as usize), meant);
        }
    }

    /// The answer, the earliest period first.
    pub fn statistics(&self) -> Vec<TimeSeriesServiceStatistics> {
        let of_nodes = matches!(self.selector, Selector::Service(_));
        let answer = |(period, sum): (&i64, &Sum)| {
            let statistics = Some(sum.statistics());
            let (edge, service) = if of_nodes { (None, statistics) } else { (statistics, None) };
            // Numbers of periods come from times in an `f64`.
            #[allow(clippy::cast_precision_loss)]
            let timestamp = *period as f64 * self.period;
            TimeSeriesServiceStatistics {
                timestamp,
                edge_summary_statistics: edge,
                service_summary_statistics: service,
                response_time_histogram: sum.histogram(),
            }
        };
        self.periods.iter().map(answer).collect()
    }

    /// Takes all of these calls from their list, and counts those that are meant.
    fn count(&mut self, calls: impl Iterator<Item = super::call::Call>, meant: bool) {
        for call in calls {
            if meant && self.start <= call.start && call.start < self.end {
                // Beyond all periods there are, it stays at the last.
                #[allow(clippy::cast_possible_truncation)]
                let period = (call.start / self.period).floor() as i64;
                self.periods.entry(period).or_default().add(call);
            }
        }
    }
}
