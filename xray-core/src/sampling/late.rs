//! The rules on the response that may keep a request when it has ended.

use std::fmt;
use std::sync::Arc;

use super::rule_set::RuleSet;

/// Which rules on the response to ask when a request has ended: those whose patterns matched when it began, and that
/// stand before the rule that decided then. They stay the rules of that moment, whatever is reloaded since.
///
/// Made by [`LocalSampler`](super::LocalSampler); other samplers that hold one hand it on, by
/// [`Decision::with_late_rules`](super::Decision::with_late_rules).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use xray_core::sampling::{LocalSampler, Rule, Rules, Sample, SamplingRequest};
/// use xray_core::{SystemClock, ThreadEntropy};
///
/// let rules = Rules::none().with_rule(Rule::new("errors").with_attribute("fault", "true"));
/// let sampler = LocalSampler::new(rules, Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let decision = sampler.sample(&SamplingRequest::new("orders"));
/// assert!(!decision.sampled() && decision.late_rules().is_some());
/// ```
#[derive(Clone)]
pub struct LateRules {
    pub(super) set: Arc<RuleSet>,
    /// A bit for each of the set's rules on the response, in their order.
    pub(super) asked: u64,
}

impl PartialEq for LateRules {
    fn eq(&self, other: &LateRules) -> bool {
        Arc::ptr_eq(&self.set, &other.set) && self.asked == other.asked
    }
}

impl Eq for LateRules {}

impl fmt::Debug for LateRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.set.late_rules(self.asked).map(|(rule, _)| rule.name())).finish()
    }
}
