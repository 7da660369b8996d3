//! Summaries of traces, as X-Ray's API has them.
//!
//! Field names are those of the API in Rust's spelling. What is absent is not written.
//!
//! Source: X-Ray API Reference, "TraceSummary" and the data types it names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is told of a trace in a list. Made by [`TraceSummary::of`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct TraceSummary {
    /// `1-{8 hex digits}-{24 hex digits}`.
    pub id: String,
    /// Seconds since the epoch: when the earliest segment began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<f64>,
    /// Seconds from there to the end of the last segment that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Seconds from start to end of the root segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_time: Option<f64>,
    /// The root segment has a fault.
    pub has_fault: bool,
    /// The root segment has an error.
    pub has_error: bool,
    /// Any segment or subsegment was throttled.
    pub has_throttle: bool,
    /// Something is in progress.
    pub is_partial: bool,
    /// Of the root segment; empty if that served no HTTP.
    pub http: HttpSummary,
    /// Annotations of all segments and subsegments: by key, each value and where it was.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, Vec<ValueWithServiceIds>>,
    /// Who sent requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<TraceUser>,
    /// Every service of the trace, inferred ones too.
    pub service_ids: Vec<ServiceId>,
    /// What segments ran on.
    #[serde(rename = "ResourceARNs", skip_serializing_if = "Vec::is_empty")]
    pub resource_arns: Vec<ResourceArn>,
    /// EC2 instances segments ran on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_ids: Vec<InstanceId>,
    /// Availability zones segments ran in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<AvailabilityZone>,
    /// The service of the root segment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<ServiceId>,
    /// Where faults came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fault_root_causes: Vec<RootCause>,
    /// Where errors came from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub error_root_causes: Vec<RootCause>,
    /// Where the time went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub response_time_root_causes: Vec<RootCause>,
    /// How many times the trace has been rewritten.
    pub revision: u64,
    /// With `TimeRangeType` `Event` or `Service`: the time by which the trace was found, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched_event_time: Option<f64>,
}

/// The request and response of a root segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct HttpSummary {
    /// The whole URL.
    #[serde(rename = "HttpURL", skip_serializing_if = "Option::is_none")]
    pub http_url: Option<String>,
    /// The status code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<i32>,
    /// `GET`, `POST`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_method: Option<String>,
    /// The client's program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The client's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
}

/// A node of the service map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct ServiceId {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All its names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The AWS account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The API's `Type`: an origin, `remote`, `client`.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// One value of an annotation and the services it was on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ValueWithServiceIds {
    /// The value.
    pub annotation_value: AnnotationValue,
    /// The services.
    #[serde(default)]
    pub service_ids: Vec<ServiceId>,
}

/// The value of an annotation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AnnotationValue {
    /// A number.
    #[serde(rename = "NumberValue")]
    Number(f64),
    /// A yes or no.
    #[serde(rename = "BooleanValue")]
    Bool(bool),
    /// A text.
    #[serde(rename = "StringValue")]
    Text(String),
}

/// A user and the services that named it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct TraceUser {
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<String>,
    /// The services.
    pub service_ids: Vec<ServiceId>,
}

/// A resource a segment ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ResourceArn {
    /// Its ARN.
    #[serde(rename = "ARN", skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct InstanceId {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// An availability zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct AvailabilityZone {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Where a fault, an error or a delay came from; one shape for `FaultRootCause`, `ErrorRootCause` and
/// `ResponseTimeRootCause`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct RootCause {
    /// The services from the client to the culprit.
    pub services: Vec<RootCauseService>,
    /// The client felt it.
    pub client_impacting: bool,
}

/// One service on the way to a culprit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct RootCauseService {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All its names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The API's `Type`.
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The AWS account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The segment and the subsegments within it that lead on.
    pub entity_path: Vec<RootCauseEntity>,
    /// The service sent nothing itself.
    pub inferred: bool,
}

/// A segment or subsegment on the way to a culprit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct RootCauseEntity {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of faults and errors: its exceptions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<RootCauseException>,
    /// Of response times: its share of the root's time, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// It is a call to another service.
    pub remote: bool,
}

/// An exception on the way to a culprit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[non_exhaustive]
pub struct RootCauseException {
    /// The error's type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
