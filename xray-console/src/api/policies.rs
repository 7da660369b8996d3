//! Resource policies: kept, never applied. At most 5 of 5 KB.
//!
//! Source: X-Ray API Reference, "PutResourcePolicy".

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::length;
use super::{Api, ApiError, ApiErrorKind, Empty, Operation, page};

const MOST: usize = 5;
/// Longest document, bytes: 5 KB.
const LONGEST: usize = 5 * 1024;
const PAGE: usize = 100;

/// A policy as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResourcePolicy {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_name: Option<String>,
    /// Its text, JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_document: Option<String>,
    /// How often it was put.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_revision_id: Option<String>,
    /// When it was put last, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_updated_time: Option<f64>,
}

/// Sets a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutResourcePolicy {
    /// Its name: 1–128 letters, digits and `_+=,.@-`.
    pub policy_name: String,
    /// Its text, JSON, at most 5 KB.
    pub policy_document: String,
    /// The revision it must have now; `0` if there must be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_revision_id: Option<String>,
    /// Put it even though nobody can then put another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bypass_policy_lockout_check: Option<bool>,
}

/// The policy put.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutResourcePolicyAnswer {
    /// As it is now.
    pub resource_policy: ResourcePolicy,
}

/// Gives all policies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourcePolicies {
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of policies, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListResourcePoliciesAnswer {
    /// The policies.
    pub resource_policies: Vec<ResourcePolicy>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Removes a policy; one that is not there is no error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteResourcePolicy {
    /// Its name.
    pub policy_name: String,
    /// The revision it must have now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_revision_id: Option<String>,
}

/// Policies by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Policies(BTreeMap<String, Policy>);

#[derive(Debug, Serialize, Deserialize)]
struct Policy {
    document: String,
    revision: u64,
    updated: f64,
}

impl Policies {
    fn check_revision(&self, name: &str, wanted: Option<&str>) -> Result<(), ApiError> {
        let Some(wanted) = wanted else { return Ok(()) };
        let now = self.0.get(name).map_or(0, |policy| policy.revision);
        if wanted == now.to_string() {
            return Ok(());
        }
        let message = format!("the policy has revision {now}, not the one given as PolicyRevisionId");
        Err(ApiError::new(ApiErrorKind::InvalidPolicyRevisionIdException, message))
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    length("PolicyName", name, 1, 128)?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)) {
        return Ok(());
    }
    Err(ApiError::invalid("PolicyName holds something else than letters, digits and _+=,.@-"))
}

/// The policy's statements: an error if it is no policy.
fn statements(document: &str) -> Result<Vec<Value>, ApiError> {
    let malformed = |what: &str| {
        let message = format!("PolicyDocument {what}");
        ApiError::new(ApiErrorKind::MalformedPolicyDocumentException, message)
    };
    let policy: Value = serde_json::from_str(document).map_err(|error| malformed(&format!("is no JSON: {error}")))?;
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(malformed("has no Statement")),
    };
    for statement in &statements {
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return Err(malformed("has a Statement whose Effect is neither Allow nor Deny"));
        }
    }
    Ok(statements)
}

/// Whether everybody is denied the next PutResourcePolicy.
fn locks_out(statement: &Value) -> bool {
    let all = |value: Option<&Value>| match value {
        Some(Value::String(text)) => vec![text.to_ascii_lowercase()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect(),
        _ => Vec::new(),
    };
    let principal = statement.get("Principal");
    let everybody = [all(principal), all(principal.and_then(|principal| principal.get("AWS")))].concat();
    let denied = statement.get("Effect").and_then(Value::as_str) == Some("Deny");
    let actions = all(statement.get("Action"));
    let put =
        actions.iter().any(|action| matches!(action.as_str(), "*" | "xray:*" | "xray:put*" | "xray:putresourcepolicy"));
    denied && put && everybody.iter().any(|principal| principal == "*") && statement.get("Condition").is_none()
}

impl Operation for PutResourcePolicy {
    type Answer = PutResourcePolicyAnswer;
    const NAME: &'static str = "PutResourcePolicy";
    const PATH: &'static str = "/PutResourcePolicy";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<PutResourcePolicyAnswer, ApiError> {
        check_name(&self.policy_name)?;
        if self.policy_document.len() > LONGEST {
            let message =
                format!("PolicyDocument has {} bytes; expected at most {LONGEST}", self.policy_document.len());
            return Err(ApiError::new(ApiErrorKind::PolicySizeLimitExceededException, message));
        }
        let statements = statements(&self.policy_document)?;
        if self.bypass_policy_lockout_check != Some(true) && statements.iter().any(locks_out) {
            let message =
                "the policy denies everybody the next PutResourcePolicy; BypassPolicyLockoutCheck puts it all the same";
            return Err(ApiError::new(ApiErrorKind::LockoutPreventionException, message));
        }
        let updated = api.now();
        let mut state = api.state();
        let policies = &mut state.policies;
        policies.check_revision(&self.policy_name, self.policy_revision_id.as_deref())?;
        if policies.0.len() >= MOST && !policies.0.contains_key(&self.policy_name) {
            let message = format!("there are {MOST} resource policies already, the most there may be");
            return Err(ApiError::new(ApiErrorKind::PolicyCountLimitExceededException, message));
        }
        let revision = policies.0.get(&self.policy_name).map_or(0, |policy| policy.revision) + 1;
        let policy = Policy { document: self.policy_document, revision, updated };
        let resource_policy = shown(&self.policy_name, &policy);
        policies.0.insert(self.policy_name, policy);
        Ok(PutResourcePolicyAnswer { resource_policy })
    }
}

fn shown(name: &str, policy: &Policy) -> ResourcePolicy {
    ResourcePolicy {
        policy_name: Some(name.to_owned()),
        policy_document: Some(policy.document.clone()),
        policy_revision_id: Some(policy.revision.to_string()),
        last_updated_time: Some(policy.updated),
    }
}

impl Operation for ListResourcePolicies {
    type Answer = ListResourcePoliciesAnswer;
    const NAME: &'static str = "ListResourcePolicies";
    const PATH: &'static str = "/ListResourcePolicies";

    fn answer(self, api: &Api) -> Result<ListResourcePoliciesAnswer, ApiError> {
        let state = api.state();
        let (page, next_token) = page::by_key::<ListResourcePolicies, _>(
            state.policies.0.iter(),
            |(name, _)| name,
            self.next_token.as_deref(),
            PAGE,
        )?;
        let resource_policies = page.into_iter().map(|(name, policy)| shown(name, policy)).collect();
        Ok(ListResourcePoliciesAnswer { resource_policies, next_token })
    }
}

impl Operation for DeleteResourcePolicy {
    type Answer = Empty;
    const NAME: &'static str = "DeleteResourcePolicy";
    const PATH: &'static str = "/DeleteResourcePolicy";
    const CHANGES: bool = true;

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        check_name(&self.policy_name)?;
        let mut state = api.state();
        state.policies.check_revision(&self.policy_name, self.policy_revision_id.as_deref())?;
        state.policies.0.remove(&self.policy_name);
        Ok(Empty {})
    }
}
