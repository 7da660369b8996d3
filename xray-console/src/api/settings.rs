//! Settings of the account: encryption, destination of segments, indexing. Kept as they are set; nothing here is
//! encrypted, sent elsewhere or left unindexed because of them.
//!
//! Source: X-Ray API Reference, "PutEncryptionConfig", "UpdateTraceSegmentDestination", "UpdateIndexingRule".

use serde::{Deserialize, Serialize};

use super::check::{length, range};
use super::{Api, ApiError, Operation, page};

/// What is used to encrypt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum EncryptionType {
    /// X-Ray's own key.
    #[default]
    None,
    /// A key of the account.
    Kms,
}

/// How data are said to be encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptionConfig {
    /// The key, as it was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// `ACTIVE`, or `UPDATING` at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<EncryptionType>,
}

/// Gives the encryption configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetEncryptionConfig {}

/// Sets the encryption configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutEncryptionConfig {
    /// 1–3,000 characters: with `KMS`, and only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// With what.
    pub r#type: EncryptionType,
}

/// The encryption configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptionConfigAnswer {
    /// As it is now.
    pub encryption_config: EncryptionConfig,
}

/// Where segments are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TraceSegmentDestination {
    /// In X-Ray.
    #[default]
    XRay,
    /// In CloudWatch Logs.
    CloudWatchLogs,
}

/// Gives the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetTraceSegmentDestination {}

/// Sets the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateTraceSegmentDestination {
    /// The new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<TraceSegmentDestination>,
    /// Only where the destination is CloudWatch Logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logs_configuration: Option<CloudWatchLogsConfiguration>,
}

/// Settings of the log groups at AWS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CloudWatchLogsConfiguration {
    /// Key that encrypts them, 1–256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spans_log_group_kms_key_id: Option<String>,
}

/// The destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TraceSegmentDestinationAnswer {
    /// As it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<TraceSegmentDestination>,
    /// `ACTIVE`, or `PENDING` at AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// A rule that says which share of spans is indexed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IndexingRule {
    /// Its name: `Default` is the only one there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When it was changed last, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<f64>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<IndexingRuleValue>,
}

/// What an indexing rule says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct IndexingRuleValue {
    /// A share by chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilistic: Option<Probabilistic>,
}

/// A share by chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Probabilistic {
    /// What is wanted, per cent, 0–100.
    pub desired_sampling_percentage: f64,
    /// What is done, per cent. Only in answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_sampling_percentage: Option<f64>,
}

/// Gives the indexing rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetIndexingRules {
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The indexing rules.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetIndexingRulesAnswer {
    /// The rules.
    pub indexing_rules: Vec<IndexingRule>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Changes an indexing rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateIndexingRule {
    /// Its name.
    pub name: String,
    /// What it shall say.
    pub rule: IndexingRuleValue,
}

/// The rule changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateIndexingRuleAnswer {
    /// As it is now.
    pub indexing_rule: IndexingRule,
}

const INDEXING_RULE: &str = "Default";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Settings {
    encryption: (EncryptionType, Option<String>),
    destination: TraceSegmentDestination,
    /// Per cent, and when it was set.
    indexing: (f64, f64),
}

impl Settings {
    /// As an account begins.
    pub(super) fn new(now: f64) -> Settings {
        Settings {
            encryption: (EncryptionType::None, None),
            destination: TraceSegmentDestination::XRay,
            indexing: (1.0, now),
        }
    }

    fn encryption(&self) -> EncryptionConfigAnswer {
        let (kind, key_id) = self.encryption.clone();
        let encryption_config = EncryptionConfig { key_id, status: Some("ACTIVE".to_owned()), r#type: Some(kind) };
        EncryptionConfigAnswer { encryption_config }
    }

    fn destination(&self) -> TraceSegmentDestinationAnswer {
        TraceSegmentDestinationAnswer { destination: Some(self.destination), status: Some("ACTIVE".to_owned()) }
    }

    fn indexing(&self) -> IndexingRule {
        let (percentage, modified_at) = self.indexing;
        let probabilistic =
            Probabilistic { desired_sampling_percentage: percentage, actual_sampling_percentage: Some(percentage) };
        IndexingRule {
            name: Some(INDEXING_RULE.to_owned()),
            modified_at: Some(modified_at),
            rule: Some(IndexingRuleValue { probabilistic: Some(probabilistic) }),
        }
    }
}

impl Operation for GetEncryptionConfig {
    type Answer = EncryptionConfigAnswer;
    const NAME: &'static str = "GetEncryptionConfig";
    const PATH: &'static str = "/EncryptionConfig";

