//! The sampler that decides by rules kept in this process.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::held::Held;
use super::rule_set::RuleSet;
use super::rules_file::RulesFile;
use super::{Decision, LateRules, RuleCounts, Rules, RulesError, Sample, SamplingRequest, SegmentEnd};
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
    rules: InForce,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

enum InForce {
    /// For good.
    Fixed(Arc<RuleSet>),
    /// Until the file changes.
    File(Held<RuleSet>, RulesFile),
}

impl LocalSampler {
    /// A sampler with full reservoirs. Seconds are those of the clock's wall time; draws come from `entropy`.
    pub fn new(rules: Rules, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> LocalSampler {
        LocalSampler { rules: InForce::Fixed(Arc::new(RuleSet::new(rules, None))), clock, entropy }
    }

    /// A sampler by the rules of a JSON file, which [`LocalSampler::reload`] reads again.
    ///
    /// # Errors
    ///
    /// As [`Rules::from_file`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use xray_core::sampling::LocalSampler;
    /// use xray_core::{SystemClock, ThreadEntropy};
    ///
    /// let sampler = LocalSampler::from_file("sampling.json", Arc::new(SystemClock), Arc::new(ThreadEntropy))?;
    /// println!("{sampler}");
    /// # Ok::<(), xray_core::sampling::RulesError>(())
    /// ```
    pub fn from_file(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<LocalSampler, RulesError> {
        let (file, rules) = RulesFile::open(path.as_ref())?;
        Ok(LocalSampler { rules: InForce::File(Held::new(RuleSet::new(rules, None)), file), clock, entropy })
    }

    /// Reads the file of rules again if its time of modification or its length is another; true when new rules are in
    /// force. Without a file nothing happens. Reads a file: not for the threads of requests. A layer does this by
    /// itself (`Builder::rules_file`).
    ///
    /// A rule that keeps its name keeps its reservoir and its counts. Requests that are under way keep the rules they
    /// began with.
    ///
    /// # Errors
    ///
    /// As [`Rules::from_file`], once for each version of the file; the rules in force stay.
    pub fn reload(&self) -> Result<bool, RulesError> {
        let InForce::File(held, file) = &self.rules else { return Ok(false) };
        let Some(rules) = file.changed()? else { return Ok(false) };
        held.replace(RuleSet::new(rules, Some(&held.current())));
        Ok(true)
    }

    /// The file the rules are read from.
    pub fn file(&self) -> Option<&Path> {
        match &self.rules {
            InForce::Fixed(_) => None,
            InForce::File(_, file) => Some(file.path()),
        }
    }

    /// The rules it decides by now.
    pub fn rules(&self) -> Arc<Rules> {
        self.with_set(|set| Arc::clone(set.rules()))
    }

    #[inline]
    fn with_set<T>(&self, work: impl FnOnce(&Arc<RuleSet>) -> T) -> T {
        match &self.rules {
            InForce::Fixed(set) => work(set),
            InForce::File(held, _) => held.with(work),
        }
    }
}

impl Sample for LocalSampler {
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision {
        self.with_set(|set| set.decide(request, &*self.clock, &*self.entropy))
    }

    fn late_rules(&self, request: &SamplingRequest<'_>) -> Option<LateRules> {
        self.with_set(|set| set.late_for(request, usize::MAX))
    }

    fn sample_late(&self, decision: &Decision, end: &SegmentEnd<'_>) -> Option<Decision> {
        decision.late_rules()?.decide(end, &*self.clock, &*self.entropy)
    }

    fn rule_counts(&self) -> Vec<RuleCounts> {
        self.with_set(|set| set.counts())
    }
}

/// The effective rules, as [`Rules`] prints them.
impl fmt::Display for LocalSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.rules(), f)
    }
}

impl fmt::Debug for LocalSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSampler").field("rules", &self.rules()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
