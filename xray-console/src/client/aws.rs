//! Asking AWS X-Ray through the AWS SDK, whose answers become the shapes of this crate.
//!
//! Credentials, region and endpoint are found as every AWS program finds them (environment, profiles, metadata).

use aws_config::{BehaviorVersion, Region};
use aws_sdk_xray::error::ProvideErrorMetadata;
use aws_sdk_xray::primitives::DateTime;
use aws_sdk_xray::types as theirs;

use super::ClientError;
use crate::api::{
    BatchGetTraces, BatchGetTracesAnswer, GetServiceGraph, GetServiceGraphAnswer, GetTraceGraph, GetTraceGraphAnswer,
    GetTraceSummaries, GetTraceSummariesAnswer, SegmentDocument, TraceDocuments,
};
use crate::graph::{Alias, Edge, ErrorStatistics, FaultStatistics, HistogramEntry, Service, SummaryStatistics};
use crate::query::{
    AnnotationValue, AvailabilityZone, HttpSummary, InstanceId, ResourceArn, RootCause, RootCauseEntity,
    RootCauseException, RootCauseService, ServiceId, TraceSummary, TraceUser, ValueWithServiceIds,
};
use crate::store::TimeRangeType;

/// AWS X-Ray in one account and region.
#[derive(Debug)]
pub struct Aws(aws_sdk_xray::Client);

impl Aws {
    /// As the AWS configuration of this machine says, but for what is given.
    ///
    /// # Errors
    ///
    /// [`ClientError::Aws`] if no region is known. Credentials are looked for with the first question.
    pub async fn connect(region: Option<String>, profile: Option<String>) -> Result<Aws, ClientError> {
        use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
        let http =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        if config.region().is_none() {
            return Err(ClientError::Aws("no region; say which by --region, AWS_REGION or a profile".to_owned()));
        }
        Ok(Aws(aws_sdk_xray::Client::new(&config)))
    }

    pub(super) async fn summaries(&self, asked: &GetTraceSummaries) -> Result<GetTraceSummariesAnswer, ClientError> {
        let kind = asked.time_range_type.map(|kind| match kind {
            TimeRangeType::TraceId => theirs::TimeRangeType::TraceId,
            TimeRangeType::Event => theirs::TimeRangeType::Event,
            TimeRangeType::Service => theirs::TimeRangeType::Service,
        });
        let request = self.0.get_trace_summaries().set_time_range_type(kind);
        let request = request.start_time(DateTime::from_secs_f64(asked.start_time));
        let request = request.end_time(DateTime::from_secs_f64(asked.end_time));
        let request = request.set_filter_expression(asked.filter_expression.clone());
        let answer = request.set_next_token(asked.next_token.clone()).send().await.map_err(failed)?;
        Ok(GetTraceSummariesAnswer {
            trace_summaries: all(answer.trace_summaries, summary),
            approximate_time: answer.approximate_time.as_ref().map(DateTime::as_secs_f64),
            traces_processed_count: answer.traces_processed_count,
            next_token: answer.next_token,
        })
    }

    pub(super) async fn documents(&self, asked: &BatchGetTraces) -> Result<BatchGetTracesAnswer, ClientError> {
        let request = self.0.batch_get_traces().set_trace_ids(Some(asked.trace_ids.clone()));
        let answer = request.set_next_token(asked.next_token.clone()).send().await.map_err(failed)?;
        let segment = |segment: theirs::Segment| SegmentDocument { id: segment.id, document: segment.document };
        let trace = |trace: theirs::Trace| TraceDocuments {
            id: trace.id,
            duration: trace.duration,
            limit_exceeded: trace.limit_exceeded,
            segments: all(trace.segments, segment),
        };
        Ok(BatchGetTracesAnswer {
            traces: all(answer.traces, trace),
            unprocessed_trace_ids: answer.unprocessed_trace_ids.unwrap_or_default(),
            next_token: answer.next_token,
        })
    }

