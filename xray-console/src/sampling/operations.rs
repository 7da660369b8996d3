//! The seven operations on sampling rules, and their answers.

use serde::{Deserialize, Serialize};

use crate::api::check::{count, length, range};
use crate::api::{Api, ApiError, Operation, Tag, page};

use super::targets::{INTERVAL, QUOTA_TTL};
use super::{
    SamplingBoostStatisticsDocument, SamplingRule, SamplingRuleRecord, SamplingRuleUpdate, SamplingStatisticSummary,
    SamplingStatisticsDocument, SamplingTargetDocument, State, UnprocessedStatistics,
};

/// Statistics in one request.
const DOCUMENTS: usize = 25;
/// A client's id, characters.
const CLIENT_ID: usize = 24;
/// SDKs of some languages read no second page of rules.
const RULES_PAGE: usize = 1_000;
const SUMMARIES_PAGE: usize = 1_000;

/// Gives the rules by which clients decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingRules {
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of rules, in the order in which they are asked; `Default` is the last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingRulesAnswer {
    /// The rules.
    pub sampling_rule_records: Vec<SamplingRuleRecord>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Tells what a client decided, and asks what it shall do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingTargets {
    /// By rule; at most 25.
    pub sampling_statistics_documents: Vec<SamplingStatisticsDocument>,
    /// Taken, and nothing is done about them; at most 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_boost_statistics_documents: Option<Vec<SamplingBoostStatisticsDocument>>,
}

/// What a client shall do next.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingTargetsAnswer {
    /// By rule.
    #[serde(default)]
    pub sampling_target_documents: Vec<SamplingTargetDocument>,
    /// When any rule was last changed, seconds since the epoch: a client whose copy is older fetches them anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_rule_modification: Option<f64>,
    /// Of rules that there are not.
    #[serde(default)]
    pub unprocessed_statistics: Vec<UnprocessedStatistics>,
    /// Of rules that there are not.
    #[serde(default)]
    pub unprocessed_boost_statistics: Vec<UnprocessedStatistics>,
}

/// Gives what all clients decided within the last hour.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingStatisticSummaries {
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of what was decided, by time, then rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetSamplingStatisticSummariesAnswer {
    /// By window of ten seconds and rule.
    pub sampling_statistic_summaries: Vec<SamplingStatisticSummary>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Makes a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateSamplingRule {
    /// The rule, with a name that none has yet.
    pub sampling_rule: SamplingRule,
    /// Tags to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

/// Changes a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateSamplingRule {
    /// Which, and what of it.
    pub sampling_rule_update: SamplingRuleUpdate,
}

/// Removes a rule, named by name or ARN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteSamplingRule {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Its ARN.
    #[serde(rename = "RuleARN", skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRuleAnswer {
    /// As it is now, or was when it was removed.
    pub sampling_rule_record: SamplingRuleRecord,
}

impl Operation for GetSamplingRules {
    type Answer = GetSamplingRulesAnswer;
    const NAME: &'static str = "GetSamplingRules";
    const PATH: &'static str = "/GetSamplingRules";

    fn answer(self, api: &Api) -> Result<GetSamplingRulesAnswer, ApiError> {
        if let Some(upstream) = api.upstream() {
            return upstream.rules(self);
        }
        let start = page::index::<GetSamplingRules>(self.next_token.as_deref())?;
        let all = api.sampling().lock().rules.all();
        let (sampling_rule_records, next_token) = page::by_index::<GetSamplingRules, _>(all, start, RULES_PAGE);
        Ok(GetSamplingRulesAnswer { sampling_rule_records, next_token })
    }
}

impl Operation for GetSamplingTargets {
    type Answer = GetSamplingTargetsAnswer;
    const NAME: &'static str = "GetSamplingTargets";
    const PATH: &'static str = "/SamplingTargets";

    fn answer(self, api: &Api) -> Result<GetSamplingTargetsAnswer, ApiError> {
        if let Some(upstream) = api.upstream() {
            return upstream.targets(self);
        }
        let boosts = self.sampling_boost_statistics_documents.unwrap_or_default();
        count("SamplingStatisticsDocuments", &self.sampling_statistics_documents, DOCUMENTS)?;
        count("SamplingBoostStatisticsDocuments", &boosts, DOCUMENTS)?;
        for document in &self.sampling_statistics_documents {
            length("ClientID", &document.client_id, CLIENT_ID, CLIENT_ID)?;
            for (member, count) in [
                ("RequestCount", Some(document.request_count)),
                ("SampledCount", Some(document.sampled_count)),
                ("BorrowCount", document.borrow_count),
            ] {
                range(member, count.unwrap_or(0), 0, i64::from(i32::MAX))?;
            }
        }
        let now = api.now();
        let mut state = api.sampling().lock();
        let mut answer = GetSamplingTargetsAnswer {
            last_rule_modification: Some(state.rules.modified()),
            ..GetSamplingTargetsAnswer::default()
        };
        for document in self.sampling_statistics_documents {
            match state.target(&document, now) {
                Some(target) => answer.sampling_target_documents.push(target),
                None => answer.unprocessed_statistics.push(unknown(document.rule_name)),
            }
        }
        for boost in boosts {
            if state.rules.get(&boost.rule_name).is_none() {
                answer.unprocessed_boost_statistics.push(unknown(boost.rule_name));
            }
        }
        Ok(answer)
    }
}

