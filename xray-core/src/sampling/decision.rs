//! What sampling comes to.

use std::sync::Arc;

use super::late::LateRules;

/// Sampled or not, why, and by which rule under which terms. Cheap to clone.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use xray_core::sampling::{LocalSampler, Reason, Rules, Sample, SamplingRequest};
/// use xray_core::{SystemClock, ThreadEntropy};
///
/// let sampler = LocalSampler::new(Rules::default(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
/// let decision = sampler.sample(&SamplingRequest::new("orders"));
/// assert_eq!((decision.sampled(), decision.reason()), (true, Reason::Reservoir));
/// assert_eq!((decision.rule(), decision.fixed_target(), decision.rate()), (Some("Default"), Some(1), Some(0.05)));
/// ```
#[must_use]
#[derive(Clone, Debug)]
pub struct Decision {
    sampled: bool,
    reason: Reason,
    rule: Option<Arc<str>>,
    /// The terms are these two where there is a target. Not an option of both: that takes 8 bytes more, in every open
    /// request.
    fixed_target: Option<u32>,
    rate: f64,
    late: Option<LateRules>,
}

impl Decision {
    /// A decision that names no rule.
    pub fn new(sampled: bool, reason: Reason) -> Decision {
        Decision { sampled, reason, rule: None, fixed_target: None, rate: 0.0, late: None }
    }

    /// The same decision, made by this rule. The name is shared, not copied.
    pub fn with_rule(mut self, rule: Arc<str>) -> Decision {
        self.rule = Some(rule);
        self
    }

    /// The same decision, made when the rule's terms were these: traces each second that are recorded first, and the
    /// share 0.0–1.0 of the rest.
    pub fn with_terms(mut self, fixed_target: u32, rate: f64) -> Decision {
        (self.fixed_target, self.rate) = (Some(fixed_target), rate);
        self
    }

    /// The same decision, of a request that these rules may keep when it has ended: it is recorded until then.
    pub fn with_late_rules(mut self, rules: Option<LateRules>) -> Decision {
        self.late = rules;
        self
    }

    /// True when the segment is recorded and sent.
    pub fn sampled(&self) -> bool {
        self.sampled
    }

    /// Why it came out so.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Name of the rule that decided; `None` where no rule did.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// Traces each second that the rule recorded first when it decided; `None` where no rule did. Of a central rule
    /// it is the quota that was granted.
    pub fn fixed_target(&self) -> Option<u32> {
        self.fixed_target
    }

    /// Share of the rest that the rule recorded when it decided, 0.0–1.0; `None` where no rule did.
    pub fn rate(&self) -> Option<f64> {
        self.fixed_target.map(|_| self.rate)
    }

    /// Rules that may keep the segment when it has ended; `None` almost always.
    pub fn late_rules(&self) -> Option<&LateRules> {
        self.late.as_ref()
    }
}

/// The same outcome for the same reason, by the same rule under the same terms.
impl PartialEq for Decision {
    fn eq(&self, other: &Decision) -> bool {
        let terms = |decision: &Decision| (decision.fixed_target, decision.rate.to_bits());
        (self.sampled, self.reason, &self.rule) == (other.sampled, other.reason, &other.rule)
            && terms(self) == terms(other)
            && self.late == other.late
    }
}

impl Eq for Decision {}

/// Why a decision came out as it did: [`Decision::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The caller had decided: `Sampled=0` or `Sampled=1` in the trace header.
    Header,
    /// Sampled as one of the rule's first `fixed_target` requests in this second.
    Reservoir,
    /// Sampled as the one request a second that a central rule allows where X-Ray has allotted nothing to this process:
    /// a loan from the rule's reservoir.
    Borrow,
    /// The reservoir was used up or empty, and the rule's `rate` decided, for or against.
    Rate,
    /// Decided at the end: not sampled at the start, recorded all the same, and kept for how it ended. Callers and
    /// the services called were told `Sampled=0`.
    Late,
    /// No rule was asked: a [`Sample`](super::Sample) that always answers the same.
    Fixed,
}
