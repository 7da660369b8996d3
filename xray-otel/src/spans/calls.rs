//! The blocks `http`, `aws` and `sql`, and what a segment says of where it ran, as attributes.

use serde_json::{Map, Value as Json};
use xray_core::document::Document;

use super::values::{Attributes, value};
use crate::span::Value;

/// What was called.
pub(super) fn name(attributes: &mut Attributes, document: &Document) {
    match document.namespace.as_deref() {
        Some("aws") => {
            attributes.text("rpc.system", Some("aws-api"));
            attributes.text("rpc.service", Some(&document.name));
        }
        Some("remote") => attributes.text("peer.service", Some(&document.name)),
        _ => {}
    }
}

pub(super) fn http(attributes: &mut Attributes, document: &Document, below: bool) {
    let Some(http) = &document.http else { return };
    if let Some(request) = &http.request {
        attributes.text("http.request.method", request.method.as_deref());
        attributes.text("url.full", request.url.as_deref());
        attributes.text("user_agent.original", request.user_agent.as_deref());
        let forwarded = request.x_forwarded_for || below;
        let caller = if forwarded { "client.address" } else { "network.peer.address" };
        attributes.text(caller, request.client_ip.as_deref());
        if request.traced {
            attributes.put("aws.xray.traced", Value::Bool(true));
        }
    }
    if let Some(response) = &http.response {
        attributes.int("http.response.status_code", response.status);
        attributes.int("http.response.body.size", response.content_length.filter(|bytes| *bytes >= 0));
    }
}

pub(super) fn sql(attributes: &mut Attributes, document: &Document) {
    let Some(sql) = &document.sql else { return };
    attributes.text("db.system.name", sql.database_type.as_deref());
    attributes.text("db.user", sql.user.as_deref());
    attributes.text("db.query.text", sql.sanitized_query.as_deref());
    attributes.text("db.connection_string", sql.connection_string.as_deref());
    attributes.text("aws.xray.sql.url", sql.url.as_deref());
    attributes.text("aws.xray.sql.database_version", sql.database_version.as_deref());
    attributes.text("aws.xray.sql.driver_version", sql.driver_version.as_deref());
    attributes.text("aws.xray.sql.preparation", sql.preparation.as_deref());
    // What a reader of spans looks for.
    let Some((_, rest)) = sql.url.as_deref().and_then(|url| url.split_once("://")) else { return };
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (authority, None),
    };
    attributes.text("server.address", Some(host.trim_start_matches('[').trim_end_matches(']')));
    attributes.int("server.port", port);
    attributes.text("db.namespace", Some(database));
}

/// Keys of the `aws` block of a call, and the attributes they are.
const CALL: &[(&str, &str)] = &[
    ("account_id", "aws.account_id"),
    ("operation", "rpc.method"),
    ("region", "aws.region"),
    ("request_id", "aws.request_id"),
    ("queue_url", "aws.sqs.queue.url"),
    ("topic_arn", "aws.sns.topic.arn"),
    ("function_name", "aws.function_name"),
    ("bucket_name", "aws.s3.bucket"),
    ("key", "aws.s3.key"),
];

pub(super) fn aws(attributes: &mut Attributes, document: &Document) {
    let Some(aws) = &document.aws else { return };
    let mut rest = aws.0.clone();
    for (key, attribute) in CALL {
        let attribute = match (*key, document.namespace.as_deref()) {
            ("operation", Some("aws")) => attribute,
            // Elsewhere the method of a call is another thing.
            ("operation", _) => "aws.operation",
            _ => attribute,
        };
        if let Some(Json::String(text)) = rest.get(*key).cloned() {
            attributes.text(attribute, Some(&text));
            rest.remove(*key);
        }
    }
    if let Some(table) = rest.remove("table_name") {
        attributes.put("aws.dynamodb.table_names", Value::List(vec![value(&table)]));
    } else if let Some(tables) = rest.remove("table_names") {
        attributes.put("aws.dynamodb.table_names", value(&tables));
    }
    if let Some(retries) = aws.retries() {
        rest.remove("retries");
        attributes.int("aws.retries", Some(retries));
    }
    remaining(attributes, rest);
}

/// Where a segment ran, and by which rule it was recorded.
pub(super) fn segment(attributes: &mut Attributes, document: &Document) {
    attributes.text("aws.xray.origin", document.origin.as_deref());
    attributes.text("aws.xray.resource_arn", document.resource_arn.as_deref());
    if let Some(version) = document.service.as_ref().and_then(|service| service.version.as_deref()) {
        attributes.text("aws.xray.service_version", Some(version));
    }
    let Some(aws) = &document.aws else { return };
    attributes.text("aws.xray.sampling_rule", aws.sampling_rule());
    let mut rest = aws.0.clone();
    if let Some(Json::Object(xray)) = rest.get_mut("xray") {
        xray.remove("sampling_rule_name");
        if xray.is_empty() {
            rest.remove("xray");
        }
    }
    remaining(attributes, rest);
}

/// What OpenTelemetry has no name for.
fn remaining(attributes: &mut Attributes, rest: Map<String, Json>) {
    if !rest.is_empty() {
        attributes.put("aws.xray.aws", Value::Text(Json::Object(rest).to_string()));
    }
}
