//! The sampler that decides by the service's rules.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::poller::Now;
use super::rule_set::RuleSet;
use super::worker::Worker;
use crate::diagnostics::{Diagnostics, DiagnosticsLevel};
use crate::emit::{DaemonAddress, Endpoint};
use crate::sampling::held::Held;
use crate::sampling::rule_set::share;
use crate::sampling::{Decision, LateRules, LocalSampler, RuleCounts, Rules, Sample, SamplingRequest, SegmentEnd};
use crate::stats::Stats;
use crate::{Clock, Entropy, SystemClock, ThreadEntropy};

/// Decides by the rules that are set in X-Ray, for all instances of a service together.
///
/// The usual way to have one is `XRAY_SAMPLING=central`, or
/// [`Builder::central_sampling`](crate::Builder::central_sampling). Made by hand it can be told more: see below.
///
/// A rule is found by priority, then name; the rule called `Default` matches what no other does. Its first requests of
/// each second are recorded, as many as the service allots to this process, and of the rest the share that is its rate.
/// Without an allotment (at first, or when the daemon is gone) one a second is recorded, *borrowed* from the rule's
/// reservoir, unless that is 0. Work without a request ([`SamplingRequest::background`]) takes nothing of the allotment:
/// it has one trace a second of its own. A decision that came with the request is no business of the rules.
///
/// The rules are asked for every 300 s, and the allotments every 10 s, by one thread that starts with the first
/// decision. A decision never waits for it, allocates nothing and takes no lock. Until there are rules, and an hour after
/// they were last had, the local rules decide ([`CentralSampler::with_fallback`]).
///
/// Adaptive sampling: for rules that X-Ray may boost, it is told how many segments ended in an anomaly, which is a fault
/// unless [`CentralSampler::with_anomaly`] says otherwise; while the boost lasts, its rate takes the place of the rule's.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use xray_core::sampling::{CentralSampler, Rules};
/// use xray_core::{DaemonAddress, SegmentLayer};
///
/// let sampler = CentralSampler::new(&DaemonAddress::default())
///     .with_fallback(Rules::default().with_default(1, 0.01))
///     .with_anomaly(|end| end.fault || end.duration > Duration::from_secs(2));
/// let layer = SegmentLayer::builder("orders").sampler(sampler).build()?;
/// # drop(layer);
/// # Ok::<(), xray_core::ConfigError>(())
/// ```
pub struct CentralSampler {
    shared: Arc<Shared>,
    fallback: Arc<dyn Sample>,
    fallback_wants_end: bool,
    resource_arn: Option<Box<str>>,
    anomaly: Anomaly,
    worker: Worker,
}

/// Which ends of segments are anomalies.
type Anomaly = Box<dyn Fn(&SegmentEnd<'_>) -> bool + Send + Sync>;

/// What the sampler and its thread share.
pub(super) struct Shared {
    pub(super) endpoint: Endpoint,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    /// Read without a lock by every decision; replaced by the thread at each refresh.
    rules: Held<RuleSet>,
    report: OnceLock<Report>,
}

/// Where trouble is counted and told.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) stats: Arc<Stats>,
    pub(crate) diagnostics: Arc<Diagnostics>,
}

impl CentralSampler {
    /// A sampler that asks the daemon at this address. Nothing is asked before the first decision.
    #[must_use]
    pub fn new(daemon: &DaemonAddress) -> CentralSampler {
        CentralSampler::with_sources(daemon, Arc::new(SystemClock), Arc::new(ThreadEntropy))
    }

