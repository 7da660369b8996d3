//! What clients say they decided: by rule, in windows of ten seconds, for an hour.
//!
//! A window is that of arrival: the clocks of clients may be anywhere.

use std::collections::BTreeMap;

use super::{SamplingStatisticSummary, SamplingStatisticsDocument};

/// Seconds a window lasts.
const WINDOW: f64 = 10.0;
/// Windows kept: an hour.
const WINDOWS: i64 = 360;

/// Counts by window (seconds since the epoch divided by ten) and rule.
#[derive(Debug, Default)]
pub(super) struct Statistics(BTreeMap<(i64, String), Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: i64,
    sampled: i64,
    borrowed: i64,
}

impl Statistics {
    pub(super) fn add(&mut self, document: &SamplingStatisticsDocument, now: f64) {
        let window = (now / WINDOW) as i64;
        let counts = self.0.entry((window, document.rule_name.clone())).or_default();
        counts.requests = counts.requests.saturating_add(document.request_count);
        counts.sampled = counts.sampled.saturating_add(document.sampled_count);
        counts.borrowed = counts.borrowed.saturating_add(document.borrow_count.unwrap_or(0));
        // Those of a clock that has been set back since, too.
        self.0.retain(|(of, _), _| (window - of).abs() < WINDOWS);
    }

    /// All of them, each with a key by which they are in order: by window, then rule.
    pub(super) fn summaries(&self) -> impl Iterator<Item = (String, SamplingStatisticSummary)> {
        self.0.iter().map(|((window, rule), counts)| {
            let summary = SamplingStatisticSummary {
                rule_name: Some(rule.clone()),
                timestamp: Some(*window as f64 * WINDOW),
                request_count: Some(counts.requests),
                borrow_count: Some(counts.borrowed),
                sampled_count: Some(counts.sampled),
            };
            (format!("{window:020} {rule}"), summary)
        })
    }
}