impl State {
    /// None if there is no such rule.
    fn target(&mut self, document: &SamplingStatisticsDocument, now: f64) -> Option<SamplingTargetDocument> {
        let rule = self.rules.get(&document.rule_name)?;
        self.clients.heard(&document.rule_name, &document.client_id, now);
        self.statistics.add(document, now);
        let quota = self.clients.quota(&document.rule_name, &document.client_id, rule.reservoir_size, now);
        Some(SamplingTargetDocument {
            rule_name: Some(document.rule_name.clone()),
            fixed_rate: Some(rule.fixed_rate),
            reservoir_quota: Some(quota),
            // Some SDKs read whole seconds alone.
            reservoir_quota_ttl: Some((now + QUOTA_TTL).floor()),
            interval: Some(INTERVAL),
            sampling_boost: None,
        })
    }
}

/// X-Ray's own code for it is not published; this name is ours.
fn unknown(rule: String) -> UnprocessedStatistics {
    UnprocessedStatistics {
        rule_name: Some(rule),
        error_code: Some("RuleNotFound".to_owned()),
        message: Some("there is no sampling rule of this name".to_owned()),
    }
}

impl Operation for GetSamplingStatisticSummaries {
    type Answer = GetSamplingStatisticSummariesAnswer;
    const NAME: &'static str = "GetSamplingStatisticSummaries";
    const PATH: &'static str = "/SamplingStatisticSummaries";

    fn answer(self, api: &Api) -> Result<GetSamplingStatisticSummariesAnswer, ApiError> {
        let all: Vec<_> = api.sampling().lock().statistics.summaries().collect();
        let (page, next_token) = page::by_key::<GetSamplingStatisticSummaries, _>(
            all,
            |(key, _)| key,
            self.next_token.as_deref(),
            SUMMARIES_PAGE,
        )?;
        let sampling_statistic_summaries = page.into_iter().map(|(_, summary)| summary).collect();
        Ok(GetSamplingStatisticSummariesAnswer { sampling_statistic_summaries, next_token })
    }
}

impl Operation for CreateSamplingRule {
    type Answer = SamplingRuleAnswer;
    const NAME: &'static str = "CreateSamplingRule";
    const PATH: &'static str = "/CreateSamplingRule";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<SamplingRuleAnswer, ApiError> {
        let now = api.now();
        // The rule and its tags are made together: held until both are.
        let mut tags = api.tags();
        let mut state = api.sampling().lock();
        let record = state.rules.create(self.sampling_rule, now)?;
        let rule = record.sampling_rule.as_ref();
        let arn = rule.and_then(|rule| rule.rule_arn.as_deref()).unwrap_or_default();
        if let Err(error) = tags.create(arn, self.tags) {
            state.rules.delete(None, Some(arn), now)?;
            return Err(error);
        }
        Ok(SamplingRuleAnswer { sampling_rule_record: record })
    }
}

impl Operation for UpdateSamplingRule {
    type Answer = SamplingRuleAnswer;
    const NAME: &'static str = "UpdateSamplingRule";
    const PATH: &'static str = "/UpdateSamplingRule";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<SamplingRuleAnswer, ApiError> {
        let sampling_rule_record = api.sampling().lock().rules.update(self.sampling_rule_update, api.now())?;
        Ok(SamplingRuleAnswer { sampling_rule_record })
    }
}

impl Operation for DeleteSamplingRule {
    type Answer = SamplingRuleAnswer;
    const NAME: &'static str = "DeleteSamplingRule";
    const PATH: &'static str = "/DeleteSamplingRule";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<SamplingRuleAnswer, ApiError> {
        let mut tags = api.tags();
        let mut state = api.sampling().lock();
        let record = state.rules.delete(self.rule_name.as_deref(), self.rule_arn.as_deref(), api.now())?;
        if let Some(arn) = record.sampling_rule.as_ref().and_then(|rule| rule.rule_arn.as_deref()) {
            tags.remove(arn);
        }
        Ok(SamplingRuleAnswer { sampling_rule_record: record })
    }
}
