//! Adaptive sampling: how many requests went wrong under a rule, per service, for the service to raise its rate.
//!
//! Bound: [`SERVICES`] names a rule; what segments of further names do is counted under the first. A segment's name may
//! come from its request's host, so names are not ours to trust.
//!
//! Source: X-Ray API Reference, SamplingBoostStatisticsDocument.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the last report, by the segment's name.
#[derive(Debug, Default)]
pub(super) struct BoostCounts {
    /// Nothing is allotted for rules that cannot be boosted.
    services: OnceLock<Box<[Service; SERVICES]>>,
}

#[derive(Debug, Default)]
struct Service {
    name: OnceLock<Box<str>>,
    total: AtomicU64,
    anomalies: AtomicU64,
    sampled_anomalies: AtomicU64,
}

/// What one service's segments came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BoostCount {
    pub(super) service: Box<str>,
    pub(super) total: u64,
    pub(super) anomalies: u64,
    pub(super) sampled_anomalies: u64,
}

impl BoostCounts {
    /// A segment has ended.
    pub(super) fn count(&self, service: &str, anomaly: bool, sampled: bool) {
        let services = self.services.get_or_init(Box::default);
        let named = services.iter().find(|place| &**place.name.get_or_init(|| service.into()) == service);
        let Some(counts) = named.or(services.first()) else { return };
        counts.total.fetch_add(1, Ordering::Relaxed);
        if anomaly {
            counts.anomalies.fetch_add(1, Ordering::Relaxed);
            if sampled {
                counts.sampled_anomalies.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What was counted, which starts again from nothing.
    pub(super) fn take(&self) -> Vec<BoostCount> {
        let Some(services) = self.services.get() else { return Vec::new() };
        let named = services.iter().filter_map(|service| Some((service, service.name.get()?)));
        let counts = named.map(|(service, name)| {
            let sampled_anomalies = service.sampled_anomalies.swap(0, Ordering::Relaxed);
            let anomalies = service.anomalies.swap(0, Ordering::Relaxed);
            BoostCount {
                service: name.clone(),
                total: service.total.swap(0, Ordering::Relaxed),
                anomalies,
                sampled_anomalies,
            }
        });
        counts.filter(|count| count.total > 0).collect()
    }
}

/// Names counted apart for one rule.
const SERVICES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_is_counted_by_itself_and_reported_once() {
        let counts = BoostCounts::default();
        assert_eq!(counts.take(), []);
        counts.count("orders", false, true);
        counts.count("orders", true, true);
        counts.count("orders", true, false);
        counts.count("billing", true, false);
        let count = |service: &str, total, anomalies, sampled_anomalies| BoostCount {
            service: service.into(),
            total,
            anomalies,
            sampled_anomalies,
        };
        assert_eq!(counts.take(), [count("orders", 3, 2, 1), count("billing", 1, 1, 0)]);
        assert_eq!(counts.take(), []);
        counts.count("billing", false, false);
        assert_eq!(counts.take(), [count("billing", 1, 0, 0)]);
    }

    #[test]
    fn names_beyond_the_bound_go_with_the_first() {
        let counts = BoostCounts::default();
        for name in 0..SERVICES + 5 {
            counts.count(&name.to_string(), false, false);
        }
        let taken = counts.take();
        assert_eq!(taken.len(), SERVICES);
        assert_eq!((&*taken[0].service, taken[0].total), ("0", 6));
    }
}
