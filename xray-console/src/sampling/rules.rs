//! The set of rules: what may be made, changed and removed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::api::check::{arn, count, length, one_of, range};
use crate::api::{ApiError, ApiErrorKind};

use super::{SamplingRule, SamplingRuleRecord, SamplingRuleUpdate, ServedRules};

/// Most rules besides the default that are made by the API: the quota of an account.
const MOST: usize = 25;

pub(super) const DEFAULT: &str = "Default";
/// After every other.
pub(super) const DEFAULT_PRIORITY: i64 = 10_000;

/// Rules by name, the default always among them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RuleSet {
    rules: BTreeMap<String, SamplingRuleRecord>,
    modified: f64,
}

impl RuleSet {
    pub(super) fn new(rules: ServedRules, now: f64) -> RuleSet {
        let record = |rule: SamplingRule| {
            let name = rule.rule_name.clone().unwrap_or_default();
            (name.clone(), record(&name, rule, now))
        };
        RuleSet { rules: rules.into_rules().into_iter().map(record).collect(), modified: now }
    }

    /// Whether the rule that is always there is.
    pub(crate) fn is_whole(&self) -> bool {
        self.get(DEFAULT).is_some()
    }

    /// When any of them was last made, changed or removed, seconds since the epoch.
    pub(super) fn modified(&self) -> f64 {
        self.modified
    }

    pub(super) fn get(&self, name: &str) -> Option<&SamplingRule> {
        self.rules.get(name)?.sampling_rule.as_ref()
    }

    pub(super) fn has_arn(&self, arn: &str) -> bool {
        self.rules
            .values()
            .filter_map(|record| record.sampling_rule.as_ref())
            .any(|rule| rule.rule_arn.as_deref() == Some(arn))
    }

    /// All of them, in the order in which they are asked.
    pub(super) fn all(&self) -> Vec<SamplingRuleRecord> {
        let mut all: Vec<SamplingRuleRecord> = self.rules.values().cloned().collect();
        // Stable: by name among equals, as the SDKs have it.
        all.sort_by_key(|record| record.sampling_rule.as_ref().map_or(DEFAULT_PRIORITY, |rule| rule.priority));
        all
    }

    pub(super) fn create(&mut self, rule: SamplingRule, now: f64) -> Result<SamplingRuleRecord, ApiError> {
        if rule.rule_arn.is_some() {
            return Err(ApiError::invalid("RuleARN is given for a rule that is to be made; give RuleName alone"));
        }
        let Some(name) = rule.rule_name.clone() else { return Err(ApiError::invalid("SamplingRule has no RuleName")) };
        check(&rule)?;
        if self.rules.contains_key(&name) {
            return Err(ApiError::invalid(format!("there is a sampling rule {name:?} already")));
        }
        if self.rules.len() > MOST {
            let message = format!("there are {} sampling rules besides Default; at most {MOST}", self.rules.len() - 1);
            return Err(ApiError::new(ApiErrorKind::RuleLimitExceededException, message));
        }
        let record = record(&name, rule, now);
        self.rules.insert(name, record.clone());
        self.modified = now;
        Ok(record)
    }

