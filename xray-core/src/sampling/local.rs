//! The sampler that decides by rules kept in this process.

use std::fmt;
use std::sync::Arc;

use super::reservoir::Reservoir;
use super::{Decision, Reason, Rules, Sample, SamplingRequest};
use crate::{Clock, Entropy};

/// Decides by [`Rules`]: the first rule that matches, its reservoir first, then its rate.
///
/// Each rule has two reservoirs of `fixed_target` a second: one for requests, one for background work
/// ([`SamplingRequest::background`]). The budgets are this process's own; ten instances record ten times as many.
///
/// A decision allocates nothing and waits for nobody. `Display` prints the effective rules.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use xray_core::sampling::{LocalSampler, Reason, Rules, Sample, SamplingRequest};
/// use xray_core::{SystemClock, ThreadEntropy};
///
/// let sampler = LocalSampler::new(Rules::default(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let first = sampler.sample(&SamplingRequest::new("orders").with_path("/"));
/// assert_eq!((first.sampled(), first.reason()), (true, Reason::Reservoir));
/// assert_eq!(first.rule(), Some("Default"));
/// ```
pub struct LocalSampler {
    rules: Rules,
    /// Of `rules.rules()`, in the same order.
    reservoirs: Box<[Reservoirs]>,
    default_reservoirs: Reservoirs,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

#[derive(Default)]
struct Reservoirs {
    requests: Reservoir,
    background: Reservoir,
}

impl LocalSampler {
    /// A sampler with full reservoirs. Seconds are those of the clock's wall time; draws come from `entropy`.
    pub fn new(rules: Rules, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> LocalSampler {
        let reservoirs = rules.rules().iter().map(|_| Reservoirs::default()).collect();
        LocalSampler { rules, reservoirs, default_reservoirs: Reservoirs::default(), clock, entropy }
    }

    /// The rules it decides by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

impl Sample for LocalSampler {
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision {
        let mut rules = self.rules.rules().iter().zip(&self.reservoirs);
        let (rule, reservoirs) = rules
            .find(|(rule, _)| rule.matches(request))
            .unwrap_or((self.rules.default_rule(), &self.default_reservoirs));
        let reservoir = if request.background { &reservoirs.background } else { &reservoirs.requests };
        let fixed_target = rule.fixed_target();
        // The clock is not read for an empty reservoir.
        let decision = if fixed_target > 0 && reservoir.take(fixed_target, self.clock.wall()) {
            Decision::new(true, Reason::Reservoir)
        } else {
            Decision::new(draw(self.entropy.next_u64()) < rule.rate(), Reason::Rate)
        };
        decision.with_rule(rule.shared_name())
    }
}

/// The effective rules, as [`Rules`] prints them.
impl fmt::Display for LocalSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.rules, f)
    }
}