    pub(super) async fn service_graph(&self, asked: &GetServiceGraph) -> Result<GetServiceGraphAnswer, ClientError> {
        let request = self.0.get_service_graph().start_time(DateTime::from_secs_f64(asked.start_time));
        let request = request.end_time(DateTime::from_secs_f64(asked.end_time));
        let answer = request.set_next_token(asked.next_token.clone()).send().await.map_err(failed)?;
        Ok(GetServiceGraphAnswer {
            services: all(answer.services, service),
            next_token: answer.next_token,
            ..GetServiceGraphAnswer::default()
        })
    }

    pub(super) async fn trace_graph(&self, asked: &GetTraceGraph) -> Result<GetTraceGraphAnswer, ClientError> {
        let request = self.0.get_trace_graph().set_trace_ids(Some(asked.trace_ids.clone()));
        let answer = request.set_next_token(asked.next_token.clone()).send().await.map_err(failed)?;
        Ok(GetTraceGraphAnswer { services: all(answer.services, service), next_token: answer.next_token })
    }
}

/// What X-Ray answered instead, or why nothing came from it.
fn failed(error: impl std::error::Error + ProvideErrorMetadata) -> ClientError {
    if let (Some(kind), Some(message)) = (error.code(), error.message()) {
        return ClientError::Refused { kind: kind.to_owned(), message: message.to_owned() };
    }
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    ClientError::Aws(said)
}

fn all<A, B>(theirs: Option<Vec<A>>, ours: impl FnMut(A) -> B) -> Vec<B> {
    theirs.unwrap_or_default().into_iter().map(ours).collect()
}

fn seconds(time: Option<DateTime>) -> Option<f64> {
    time.as_ref().map(DateTime::as_secs_f64)
}

fn summary(from: theirs::TraceSummary) -> TraceSummary {
    let http = from.http.map(|http| HttpSummary {
        http_url: http.http_url,
        http_status: http.http_status,
        http_method: http.http_method,
        user_agent: http.user_agent,
        client_ip: http.client_ip,
    });
    let user = |user: theirs::TraceUser| TraceUser {
        user_name: user.user_name,
        service_ids: all(user.service_ids, service_id),
    };
    let annotations = from.annotations.unwrap_or_default().into_iter();
    TraceSummary {
        id: from.id.unwrap_or_default(),
        start_time: seconds(from.start_time),
        duration: from.duration,
        response_time: from.response_time,
        has_fault: from.has_fault.unwrap_or_default(),
        has_error: from.has_error.unwrap_or_default(),
        has_throttle: from.has_throttle.unwrap_or_default(),
        is_partial: from.is_partial.unwrap_or_default(),
        http: http.unwrap_or_default(),
        annotations: annotations.map(|(key, values)| (key, values.into_iter().filter_map(value).collect())).collect(),
        users: all(from.users, user),
        service_ids: all(from.service_ids, service_id),
        resource_arns: all(from.resource_arns, |detail| ResourceArn { arn: detail.arn }),
        instance_ids: all(from.instance_ids, |detail| InstanceId { id: detail.id }),
        availability_zones: all(from.availability_zones, |detail| AvailabilityZone { name: detail.name }),
        entry_point: from.entry_point.map(service_id),
        fault_root_causes: all(from.fault_root_causes, fault_cause),
        error_root_causes: all(from.error_root_causes, error_cause),
        response_time_root_causes: all(from.response_time_root_causes, response_time_cause),
        revision: u64::try_from(from.revision).unwrap_or_default(),
        matched_event_time: seconds(from.matched_event_time),
    }
}

