//! What sampling comes to.

use std::sync::Arc;

/// Sampled or not, why, and by which rule. Cheap to clone.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    sampled: bool,
    reason: Reason,
    rule: Option<Arc<str>>,
}

impl Decision {
    /// A decision that names no rule.
    pub fn new(sampled: bool, reason: Reason) -> Decision {
        Decision { sampled, reason, rule: None }
    }

    /// The same decision, made by this rule. The name is shared, not copied.
    pub fn with_rule(mut self, rule: Arc<str>) -> Decision {
        self.rule = Some(rule);
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

    /// The rule's name, shared.
    #[cfg(feature = "layer")]
    pub(crate) fn rule_arc(&self) -> Option<Arc<str>> {
        self.rule.clone()
    }

    /// Name of the rule that decided; `None` where no rule did.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }
}

/// Why a decision came out as it did.
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
    /// No rule was asked: a [`Sample`](super::Sample) that always answers the same.
    Fixed,
}
