//! Which traces a query speaks of, by time.
//!
//! Source: X-Ray API Reference, "GetTraceSummaries", `TimeRangeType`.

use serde::{Deserialize, Serialize};

use super::Times;
use crate::Trace;

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

    /// Whether it holds this trace.
    pub fn holds(&self, trace: &Trace) -> bool {
        self.holds_times(&Times::of(trace))
    }

    pub(super) fn holds_times(&self, times: &Times) -> bool {
        let within = |time: f64| self.start <= time && time < self.end;
        match self.kind {
            TimeRangeType::TraceId => times.start.is_some_and(within),
            TimeRangeType::Event => {
                let Some(start) = times.start else { return false };
                start < self.end && times.end.unwrap_or(start) >= self.start
            }
            TimeRangeType::Service => times.ends.iter().copied().any(within),
        }
    }
}
