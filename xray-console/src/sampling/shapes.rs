//! Sampling rules, statistics and targets as they go over the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A sampling rule of X-Ray.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRule {
    /// 1–32 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Given in answers.
    #[serde(rename = "RuleARN", skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// Pattern for the ARN of what the service runs on; `*` or the SDKs pass the rule over.
    #[serde(rename = "ResourceARN")]
    pub resource_arn: String,
    /// 1–9999, lowest asked first; 10000 is the default rule's.
    pub priority: i64,
    /// Share of requests beyond the reservoir, 0.0–1.0.
    pub fixed_rate: f64,
    /// Requests a second, over all services that ask.
    pub reservoir_size: i64,
    /// Pattern for the segment's name.
    pub service_name: String,
    /// Pattern for what the service runs on, its `origin`.
    pub service_type: String,
    /// Pattern for the `Host` header.
    pub host: String,
    /// Pattern for the method.
    #[serde(rename = "HTTPMethod")]
    pub http_method: String,
    /// Pattern for the URL's path.
    #[serde(rename = "URLPath")]
    pub url_path: String,
    /// 1.
    pub version: i64,
    /// Patterns for attributes, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// Kept; no boost is ever given here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_rate_boost: Option<SamplingRateBoost>,
}

/// How far sampling may be raised for a while after anomalies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRateBoost {
    /// Share, 0.0–1.0.
    pub max_rate: f64,
    /// Minutes within which it happens once.
    pub cooldown_window_minutes: i64,
}

/// A rule and its times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRuleRecord {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_rule: Option<SamplingRule>,
    /// Seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<f64>,
    /// Seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<f64>,
}

/// Changes to a rule, which is named by name or ARN; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingRuleUpdate {
    /// The rule's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// The rule's ARN.
    #[serde(rename = "RuleARN", skip_serializing_if = "Option::is_none")]
    pub rule_arn: Option<String>,
    /// See [`SamplingRule::resource_arn`].
    #[serde(rename = "ResourceARN", skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
    /// See [`SamplingRule::priority`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// See [`SamplingRule::fixed_rate`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_rate: Option<f64>,
    /// See [`SamplingRule::reservoir_size`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservoir_size: Option<i64>,
    /// See [`SamplingRule::host`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// See [`SamplingRule::service_name`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// See [`SamplingRule::service_type`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,
    /// See [`SamplingRule::http_method`].
    #[serde(rename = "HTTPMethod", skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// See [`SamplingRule::url_path`].
    #[serde(rename = "URLPath", skip_serializing_if = "Option::is_none")]
    pub url_path: Option<String>,
    /// See [`SamplingRule::attributes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// See [`SamplingRule::sampling_rate_boost`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_rate_boost: Option<SamplingRateBoost>,
}

/// What one client decided by one rule since it last told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingStatisticsDocument {
    /// The rule.
    pub rule_name: String,
    /// The client: 24 characters.
    #[serde(rename = "ClientID")]
    pub client_id: String,
    /// Seconds since the epoch.
    pub timestamp: f64,
    /// Requests the rule matched.
    pub request_count: i64,
    /// Requests recorded.
    pub sampled_count: i64,
    /// Of these, recorded by borrowing: one a second while the client has no quota.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borrow_count: Option<i64>,
}

/// What one service saw of anomalies.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingBoostStatisticsDocument {
    /// The rule.
    pub rule_name: String,
    /// The service.
    pub service_name: String,
    /// Seconds since the epoch.
    pub timestamp: f64,
    /// Requests that went wrong or were slow.
    pub anomaly_count: i64,
    /// All requests.
    pub total_count: i64,
    /// Anomalies that were recorded.
    pub sampled_anomaly_count: i64,
}

/// What one client shall do by one rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingTargetDocument {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Share of requests beyond the quota, 0.0–1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_rate: Option<f64>,
    /// Requests a second: this client's part of the rule's reservoir.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservoir_quota: Option<i64>,
    /// Until when, seconds since the epoch.
    #[serde(rename = "ReservoirQuotaTTL", skip_serializing_if = "Option::is_none")]
    pub reservoir_quota_ttl: Option<f64>,
    /// Seconds until the client asks again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// Never given here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_boost: Option<SamplingBoost>,
}

/// A rate raised for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingBoost {
    /// Share, 0.0–1.0.
    pub boost_rate: f64,
    /// Until when, seconds since the epoch.
    #[serde(rename = "BoostRateTTL")]
    pub boost_rate_ttl: f64,
}

/// Statistics that could not be taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UnprocessedStatistics {
    /// The rule they named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Why, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What all clients decided by one rule within ten seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingStatisticSummary {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// Beginning of the ten seconds, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<f64>,
    /// Requests the rule matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_count: Option<i64>,
    /// Recorded by borrowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub borrow_count: Option<i64>,
    /// Recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled_count: Option<i64>,
}