    fn answer(self, api: &Api) -> Result<EncryptionConfigAnswer, ApiError> {
        Ok(api.state().settings.encryption())
    }
}

impl Operation for PutEncryptionConfig {
    type Answer = EncryptionConfigAnswer;
    const NAME: &'static str = "PutEncryptionConfig";
    const PATH: &'static str = "/PutEncryptionConfig";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<EncryptionConfigAnswer, ApiError> {
        match (self.r#type, &self.key_id) {
            (EncryptionType::None, Some(_)) => return Err(ApiError::invalid("KeyId is given with Type NONE; omit it")),
            (EncryptionType::Kms, None) => return Err(ApiError::invalid("Type KMS needs a KeyId")),
            (EncryptionType::Kms, Some(key)) => length("KeyId", key, 1, 3_000)?,
            (EncryptionType::None, None) => {}
        }
        let mut state = api.state();
        state.settings.encryption = (self.r#type, self.key_id);
        Ok(state.settings.encryption())
    }
}

impl Operation for GetTraceSegmentDestination {
    type Answer = TraceSegmentDestinationAnswer;
    const NAME: &'static str = "GetTraceSegmentDestination";
    const PATH: &'static str = "/GetTraceSegmentDestination";

    fn answer(self, api: &Api) -> Result<TraceSegmentDestinationAnswer, ApiError> {
        Ok(api.state().settings.destination())
    }
}

impl Operation for UpdateTraceSegmentDestination {
    type Answer = TraceSegmentDestinationAnswer;
    const NAME: &'static str = "UpdateTraceSegmentDestination";
    const PATH: &'static str = "/UpdateTraceSegmentDestination";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<TraceSegmentDestinationAnswer, ApiError> {
        let mut state = api.state();
        let destination = self.destination.unwrap_or(state.settings.destination);
        if let Some(logs) = self.cloud_watch_logs_configuration {
            if destination != TraceSegmentDestination::CloudWatchLogs {
                return Err(ApiError::invalid("CloudWatchLogsConfiguration needs Destination CloudWatchLogs"));
            }
            if let Some(key) = &logs.spans_log_group_kms_key_id {
                length("SpansLogGroupKmsKeyId", key, 1, 256)?;
            }
        }
        state.settings.destination = destination;
        Ok(state.settings.destination())
    }
}

impl Operation for GetIndexingRules {
    type Answer = GetIndexingRulesAnswer;
    const NAME: &'static str = "GetIndexingRules";
    const PATH: &'static str = "/GetIndexingRules";

    fn answer(self, api: &Api) -> Result<GetIndexingRulesAnswer, ApiError> {
        // One rule is one page, so no token is ours.
        match page::place::<GetIndexingRules>(self.next_token.as_deref())? {
            None => {
                Ok(GetIndexingRulesAnswer { indexing_rules: vec![api.state().settings.indexing()], next_token: None })
            }
            Some(_) => Err(page::refused::<GetIndexingRules>()),
        }
    }
}

impl Operation for UpdateIndexingRule {
    type Answer = UpdateIndexingRuleAnswer;
    const NAME: &'static str = "UpdateIndexingRule";
    const PATH: &'static str = "/UpdateIndexingRule";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<UpdateIndexingRuleAnswer, ApiError> {
        if self.name != INDEXING_RULE {
            return Err(ApiError::not_found(
                "there is no indexing rule of this name; there is only Default",
                &self.name,
            ));
        }
        let Some(probabilistic) = self.rule.probabilistic else {
            return Err(ApiError::invalid("Rule has no Probabilistic, the only kind there is"));
        };
        let percentage = probabilistic.desired_sampling_percentage;
        range("DesiredSamplingPercentage", percentage, 0.0, 100.0)?;
        let now = api.now();
        let mut state = api.state();
        state.settings.indexing = (percentage, now);
        Ok(UpdateIndexingRuleAnswer { indexing_rule: state.settings.indexing() })
    }
}
