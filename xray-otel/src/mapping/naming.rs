//! What segments and subsegments are called.
//!
//! A segment is named for its service. A call is named for what is called, as precisely as the span says: X-Ray draws a
//! node of that name. Work within the process keeps the span's name.

use std::borrow::Cow;

use super::attributes::Reader;
use crate::span::{Kind, Resource, Span};

/// A subsegment's name and namespace.
pub(super) struct Call<'a> {
    pub(super) name: Cow<'a, str>,
    pub(super) namespace: Option<&'static str>,
}

/// The name of a segment.
pub(super) fn service<'a>(reader: &mut Reader<'a>, resource: &'a Resource, fallback: &'a str) -> Cow<'a, str> {
    if let Some(name) = reader.text(&["aws.local.service"]) {
        return Cow::Borrowed(name);
    }
    match resource.text("service.name") {
        Some(name) if !is_unknown(name) => Cow::Borrowed(name),
        // `unknown_service:program` is what SDKs write when nobody told them the name.
        Some(name) if fallback.is_empty() => Cow::Borrowed(name.split_once(':').map_or(name, |(_, program)| program)),
        _ => Cow::Borrowed(fallback),
    }
}

/// Whether a service name is an SDK's stand-in for one.
pub(super) fn is_unknown(name: &str) -> bool {
    name == "unknown_service" || name.starts_with("unknown_service:")
}

/// The name and namespace of a subsegment.
pub(super) fn call<'a>(span: &'a Span, reader: &mut Reader<'a>) -> Call<'a> {
    if let Some(name) = aws_service(reader) {
        return Call { name, namespace: Some("aws") };
    }
    match span.kind {
        Kind::Client | Kind::Producer => {
            let name = remote(reader).unwrap_or(Cow::Borrowed(&span.name));
            Call { name, namespace: Some("remote") }
        }
        _ => Call { name: Cow::Borrowed(&span.name), namespace: None },
    }
}

/// The AWS service called; none if it is not an AWS call.
fn aws_service<'a>(reader: &mut Reader<'a>) -> Option<Cow<'a, str>> {
    let system = reader.peek(&["rpc.system.name", "rpc.system"]);
    let messaging = reader.peek(&["messaging.system"]);
    let is_aws = system == Some("aws-api")
        || reader.peek(&["aws.service"]).is_some()
        || matches!(messaging, Some("aws_sqs" | "aws.sns" | "AmazonSQS"));
    if !is_aws {
        return None;
    }
    if system == Some("aws-api") {
        reader.text(&["rpc.system.name", "rpc.system"]);
    }
    let named = reader.text(&["aws.remote.service", "aws.service", "rpc.service"]);
    let from_method =
        || reader.peek(&["rpc.method"]).and_then(|method| method.split_once('/')).map(|(service, _)| service);
    let name = named.or_else(from_method).or(match messaging {
        Some("aws_sqs" | "AmazonSQS") => Some("SQS"),
        Some("aws.sns") => Some("SNS"),
        _ => None,
    })?;
    let name = name.strip_prefix("AWS.SDK.").or_else(|| name.strip_prefix("AWS::")).unwrap_or(name);
    Some(Cow::Borrowed(name))
}

/// Who was called.
fn remote<'a>(reader: &mut Reader<'a>) -> Option<Cow<'a, str>> {
    if let Some(name) = reader.text(&["aws.remote.service", "service.peer.name", "peer.service"]) {
        return Some(Cow::Borrowed(name));
    }
    let host = host(reader);
    if reader.peek(&["db.system.name", "db.system"]).is_some() {
        let database = reader.peek(&["db.namespace", "db.name"]);
        return match (database, host) {
            (Some(database), Some(host)) => Some(Cow::Owned(format!("{database}@{host}"))),
            (one, other) => one.or(other).or_else(|| reader.peek(&["db.system.name", "db.system"])).map(Cow::Borrowed),
        };
    }
    let destination = reader.peek(&["messaging.destination.name", "messaging.destination"]);
    destination.or_else(|| reader.peek(&["rpc.service"])).or(host).map(Cow::Borrowed)
}

/// The host called, without port.
pub(super) fn host<'a>(reader: &Reader<'a>) -> Option<&'a str> {
    let named = reader.peek(&["server.address", "http.host", "net.peer.name"]);
    let named = named.or_else(|| {
        let (_, rest) = reader.peek(&["url.full", "http.url"])?.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
    });
    let connection = || {
        reader.peek(&["db.connection_string"]).and_then(|text| {
            let (_, rest) = text.split_once("://")?;
            let authority = rest.split(['/', '?', ';']).next()?;
            Some(authority.rsplit_once('@').map_or(authority, |(_, host)| host))
        })
    };
    let address = named.or_else(connection).or_else(|| reader.peek(&["network.peer.address", "net.peer.ip"]))?;
    Some(without_port(address)).filter(|host| !host.is_empty())
}

/// An IPv6 address loses its brackets: no name may have them.
fn without_port(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match authority.split_once(':') {
        // More than one colon is an address, not a host and its port.
        Some((host, port)) if !port.contains(':') => host,
        _ => authority,
    }
}