    /// As [`CentralSampler::new`], with another source of time, and of draws and its client id.
    #[must_use]
    pub fn with_sources(daemon: &DaemonAddress, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> CentralSampler {
        let fallback = LocalSampler::new(Rules::default(), Arc::clone(&clock), Arc::clone(&entropy));
        let shared = Shared {
            endpoint: daemon.tcp().clone(),
            clock,
            entropy,
            rules: Held::new(RuleSet::none()),
            report: OnceLock::new(),
        };
        CentralSampler {
            shared: Arc::new(shared),
            fallback: Arc::new(fallback),
            fallback_wants_end: false,
            resource_arn: None,
            anomaly: Box::new(|end| end.fault),
            worker: Worker::default(),
        }
    }

    /// Local rules for as long as there are none of the service's: one a second and 5 % unless said.
    #[must_use]
    pub fn with_fallback(self, rules: Rules) -> CentralSampler {
        let sampler = LocalSampler::new(rules, Arc::clone(&self.shared.clock), Arc::clone(&self.shared.entropy));
        self.with_fallback_sampler(Arc::new(sampler))
    }

    /// Another sampler for as long as there are no rules of the service's.
    #[must_use]
    pub fn with_fallback_sampler(mut self, sampler: Arc<dyn Sample>) -> CentralSampler {
        self.fallback_wants_end = sampler.wants_end();
        self.fallback = sampler;
        self
    }

    /// The ARN of the AWS resource that the service runs as, for rules that name one. Without it, they match only with
    /// `*`.
    #[must_use]
    pub fn with_resource_arn(mut self, arn: &str) -> CentralSampler {
        self.resource_arn = Some(arn.into());
        self
    }

    /// Which ends of segments count as anomalies when X-Ray may boost a rule: faults unless said. Called on the host's
    /// threads for segments under such rules: must not block or panic.
    #[must_use]
    pub fn with_anomaly(mut self, anomaly: impl Fn(&SegmentEnd<'_>) -> bool + Send + Sync + 'static) -> CentralSampler {
        self.anomaly = Box::new(anomaly);
        self
    }

    /// Where trouble is counted and told, instead of on standard error.
    pub(crate) fn with_report(self, report: Report) -> CentralSampler {
        // Set once, before the sampler is shared.
        let _ = self.shared.report.set(report);
        self
    }

    /// The names of the service's rules in the order in which they are asked; empty while the local ones decide.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::DaemonAddress;
    /// use xray_core::sampling::CentralSampler;
    ///
    /// let sampler = CentralSampler::new(&DaemonAddress::default());
    /// assert!(sampler.rule_names().is_empty()); // nobody was asked yet
    /// ```
    pub fn rule_names(&self) -> Vec<Arc<str>> {
        let rules = self.shared.live_rules();
        rules.iter().flat_map(|rules| rules.all()).map(|rule| Arc::clone(&rule.name)).collect()
    }

    #[cfg(test)]
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The decision by the service's rules, if there are any that hold and one that matches.
    pub(super) fn decide(&self, request: &SamplingRequest<'_>) -> Option<Decision> {
        let decision = self.shared.rules.with(|rules| {
            if !self.shared.holds(rules) {
                return None;
            }
            let rule = rules.find(request, self.resource_arn.as_deref())?;
            let wall = self.shared.clock.wall();
            let outcome = rule.state.decide(request.background, wall, || share(self.shared.entropy.next_u64()));
            let decision = Decision::new(outcome.sampled, outcome.reason).with_rule(Arc::clone(&rule.name));
            Some(decision.with_terms(outcome.fixed_target, outcome.rate))
        })?;
        // Rules on the response are local ones: the service has none.
        Some(if decision.sampled() { decision } else { decision.with_late_rules(self.fallback.late_rules(request)) })
    }
}

impl Sample for CentralSampler {
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision {
        self.worker.start(&self.shared);
        self.decide(request).unwrap_or_else(|| self.fallback.sample(request))
    }

    fn wants_end(&self) -> bool {
        true
    }

    fn ended(&self, decision: &Decision, end: &SegmentEnd<'_>) {
        if let Some(name) = decision.rule() {
            self.shared.rules.with(|rules| {
                if let Some(state) = rules.boosted(name) {
                    state.boost.count(end.service, (self.anomaly)(end), decision.sampled());
                }
            });
        }
        if self.fallback_wants_end {
            self.fallback.ended(decision, end);
        }
    }

    fn late_rules(&self, request: &SamplingRequest<'_>) -> Option<LateRules> {
        self.fallback.late_rules(request)
    }

    fn sample_late(&self, decision: &Decision, end: &SegmentEnd<'_>) -> Option<Decision> {
        self.fallback.sample_late(decision, end)
    }

    /// The service's rules first, then the local ones.
    fn rule_counts(&self) -> Vec<RuleCounts> {
        let rules = self.shared.rules();
        let central = rules.iter().flat_map(|rules| rules.all()).map(|rule| rule.state.totals(&rule.name));
        RuleCounts::bounded(central.chain(self.fallback.rule_counts()))
    }
}

impl fmt::Debug for CentralSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CentralSampler")
            .field("daemon", &self.shared.endpoint)
            .field("rules", &self.rule_names())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn now(&self) -> Now {
        Now { monotonic: self.clock.monotonic(), wall: self.clock.wall() }
    }

    /// The rules that were had last.
    pub(super) fn rules(&self) -> Option<Arc<RuleSet>> {
        Some(self.rules.current()).filter(|rules| rules.asked_at.is_some())
    }

    pub(super) fn set_rules(&self, rules: RuleSet) {
        self.rules.replace(rules);
    }

    /// Whether rules are young enough to decide by.
    fn holds(&self, rules: &RuleSet) -> bool {
        let age = |asked_at| self.clock.monotonic().saturating_sub(asked_at);
        rules.asked_at.is_some_and(|asked_at| age(asked_at) <= RULES_HOLD.as_nanos() as u64)
    }

    fn live_rules(&self) -> Option<Arc<RuleSet>> {
        self.rules().filter(|rules| self.holds(rules))
    }

    pub(super) fn has_live_rules(&self) -> bool {
        self.live_rules().is_some()
    }

    /// Where trouble goes: to the layer that made the sampler, else to standard error.
    pub(super) fn report(&self) -> &Report {
        self.report.get_or_init(|| Report {
            stats: Arc::new(Stats::new()),
            diagnostics: Arc::new(Diagnostics::new(Arc::clone(&self.clock), DiagnosticsLevel::default())),
        })
    }
}

/// Rules that could not be refreshed for so long no longer decide. Source: the official SDKs.
const RULES_HOLD: Duration = Duration::from_secs(3600);