    pub(super) fn update(&mut self, update: SamplingRuleUpdate, now: f64) -> Result<SamplingRuleRecord, ApiError> {
        let name = self.named(update.rule_name.as_deref(), update.rule_arn.as_deref())?;
        let record = self.rules.get_mut(&name).ok_or_else(gone)?;
        let mut rule = record.sampling_rule.clone().ok_or_else(gone)?;
        let before = rule.clone();
        let set = |member: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *member = value;
            }
        };
        set(&mut rule.resource_arn, update.resource_arn);
        set(&mut rule.host, update.host);
        set(&mut rule.service_name, update.service_name);
        set(&mut rule.service_type, update.service_type);
        set(&mut rule.http_method, update.http_method);
        set(&mut rule.url_path, update.url_path);
        rule.priority = update.priority.unwrap_or(rule.priority);
        rule.attributes = update.attributes.or(rule.attributes);
        rule.sampling_rate_boost = update.sampling_rate_boost.or(rule.sampling_rate_boost);
        if name == DEFAULT && rule != before {
            return Err(ApiError::invalid("of the Default rule only FixedRate and ReservoirSize can be changed"));
        }
        rule.fixed_rate = update.fixed_rate.unwrap_or(rule.fixed_rate);
        rule.reservoir_size = update.reservoir_size.unwrap_or(rule.reservoir_size);
        check(&rule)?;
        record.sampling_rule = Some(rule);
        record.modified_at = Some(now);
        self.modified = now;
        Ok(record.clone())
    }

    pub(super) fn delete(
        &mut self,
        name: Option<&str>,
        arn: Option<&str>,
        now: f64,
    ) -> Result<SamplingRuleRecord, ApiError> {
        let name = self.named(name, arn)?;
        if name == DEFAULT {
            return Err(ApiError::invalid("the Default rule cannot be deleted"));
        }
        self.modified = now;
        self.rules.remove(&name).ok_or_else(gone)
    }

    fn named(&self, name: Option<&str>, arn: Option<&str>) -> Result<String, ApiError> {
        one_of("RuleName", name, "RuleARN", arn)?;
        let mut rules = self.rules.iter();
        let found = rules.find(|(known, record)| {
            let rule = record.sampling_rule.as_ref();
            name == Some(known.as_str()) || (arn.is_some() && arn == rule.and_then(|rule| rule.rule_arn.as_deref()))
        });
        let found = found.map(|(name, _)| name.clone());
        found.ok_or_else(|| {
            ApiError::invalid(format!("there is no sampling rule {:?}", name.or(arn).unwrap_or_default()))
        })
    }
}

fn gone() -> ApiError {
    ApiError::internal("the sampling rule is gone")
}

fn record(name: &str, mut rule: SamplingRule, now: f64) -> SamplingRuleRecord {
    rule.rule_arn = Some(arn(&format!("sampling-rule/{name}")));
    // AWS always writes it, and SDKs pass rules over that have some.
    rule.attributes.get_or_insert_default();
    SamplingRuleRecord { sampling_rule: Some(rule), created_at: Some(now), modified_at: Some(now) }
}

/// A rule as the model wants it. The default's priority is beyond what others may have.
pub(super) fn check(rule: &SamplingRule) -> Result<(), ApiError> {
    let name = rule.rule_name.as_deref().unwrap_or_default();
    length("RuleName", name, 1, 32)?;
    if name != DEFAULT {
        range("Priority", rule.priority, 1, 9_999)?;
    }
    range("FixedRate", rule.fixed_rate, 0.0, 1.0)?;
    range("ReservoirSize", rule.reservoir_size, 0, i64::from(i32::MAX))?;
    range("Version", rule.version, 1, 1)?;
    length("ResourceARN", &rule.resource_arn, 0, 500)?;
    length("ServiceName", &rule.service_name, 0, 64)?;
    length("ServiceType", &rule.service_type, 0, 64)?;
    length("Host", &rule.host, 0, 64)?;
    length("HTTPMethod", &rule.http_method, 0, 10)?;
    length("URLPath", &rule.url_path, 0, 128)?;
    let attributes: Vec<_> = rule.attributes.iter().flatten().collect();
    count("Attributes", &attributes, 5)?;
    for (key, value) in attributes {
        length("a key of Attributes", key, 1, 32)?;
        length("a value of Attributes", value, 1, 32)?;
    }
    if let Some(boost) = rule.sampling_rate_boost {
        range("MaxRate", boost.max_rate, 0.0, 1.0)?;
        range("CooldownWindowMinutes", boost.cooldown_window_minutes, 0, i64::from(i32::MAX))?;
    }
    Ok(())
}
