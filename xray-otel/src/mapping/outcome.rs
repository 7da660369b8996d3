//! Error, fault and throttle.
//!
//! A status code speaks first, for it tells whose failure it is: HTTP's, then gRPC's. Only without one does the span's
//! own status count, and then as fault.

use xray_core::document::Document;

use super::attributes::Reader;
use crate::span::{Span, Status};

pub(super) fn describe(document: &mut Document, span: &Span, reader: &mut Reader<'_>) {
    let failed = matches!(span.status, Status::Error(_));
    let told = [reader.bool("aws.xray.error"), reader.bool("aws.xray.fault"), reader.bool("aws.xray.throttle")];
    if told.iter().any(Option::is_some) {
        let [error, fault, throttle] = told.map(Option::unwrap_or_default);
        (document.error, document.fault, document.throttle) = (error, fault, throttle);
        return;
    }
    match document.http_status() {
        Some(429) => (document.error, document.throttle) = (true, true),
        Some(400..=499) => document.error = true,
        Some(500..=599) => document.fault = true,
        _ => match grpc_status(reader) {
            Some(0) => {}
            // RESOURCE_EXHAUSTED
            Some(8) => document.throttle = true,
            Some(1 | 3 | 5 | 6 | 7 | 9 | 10 | 11 | 16) => document.error = true,
            Some(_) => document.fault = true,
            None => document.fault = failed,
        },
    }
}

/// The status stays an attribute: it has no member of its own.
fn grpc_status(reader: &Reader<'_>) -> Option<i64> {
    use crate::span::Value;
    match reader.get("rpc.grpc.status_code")? {
        Value::Int(code) => Some(*code),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}
