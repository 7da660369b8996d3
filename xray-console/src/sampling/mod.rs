//! Sampling rules and targets, served to X-Ray SDKs of every language as the service does.
//!
//! SDKs fetch the rules every few minutes and decide by them; every ten seconds they tell what they decided and are
//! given targets: the rule's rate, and their part of its reservoir. Here a reservoir is split over the clients that
//! asked for a target of its rule within the last 30 seconds, whole requests a second, nobody's part below 0, the parts
//! together the reservoir.
//!
//! | what | bound | beyond it |
//! |---|---|---|
//! | clients remembered | 10,000 by rule and id | the longest unheard is forgotten |
//! | statistics kept | the last hour, by rule, in windows of ten seconds | older ones are dropped |
//! | rules besides `Default` | 25 by `CreateSamplingRule`; a file may bring more | `RuleLimitExceededException` |
//!
//! Source: X-Ray Developer Guide, "Configuring sampling rules" and "Using sampling rules with the X-Ray API"; X-Ray API
//! Reference, "GetSamplingTargets". Quota, interval and time to live as AWS gives them; how it splits reservoirs is
//! not published.

mod file;
mod operations;
mod rules;
mod shapes;
mod statistics;
mod targets;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use file::{ServedRules, ServedRulesError};
pub use operations::{
    CreateSamplingRule, DeleteSamplingRule, GetSamplingRules, GetSamplingRulesAnswer, GetSamplingStatisticSummaries,
    GetSamplingStatisticSummariesAnswer, GetSamplingTargets, GetSamplingTargetsAnswer, SamplingRuleAnswer,
    UpdateSamplingRule,
};
pub use shapes::{
    SamplingBoost, SamplingBoostStatisticsDocument, SamplingRateBoost, SamplingRule, SamplingRuleRecord,
    SamplingRuleUpdate, SamplingStatisticSummary, SamplingStatisticsDocument, SamplingTargetDocument,
    UnprocessedStatistics,
};

pub(crate) use rules::RuleSet;
use statistics::Statistics;
use targets::Clients;

/// Rules as they are now, who asks for them, and what they say they decided.
#[derive(Debug)]
pub(crate) struct Sampling(Mutex<State>);

#[derive(Debug)]
struct State {
    rules: RuleSet,
    clients: Clients,
    statistics: Statistics,
}

impl Sampling {
    pub(crate) fn new(rules: ServedRules, now: f64) -> Sampling {
        Sampling::of(RuleSet::new(rules, now))
    }

    pub(crate) fn of(rules: RuleSet) -> Sampling {
        Sampling(Mutex::new(State { rules, clients: Clients::default(), statistics: Statistics::default() }))
    }

    pub(crate) fn rules(&self) -> RuleSet {
        self.lock().rules.clone()
    }

    /// Whether one of the rules has this ARN.
    pub(crate) fn has_arn(&self, arn: &str) -> bool {
        self.lock().rules.has_arn(arn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
