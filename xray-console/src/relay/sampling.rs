//! Sampling calls, passed on to AWS X-Ray.

use std::sync::{Arc, Weak};

use aws_sdk_xray::Client;
use aws_sdk_xray::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types;
use tokio::sync::{mpsc, oneshot};

use crate::api::{ApiError, ApiErrorKind, Upstream};
use crate::sampling::{
    GetSamplingRules, GetSamplingRulesAnswer, GetSamplingTargets, GetSamplingTargetsAnswer, SamplingBoost,
    SamplingRateBoost, SamplingRule, SamplingRuleRecord, SamplingTargetDocument, UnprocessedStatistics,
};

use super::Relay;

/// Calls that may wait; further ones are told that the service is busy.
pub(super) const WAITING: usize = 64;

/// A call, and where its answer goes.
#[derive(Debug)]
pub(super) enum Call {
    Rules(GetSamplingRules, oneshot::Sender<Result<GetSamplingRulesAnswer, ApiError>>),
    Targets(GetSamplingTargets, oneshot::Sender<Result<GetSamplingTargetsAnswer, ApiError>>),
}

/// What AWS X-Ray answers. Waits for it, at most as long as the relay waits for any answer.
impl Upstream for Weak<Relay> {
    fn rules(&self, request: GetSamplingRules) -> Result<GetSamplingRulesAnswer, ApiError> {
        let (answer, answered) = oneshot::channel();
        running(self)?.pass(Call::Rules(request, answer), answered)
    }

    fn targets(&self, request: GetSamplingTargets) -> Result<GetSamplingTargetsAnswer, ApiError> {
        let (answer, answered) = oneshot::channel();
        running(self)?.pass(Call::Targets(request, answer), answered)
    }
}

fn running(relay: &Weak<Relay>) -> Result<Arc<Relay>, ApiError> {
    relay.upgrade().ok_or_else(|| unavailable("the relay has stopped"))
}

impl Relay {
    fn pass<T>(&self, call: Call, answered: oneshot::Receiver<Result<T, ApiError>>) -> Result<T, ApiError> {
        self.calls.try_send(call).map_err(|_| unavailable("too many calls wait for AWS X-Ray"))?;
        answered.blocking_recv().unwrap_or_else(|_| Err(unavailable("the relay has stopped")))
    }
}

fn unavailable(message: &str) -> ApiError {
    ApiError::new(ApiErrorKind::ServiceUnavailableException, message)
}

/// Each call on its own, so that a slow one holds up no other.
pub(super) async fn serve(client: Client, mut calls: mpsc::Receiver<Call>) {
    let mut under_way = tokio::task::JoinSet::new();
    while let Some(call) = calls.recv().await {
        while under_way.try_join_next().is_some() {}
        let client = client.clone();
        under_way.spawn(async move {
            // Whoever asked may be gone.
            match call {
                Call::Rules(request, answer) => drop(answer.send(rules(&client, request).await)),
                Call::Targets(request, answer) => drop(answer.send(targets(&client, request).await)),
            }
        });
    }
}

/// AWS's own words where it had any.
fn passed_on<E: ProvideErrorMetadata>(error: &SdkError<E>) -> ApiError {
    let message = error.message().unwrap_or("AWS X-Ray cannot be asked");
    let kind = match error.code() {
        Some("ThrottledException") => ApiErrorKind::ThrottledException,
        Some("InvalidRequestException") => ApiErrorKind::InvalidRequestException,
        _ => ApiErrorKind::ServiceUnavailableException,
    };
    ApiError::new(kind, message)
}

async fn rules(client: &Client, request: GetSamplingRules) -> Result<GetSamplingRulesAnswer, ApiError> {
    let answer = client.get_sampling_rules().set_next_token(request.next_token).send().await;
    let answer = answer.map_err(|error| passed_on(&error))?;
    let record = |record: &types::SamplingRuleRecord| SamplingRuleRecord {
        sampling_rule: record.sampling_rule().map(rule),
        created_at: record.created_at().map(DateTime::as_secs_f64),
        modified_at: record.modified_at().map(DateTime::as_secs_f64),
    };
    Ok(GetSamplingRulesAnswer {
        sampling_rule_records: answer.sampling_rule_records().iter().map(record).collect(),
        next_token: answer.next_token().map(str::to_owned),
    })
}

