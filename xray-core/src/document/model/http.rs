//! The `http` member.

use serde::Serialize;
use serde_json::{Map, Value};

use super::read::{self, NonEmpty, is_absent, take};

/// An HTTP exchange: the request served (segment) or made (subsegment).
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Http {
    /// What was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<HttpRequest>,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<HttpResponse>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Http {
    fn read(mut from: Map<String, Value>) -> Http {
        let from = &mut from;
        Http { request: take(from, "request"), response: take(from, "response"), other: std::mem::take(from) }
    }
}

read::object!(Http);

/// The request of an HTTP exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HttpRequest {
    /// `GET`, `POST`, ….
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The whole URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The caller's program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The caller's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
    /// Segments only: the address came from a header and may be false.
    #[serde(skip_serializing_if = "is_absent")]
    pub x_forwarded_for: bool,
    /// Subsegments only: the service called sends a segment of its own.
    #[serde(skip_serializing_if = "is_absent")]
    pub traced: bool,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl HttpRequest {
    fn read(mut from: Map<String, Value>) -> HttpRequest {
        let from = &mut from;
        HttpRequest {
            method: take(from, "method"),
            url: take(from, "url"),
            user_agent: take(from, "user_agent"),
            client_ip: take(from, "client_ip"),
            x_forwarded_for: NonEmpty::take(from, "x_forwarded_for"),
            traced: NonEmpty::take(from, "traced"),
            other: std::mem::take(from),
        }
    }
}

read::object!(HttpRequest);

/// The response of an HTTP exchange.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status code; senders that write it as a string are understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i64>,
    /// Bytes of the body; some senders write -1 for unknown, some a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_length: Option<i64>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl HttpResponse {
    fn read(mut from: Map<String, Value>) -> HttpResponse {
        let from = &mut from;
        HttpResponse {
            status: take(from, "status"),
            content_length: take(from, "content_length"),
            other: std::mem::take(from),
        }
    }
}

read::object!(HttpResponse);