impl fmt::Debug for LocalSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSampler").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// A number of [0, 1) from random bits: the upper 53, as many as an `f64` holds exactly. Never 1, so a rate of 1.0
/// takes every draw, and never below 0, so a rate of 0.0 takes none.
pub(super) fn draw(bits: u64) -> f64 {
    const STEPS: f64 = (1_u64 << 53) as f64;
    (bits >> 11) as f64 / STEPS
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::sampling::Rule;

    /// A clock set by the test, in seconds.
    #[derive(Default)]
    struct TestClock(AtomicU64);

    impl TestClock {
        fn set(&self, second: u64) {
            self.0.store(second, Ordering::Relaxed);
        }
    }

    impl Clock for TestClock {
        fn wall(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::Relaxed))
        }

        fn monotonic(&self) -> u64 {
            unreachable!("sampling counts by the wall clock")
        }
    }

    /// The middles of a thousand equal parts of all numbers, over and over: shares come out exact.
    #[derive(Default)]
    struct TestEntropy(AtomicU64);

    impl Entropy for TestEntropy {
        fn next_u64(&self) -> u64 {
            let part = self.0.fetch_add(1, Ordering::Relaxed) % 1000;
            u64::MAX / 2000 * (2 * part + 1)
        }
    }

    fn sampler(rules: Rules) -> (LocalSampler, Arc<TestClock>) {
        let clock = Arc::new(TestClock::default());
        clock.set(1_465_510_280);
        (LocalSampler::new(rules, clock.clone(), Arc::new(TestEntropy::default())), clock)
    }

    fn sampled(sampler: &LocalSampler, request: &SamplingRequest<'_>, times: usize) -> usize {
        (0..times).filter(|_| sampler.sample(request).sampled()).count()
    }

    #[test]
    fn without_rules_one_a_second_is_recorded_and_then_five_percent() {
        let (sampler, clock) = sampler(Rules::default());
        let request = SamplingRequest::new("orders");
        let first = sampler.sample(&request);
        let rule: Arc<str> = Rules::DEFAULT_NAME.into();
        assert_eq!(first, Decision::new(true, Reason::Reservoir).with_rule(rule.clone()));
        assert_eq!(sampled(&sampler, &request, 1000), 50);
        assert_eq!(sampled(&sampler, &request, 50), 50, "the lowest draws come first");
        assert_eq!(sampler.sample(&request), Decision::new(false, Reason::Rate).with_rule(rule));
        clock.set(1_465_510_281);
        assert_eq!(sampler.sample(&request).reason(), Reason::Reservoir);
        assert_eq!(sampler.sample(&request).reason(), Reason::Rate);
    }

    #[test]
    fn the_first_rule_that_matches_decides_and_names_itself() {
        let rules = Rules::default()
            .with_rule(Rule::new("api").with_path("/api/*").with_fixed_target(0).with_rate(1.0))
            .with_rule(Rule::new("all api").with_path("/api*").with_fixed_target(0).with_rate(0.0))
            .with_rule(Rule::new("gold").with_priority(1).with_attribute("tenant", "gold").with_fixed_target(3));
        let (sampler, _) = sampler(rules);
        let decided = |request: &SamplingRequest<'_>| {
            let decision = sampler.sample(request);
            (decision.rule().map(str::to_owned), decision.sampled(), decision.reason())
        };
        let api = SamplingRequest::new("orders").with_path("/api/7");
        let by = |name: &str, sampled, reason| (Some(name.to_owned()), sampled, reason);
        assert_eq!(decided(&api), by("api", true, Reason::Rate));
        assert_eq!(decided(&api.with_path("/api")), by("all api", false, Reason::Rate));
        assert_eq!(decided(&api.with_attributes(&[("tenant", "gold")])), by("gold", true, Reason::Reservoir));
        assert_eq!(decided(&api.with_path("/")), by("Default", true, Reason::Reservoir));
    }

    #[test]
    fn all_records_everything_and_none_nothing() {
        let request = SamplingRequest::new("orders");
        assert_eq!(sampled(&sampler(Rules::all()).0, &request, 3000), 3000);
        assert_eq!(sampled(&sampler(Rules::none()).0, &request, 3000), 0);
        for draw in [0, u64::MAX] {
            let decided = |rules| {
                let clock = Arc::new(TestClock::default());
                LocalSampler::new(rules, clock, Arc::new(Always(draw))).sample(&request)
            };
            assert!(decided(Rules::all()).sampled(), "{draw}");
            assert!(!decided(Rules::none()).sampled(), "{draw}");
        }
    }

    /// The same number every time.
    struct Always(u64);

    impl Entropy for Always {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn rates_are_shares_of_what_the_reservoir_leaves() {
        for (rate, expected) in [(0.0, 0), (0.001, 1), (0.25, 250), (0.5, 500), (0.999, 999), (1.0, 1000)] {
            let (sampler, _) = sampler(Rules::default().with_default(10, rate));
            let request = SamplingRequest::new("orders");
            assert_eq!(sampled(&sampler, &request, 1010), 10 + expected, "{rate}");
        }
    }

    #[test]
    fn background_work_does_not_drain_the_reservoir_of_requests() {
        let rules = Rules::default()
            .with_default(2, 0.0)
            .with_rule(Rule::new("jobs").with_service("job").with_fixed_target(3).with_rate(0.0));
        let (sampler, _) = sampler(rules);
        for (service, fixed_target) in [("job", 3), ("orders", 2)] {
            let request = SamplingRequest::new(service);
            assert_eq!(sampled(&sampler, &request.with_background(true), 10), fixed_target);
            assert_eq!(sampled(&sampler, &request, 10), fixed_target);
        }
    }

    #[test]
    fn each_rule_has_a_reservoir_of_its_own() {
        let rules = Rules::default()
            .with_default(1, 0.0)
            .with_rule(Rule::new("a").with_path("/a").with_fixed_target(2).with_rate(0.0))
            .with_rule(Rule::new("b").with_path("/b").with_fixed_target(0).with_rate(0.0));
        let (sampler, clock) = sampler(rules);
        for second in [10, 11, 5, 6] {
            clock.set(second);
            for (path, fixed_target) in [("/a", 2), ("/b", 0), ("/c", 1)] {
                let request = SamplingRequest::new("orders").with_path(path);
                assert_eq!(sampled(&sampler, &request, 10), fixed_target, "{path} in {second}");
            }
        }
    }

    #[test]
    fn many_threads_get_exactly_the_target_in_one_second() {
        let (sampler, _) = sampler(Rules::default().with_default(100, 0.0));
        let total: usize = std::thread::scope(|scope| {
            let takers: Vec<_> =
                (0..4).map(|_| scope.spawn(|| sampled(&sampler, &SamplingRequest::new("orders"), 500))).collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(total, 100);
    }

    #[test]
    fn a_sampler_prints_its_rules_and_can_be_shared() {
        fn shared<T: Send + Sync + 'static>(_: &T) {}
        let (sampler, _) = sampler(Rules::all());
        shared(&sampler);
        assert_eq!(sampler.to_string(), sampler.rules().to_string());
        assert!(format!("{sampler:?}").starts_with("LocalSampler { rules: Rules"));
        let dynamic: Arc<dyn Sample> = Arc::new(sampler);
        assert!(dynamic.sample(&SamplingRequest::new("orders")).sampled());
    }
}
