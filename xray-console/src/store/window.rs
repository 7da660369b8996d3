//! Which traces a query speaks of, by time.
//!
//! Source: X-Ray API Reference, "GetTraceSummaries", `TimeRangeType`.

use serde::{Deserialize, Serialize};

use crate::query::Facts;

/// A span of time, `[start, end)`, and what of a trace has to lie in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Seconds since the epoch, included.
    pub start: f64,
    /// Seconds since the epoch, not included.
    pub end: f64,
    /// What has to lie in it.
    pub kind: TimeRangeType,
}

/// What of a trace has to lie in a [`Window`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimeRangeType {
    /// Its beginning: the start of its earliest segment. AWS X-Ray takes it from the trace id, to the second, so that
    /// a trace is missed that began within the first second of the window; ids of W3C's form do not tell it at all.
    #[default]
    TraceId,
    /// Any time at which it was active.
    Event,
    /// The end of one of its segments.
    Service,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window { start: f64::NEG_INFINITY, end: f64::INFINITY, kind: TimeRangeType::TraceId };

    /// Whether it holds a trace of these facts.
    pub fn holds(&self, facts: &Facts) -> bool {
        let within = |time: f64| self.start <= time && time < self.end;
        match self.kind {
            TimeRangeType::TraceId => facts.start_time().is_some_and(within),
            TimeRangeType::Event => {
                let Some(start) = facts.start_time() else { return false };
                let end = if facts.is_partial() { f64::INFINITY } else { facts.end_time().unwrap_or(start) };
                start < self.end && end >= self.start
            }
            TimeRangeType::Service => facts.segment_ends().any(within),
        }
    }
}