fn service_id(from: theirs::ServiceId) -> ServiceId {
    ServiceId { name: from.name, names: from.names.unwrap_or_default(), account_id: from.account_id, kind: from.r#type }
}

/// None for a value of a kind this crate does not know.
fn value(from: theirs::ValueWithServiceIds) -> Option<ValueWithServiceIds> {
    let annotation_value = match from.annotation_value? {
        theirs::AnnotationValue::BooleanValue(value) => AnnotationValue::Bool(value),
        theirs::AnnotationValue::NumberValue(number) => AnnotationValue::Number(number),
        theirs::AnnotationValue::StringValue(text) => AnnotationValue::Text(text),
        _ => return None,
    };
    Some(ValueWithServiceIds { annotation_value, service_ids: all(from.service_ids, service_id) })
}

/// The API has three names for one shape.
macro_rules! cause {
    ($name:ident, $cause:ident, $service:ident, $entity:ident, |$from:ident| $exceptions:expr, $coverage:expr) => {
        fn $name(from: theirs::$cause) -> RootCause {
            let entity = |$from: theirs::$entity| RootCauseEntity {
                coverage: $coverage,
                remote: $from.remote.unwrap_or_default(),
                exceptions: $exceptions,
                name: $from.name,
            };
            let service = |service: theirs::$service| RootCauseService {
                name: service.name,
                names: service.names.unwrap_or_default(),
                kind: service.r#type,
                account_id: service.account_id,
                entity_path: all(service.entity_path, entity),
                inferred: service.inferred.unwrap_or_default(),
            };
            RootCause {
                services: all(from.services, service),
                client_impacting: from.client_impacting.unwrap_or_default(),
            }
        }
    };
}

cause!(
    fault_cause,
    FaultRootCause,
    FaultRootCauseService,
    FaultRootCauseEntity,
    |e| all(e.exceptions, exception),
    None
);
cause!(
    error_cause,
    ErrorRootCause,
    ErrorRootCauseService,
    ErrorRootCauseEntity,
    |e| all(e.exceptions, exception),
    None
);
cause!(
    response_time_cause,
    ResponseTimeRootCause,
    ResponseTimeRootCauseService,
    ResponseTimeRootCauseEntity,
    |e| Vec::new(),
    e.coverage
);

fn exception(from: theirs::RootCauseException) -> RootCauseException {
    RootCauseException { name: from.name, message: from.message }
}

/// The API has two names for one shape: the statistics of a service, and those of an edge.
macro_rules! statistics {
    ($from:ident) => {{
        let errors = $from.error_statistics.map(|from| ErrorStatistics {
            throttle_count: count(from.throttle_count),
            other_count: count(from.other_count),
            total_count: count(from.total_count),
        });
        let faults = $from
            .fault_statistics
            .map(|from| FaultStatistics { other_count: count(from.other_count), total_count: count(from.total_count) });
        SummaryStatistics {
            ok_count: count($from.ok_count),
            error_statistics: errors.unwrap_or_default(),
            fault_statistics: faults.unwrap_or_default(),
            total_count: count($from.total_count),
            total_response_time: $from.total_response_time.unwrap_or_default(),
        }
    }};
}

fn service(from: theirs::Service) -> Service {
    Service {
        reference_id: from.reference_id.unwrap_or_default().into(),
        name: from.name.unwrap_or_default(),
        names: from.names.unwrap_or_default(),
        root: from.root,
        account_id: from.account_id,
        kind: from.r#type,
        state: from.state,
        start_time: seconds(from.start_time),
        end_time: seconds(from.end_time),
        edges: all(from.edges, edge),
        summary_statistics: from.summary_statistics.map(|from| statistics!(from)),
        duration_histogram: all(from.duration_histogram, entry),
        response_time_histogram: all(from.response_time_histogram, entry),
    }
}

fn edge(from: theirs::Edge) -> Edge {
    let alias = |alias: theirs::Alias| Alias {
        name: alias.name.unwrap_or_default(),
        names: alias.names.unwrap_or_default(),
        kind: alias.r#type,
    };
    Edge {
        reference_id: from.reference_id.unwrap_or_default().into(),
        start_time: seconds(from.start_time),
        end_time: seconds(from.end_time),
        summary_statistics: from.summary_statistics.map(|from| statistics!(from)),
        response_time_histogram: all(from.response_time_histogram, entry),
        aliases: all(from.aliases, alias),
        edge_type: from.edge_type,
        received_event_age_histogram: all(from.received_event_age_histogram, entry),
    }
}

fn count(number: Option<i64>) -> u64 {
    number.and_then(|number| u64::try_from(number).ok()).unwrap_or_default()
}

fn entry(from: theirs::HistogramEntry) -> HistogramEntry {
    HistogramEntry { value: from.value, count: u64::try_from(from.count).unwrap_or_default() }
}