fn rule(rule: &types::SamplingRule) -> SamplingRule {
    SamplingRule {
        rule_name: rule.rule_name().map(str::to_owned),
        rule_arn: rule.rule_arn().map(str::to_owned),
        resource_arn: rule.resource_arn().to_owned(),
        priority: rule.priority().into(),
        fixed_rate: rule.fixed_rate(),
        reservoir_size: rule.reservoir_size().into(),
        service_name: rule.service_name().to_owned(),
        service_type: rule.service_type().to_owned(),
        host: rule.host().to_owned(),
        http_method: rule.http_method().to_owned(),
        url_path: rule.url_path().to_owned(),
        version: rule.version().into(),
        attributes: rule.attributes().map(|all| all.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        sampling_rate_boost: rule.sampling_rate_boost().map(|boost| SamplingRateBoost {
            max_rate: boost.max_rate(),
            cooldown_window_minutes: boost.cooldown_window_minutes().into(),
        }),
    }
}

async fn targets(client: &Client, request: GetSamplingTargets) -> Result<GetSamplingTargetsAnswer, ApiError> {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    let wrong = |error: &dyn std::fmt::Display| ApiError::invalid(format!("the request cannot be passed on: {error}"));
    let mut call = client.get_sampling_targets();
    for document in request.sampling_statistics_documents {
        let document = types::SamplingStatisticsDocument::builder()
            .rule_name(document.rule_name)
            .client_id(document.client_id)
            .timestamp(DateTime::from_secs_f64(document.timestamp))
            .request_count(count(document.request_count))
            .sampled_count(count(document.sampled_count))
            .borrow_count(count(document.borrow_count.unwrap_or_default()))
            .build();
        call = call.sampling_statistics_documents(document.map_err(|error| wrong(&error))?);
    }
    for boost in request.sampling_boost_statistics_documents.unwrap_or_default() {
        let boost = types::SamplingBoostStatisticsDocument::builder()
            .rule_name(boost.rule_name)
            .service_name(boost.service_name)
            .timestamp(DateTime::from_secs_f64(boost.timestamp))
            .anomaly_count(count(boost.anomaly_count))
            .total_count(count(boost.total_count))
            .sampled_anomaly_count(count(boost.sampled_anomaly_count))
            .build();
        call = call.sampling_boost_statistics_documents(boost.map_err(|error| wrong(&error))?);
    }
    // The member is required, also where there is nothing to tell.
    let documents = call.get_sampling_statistics_documents().clone().unwrap_or_default();
    let answer = call.set_sampling_statistics_documents(Some(documents)).send().await;
    let answer = answer.map_err(|error| passed_on(&error))?;
    let target = |target: &types::SamplingTargetDocument| SamplingTargetDocument {
        rule_name: target.rule_name().map(str::to_owned),
        fixed_rate: Some(target.fixed_rate()),
        reservoir_quota: target.reservoir_quota().map(i64::from),
        reservoir_quota_ttl: target.reservoir_quota_ttl().map(DateTime::as_secs_f64),
        interval: target.interval().map(i64::from),
        sampling_boost: target.sampling_boost().map(|boost| SamplingBoost {
            boost_rate: boost.boost_rate(),
            boost_rate_ttl: boost.boost_rate_ttl().as_secs_f64(),
        }),
    };
    let unprocessed = |one: &types::UnprocessedStatistics| UnprocessedStatistics {
        rule_name: one.rule_name().map(str::to_owned),
        error_code: one.error_code().map(str::to_owned),
        message: one.message().map(str::to_owned),
    };
    Ok(GetSamplingTargetsAnswer {
        sampling_target_documents: answer.sampling_target_documents().iter().map(target).collect(),
        last_rule_modification: answer.last_rule_modification().map(DateTime::as_secs_f64),
        unprocessed_statistics: answer.unprocessed_statistics().iter().map(unprocessed).collect(),
        unprocessed_boost_statistics: answer.unprocessed_boost_statistics().iter().map(unprocessed).collect(),
    })
}
