//! Sampling: whether a segment is recorded. Decided once, when it opens, then carried to all beneath it.
//!
//! A request that brings no decision is given one by [`Rules`]: the first rule that matches it, else the default
//! rule. A rule records the first `fixed_target` requests of each second (its reservoir), then the share `rate`
//! (0.0–1.0) of the rest. Without any setting there is only the default rule: one a second, then 5 %.
//!
//! ```
//! use std::sync::Arc;
//! use xray_core::sampling::{LocalSampler, Rule, Rules, Sample, SamplingRequest};
//! use xray_core::{SystemClock, ThreadEntropy};
//!
//! let rules = Rules::default()
//!     .with_rule(Rule::new("health checks").with_path("/health").with_fixed_target(0).with_rate(0.0));
//! let sampler = LocalSampler::new(rules, Arc::new(SystemClock), Arc::new(ThreadEntropy));
//!
//! let decision = sampler.sample(&SamplingRequest::new("orders").with_path("/health"));
//! assert!(!decision.sampled());
//! assert_eq!(decision.rule(), Some("health checks"));
//! ```
//!
//! Rules come from code, as here, or from JSON: see [`Rules`]. Another way of deciding implements [`Sample`].
//!
//! Source: X-Ray Developer Guide, "Configuring sampling rules".

#[cfg(feature = "central-sampling")]
pub(crate) mod central;
mod counts;
mod decision;
mod end;
mod error;
mod fields;
mod held;
mod late;
mod local;
mod parse;
mod reservoir;
mod response;
mod rule;
mod rule_set;
mod rules;
mod rules_file;
mod wildcard;

use std::sync::Arc;

#[cfg(feature = "central-sampling")]
#[cfg_attr(docsrs, doc(cfg(feature = "central-sampling")))]
pub use central::CentralSampler;
pub use counts::RuleCounts;
pub use decision::{Decision, Reason};
pub use end::SegmentEnd;
pub use error::{RulesError, RulesErrorKind};
pub use late::LateRules;
pub use local::LocalSampler;
#[cfg(feature = "layer")]
pub(crate) use reservoir::Reservoir;
pub use rule::Rule;
pub use rules::Rules;
pub use wildcard::Pattern;

/// Decides whether a segment is recorded. [`LocalSampler`] goes by [`Rules`].
pub trait Sample: Send + Sync + 'static {
    /// Decides for one request. Called once for each segment, on the host's threads: must not block or panic.
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision;

    /// Whether [`Sample::ended`] is to be called. Asked once, when the layer is made; where it is `false`, segments
    /// that are not recorded note nothing about how they went.
    fn wants_end(&self) -> bool {
        false
    }

    /// Learns how a segment ended. Called once for each that middleware or the program opened, sampled or not, with
    /// the decision it lived under, be it this sampler's or the incoming header's. On the host's threads: must not
    /// block or panic.
    ///
    /// Not told: a span that was given a segment of its own, and what AWS Lambda sends itself.
    fn ended(&self, decision: &Decision, end: &SegmentEnd<'_>) {
        let _ = (decision, end);
    }

    /// Which rules on the response may keep a request that this sampler did not decide, because its caller had. Asked
    /// only where late capture is to go against the caller's decision. Must not block or panic.
    fn late_rules(&self, request: &SamplingRequest<'_>) -> Option<LateRules> {
        let _ = request;
        None
    }

    /// Decides again, at the end of a segment that was not sampled and whose decision has
    /// [`late_rules`](Decision::late_rules): kept or not, by the first of them that its end matches; `None` where none
    /// does. On the host's threads: must not block or panic.
    fn sample_late(&self, decision: &Decision, end: &SegmentEnd<'_>) -> Option<Decision> {
        let _ = (decision, end);
        None
    }

    /// What each rule has decided so far; at most [`RuleCounts::MAX_ROWS`] rows and one for the others. Asked when
    /// somebody wants to see the counters.
    fn rule_counts(&self) -> Vec<RuleCounts> {
        Vec::new()
    }
}

impl<S: Sample + ?Sized> Sample for Arc<S> {
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision {
        (**self).sample(request)
    }

    fn wants_end(&self) -> bool {
        (**self).wants_end()
    }

    fn ended(&self, decision: &Decision, end: &SegmentEnd<'_>) {
        (**self).ended(decision, end);
    }

    fn late_rules(&self, request: &SamplingRequest<'_>) -> Option<LateRules> {
        (**self).late_rules(request)
    }

    fn sample_late(&self, decision: &Decision, end: &SegmentEnd<'_>) -> Option<Decision> {
        (**self).sample_late(decision, end)
    }

    fn rule_counts(&self) -> Vec<RuleCounts> {
        (**self).rule_counts()
    }
}

/// What rules can match on: all that is known when a segment opens.
///
/// # Examples
///
/// ```
/// use xray_core::sampling::SamplingRequest;
///
/// let request = SamplingRequest::new("orders")
///     .with_host("shop.example.com")
///     .with_method("GET")
///     .with_path("/api/orders/7");
/// assert_eq!(request.method, Some("GET"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplingRequest<'a> {
    /// Name of the segment; rules call it `service_name`.
    pub service: &'a str,
    /// The `Host` header as it came, with its port if it has one.
    pub host: Option<&'a str>,
    /// The HTTP method.
    pub method: Option<&'a str>,
    /// Path of the URL, without query.
    pub path: Option<&'a str>,
    /// What the service runs on, in the words of a segment's `origin`: `AWS::ECS::Container` and the like.
    pub service_type: Option<&'a str>,
    /// Names and values of attributes that are known at the start, in any order.
    pub attributes: &'a [(&'a str, &'a str)],
    /// True for a root span without a request (a job, a command). Rules match it like any other, but it is
    /// decided from a reservoir of its own, so that it does not take the requests' place.
    pub background: bool,
}

impl<'a> SamplingRequest<'a> {
    /// A request of which only the segment's name is known.
    #[must_use]
    pub fn new(service: &'a str) -> SamplingRequest<'a> {
        SamplingRequest { service, ..SamplingRequest::default() }
    }

    /// With this `Host` header.
    #[must_use]
    pub fn with_host(mut self, host: &'a str) -> SamplingRequest<'a> {
        self.host = Some(host);
        self
    }

    /// With this HTTP method.
    #[must_use]
    pub fn with_method(mut self, method: &'a str) -> SamplingRequest<'a> {
        self.method = Some(method);
        self
    }

    /// With this path, without query.
    #[must_use]
    pub fn with_path(mut self, path: &'a str) -> SamplingRequest<'a> {
        self.path = Some(path);
        self
    }

    /// With this kind of service, `AWS::ECS::Container` and the like.
    #[must_use]
    pub fn with_service_type(mut self, service_type: &'a str) -> SamplingRequest<'a> {
        self.service_type = Some(service_type);
        self
    }

    /// With these attributes, names and values, instead of those it has.
    #[must_use]
    pub fn with_attributes(mut self, attributes: &'a [(&'a str, &'a str)]) -> SamplingRequest<'a> {
        self.attributes = attributes;
        self
    }

    /// With or without a request behind it: see [`background`](SamplingRequest::background).
    #[must_use]
    pub fn with_background(mut self, background: bool) -> SamplingRequest<'a> {
        self.background = background;
        self
    }
}
