//! The answers of X-Ray's API that speak of the service graph.
//!
//! Source: X-Ray API Reference, "Service", "Edge", "ServiceStatistics", "EdgeStatistics", "HistogramEntry",
//! "TimeSeriesServiceStatistics". Times are seconds, since the epoch where they are points in time.

use serde::{Deserialize, Serialize};

use super::Health;
use super::part::CLIENT;
use crate::trace::Node;

/// A node of the service graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Service {
    /// Its number in this answer; an edge to it carries the same.
    pub reference_id: i64,
    /// Its name; a client has that of the service it calls.
    pub name: String,
    /// Its name again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// It was the first in some trace; absent where it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root: Option<bool>,
    /// The AWS account it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Its type, such as `AWS::DynamoDB::Table`, `remote`, `client`; absent where the service does not say.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `active` if it sent segments, `unknown` if others only spoke of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// When its first request began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<f64>,
    /// When its last request ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<f64>,
    /// What it called.
    pub edges: Vec<Edge>,
    /// Its completed requests, by its own view; absent for clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_statistics: Option<SummaryStatistics>,
    /// How long they took.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duration_histogram: Vec<HistogramEntry>,
    /// How long the answers took: the same numbers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_time_histogram: Vec<HistogramEntry>,
}

/// All calls from one node to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Edge {
    /// The number of the node called.
    pub reference_id: i64,
    /// When the first call began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<f64>,
    /// When the last call ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<f64>,
    /// The completed calls, by the caller's view; of a link, how the work that followed ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_statistics: Option<SummaryStatistics>,
    /// How long the caller waited; empty on links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_time_histogram: Vec<HistogramEntry>,
    /// Other names by which callers called the same node.
    pub aliases: Vec<Alias>,
    /// `link` if a message, not a call, leads to the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_type: Option<String>,
    /// Links: how old messages were when they were received.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub received_event_age_histogram: Vec<HistogramEntry>,
}

/// Another name of a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct Alias {
    /// The name.
    pub name: String,
    /// The name again.
    pub names: Vec<String>,
    /// The type by which callers knew it.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// How completed requests ended, and how long they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct SummaryStatistics {
    /// Without error or fault.
    pub ok_count: u64,
    /// The caller's mistakes (4xx).
    pub error_statistics: ErrorStatistics,
    /// The service's failures (5xx).
    pub fault_statistics: FaultStatistics,
    /// All.
    pub total_count: u64,
    /// Seconds, summed.
    pub total_response_time: f64,
}

impl SummaryStatistics {
    /// Success, as a share of all.
    pub fn health(&self) -> Health {
        Health::of(self.ok_count, self.total_count)
    }

    /// Seconds in the mean; none without requests.
    pub fn mean(&self) -> Option<f64> {
        // Counts beyond 2^53 lose their last digit, which no mean shows.
        #[allow(clippy::cast_precision_loss)]
        (self.total_count > 0).then(|| self.total_response_time / self.total_count as f64)
    }
}

/// Requests that the caller got wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ErrorStatistics {
    /// Told to slow down (429).
    pub throttle_count: u64,
    /// Every other 4xx.
    pub other_count: u64,
    /// Both.
    pub total_count: u64,
}

/// Requests that the service failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct FaultStatistics {
    /// Faults, of which there is one kind.
    pub other_count: u64,
    /// The same.
    pub total_count: u64,
}

/// How often a value came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct HistogramEntry {
    /// Seconds: to three digits, or to the millisecond from one second on.
    pub value: f64,
    /// How often.
    pub count: u64,
}

/// The statistics of one period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct TimeSeriesServiceStatistics {
    /// When the period began: a whole multiple of its length.
    pub timestamp: f64,
    /// Of edges, where edges were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edge_summary_statistics: Option<SummaryStatistics>,
    /// Of nodes, where nodes were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_summary_statistics: Option<SummaryStatistics>,
    /// How long the requests took.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_time_histogram: Vec<HistogramEntry>,
}

impl Service {
    /// The node it is.
    pub fn node(&self) -> Node {
        Node { name: self.name.clone(), kind: self.kind.clone(), account: self.account_id.clone() }
    }

    /// It stands for whoever sent the first requests.
    pub fn is_client(&self) -> bool {
        self.kind.as_deref() == Some(CLIENT)
    }
}

impl Edge {
    /// A message leads to the node, not a call.
    pub fn is_link(&self) -> bool {
        self.edge_type.as_deref() == Some(LINK)
    }
}

/// The [type](Edge::edge_type) of edges that messages travel.
pub(super) const LINK: &str = "link";
