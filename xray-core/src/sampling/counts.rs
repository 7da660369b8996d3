//! What each rule has decided so far.

use std::fmt;
use std::sync::Arc;

/// What one rule has decided since its sampler was made: a row of
/// [`Sample::rule_counts`](super::Sample::rule_counts).
///
/// Requests whose caller had decided are nobody's and not counted here.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use xray_core::sampling::{LocalSampler, Rules, Sample, SamplingRequest};
/// use xray_core::{SystemClock, ThreadEntropy};
///
/// let sampler = LocalSampler::new(Rules::all(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let _ = sampler.sample(&SamplingRequest::new("orders"));
/// assert_eq!(sampler.rule_counts()[0].to_string(), r#""Default" requests=1 sampled=1"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleCounts {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Requests it decided; of a rule on the response, those whose end it matched.
    pub requests: u64,
    /// Of them, sampled when they began, borrowed ones included.
    pub sampled: u64,
    /// Of those sampled, the ones borrowed from a central reservoir without a quota.
    pub borrowed: u64,
    /// Kept at their end, although not sampled when they began.
    pub late: u64,
}

impl RuleCounts {
    /// Most rows of a snapshot; further rules are one row more.
    pub const MAX_ROWS: usize = 100;

    /// Nothing counted yet.
    pub fn new(rule: Arc<str>) -> RuleCounts {
        RuleCounts { rule, requests: 0, sampled: 0, borrowed: 0, late: 0 }
    }

    /// The first [`RuleCounts::MAX_ROWS`] rules that decided anything, and one row `(other rules)` for all behind them.
    pub fn bounded(all: impl IntoIterator<Item = RuleCounts>) -> Vec<RuleCounts> {
        let mut used = all.into_iter().filter(|counts| counts.requests > 0);
        let mut rows: Vec<RuleCounts> = used.by_ref().take(RuleCounts::MAX_ROWS).collect();
        let others = used.reduce(|sum, counts| RuleCounts {
            rule: sum.rule,
            requests: sum.requests.saturating_add(counts.requests),
            sampled: sum.sampled.saturating_add(counts.sampled),
            borrowed: sum.borrowed.saturating_add(counts.borrowed),
            late: sum.late.saturating_add(counts.late),
        });
        rows.extend(others.map(|sum| RuleCounts { rule: "(other rules)".into(), ..sum }));
        rows
    }
}

/// The name in quotes, and what is not zero as `name=count`.
impl fmt::Display for RuleCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.rule)?;
        let counts =
            [("requests", self.requests), ("sampled", self.sampled), ("borrowed", self.borrowed), ("late", self.late)];
        counts.into_iter().filter(|(_, count)| *count > 0).try_for_each(|(name, count)| write!(f, " {name}={count}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_bounded_and_rules_that_decided_nothing_left_out() {
        let row = |number: u64| {
            let mut counts = RuleCounts::new(format!("rule {number}").into());
            (counts.requests, counts.sampled, counts.late) = (number, number / 2, 1);
            counts
        };
        assert_eq!(RuleCounts::bounded([row(0), row(3), row(0)]), [row(3)]);
        let rows = RuleCounts::bounded((0..=110).map(row));
        assert_eq!(rows.len(), RuleCounts::MAX_ROWS + 1);
        let last = rows.last().unwrap();
        assert_eq!(last.to_string(), r#""(other rules)" requests=1055 sampled=525 late=10"#);
    }
}
