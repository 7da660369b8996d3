//! How a call or an attempt went: the response's facts, and error, throttle or fault with the cause.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use aws_smithy_runtime_api::client::interceptors::context::{Error, FinalizerInterceptorContextRef};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_types::request_id::RequestId;
use xray_core::{ExceptionParts, Flags, Node};

use crate::service_error;

/// Records what a finished attempt, or the last of a finished call, came to.
pub(crate) fn record(node: &Node, context: &FinalizerInterceptorContextRef<'_>) {
    if !node.is_recording() {
        return;
    }
    if let Some(response) = context.response() {
        record_response(node, response);
    }
    if let Some(Err(error)) = context.output_or_error() {
        record_error(node, error, context);
    }
}

/// Status, length, and the ids by which AWS's support finds the request.
pub(crate) fn record_response(node: &Node, response: &HttpResponse) {
    let headers = response.headers();
    let content_length = headers.get("content-length").and_then(|length| length.parse().ok());
    node.set_http_response(Some(response.status().as_u16()), content_length);
    // `id_2`: S3's extended request id.
    node.describe_aws(|aws| {
        for (key, value) in [("request_id", headers.request_id()), ("id_2", headers.get("x-amz-id-2"))] {
            if let Some(value) = value {
                aws.text(key, &bounded(value));
            }
        }
    });
}

fn record_error(node: &Node, error: &OrchestratorError<Error>, context: &FinalizerInterceptorContextRef<'_>) {
    let response = context.response();
    if let (Some(modeled), Some(response)) = (error.as_operation_error(), response) {
        let shown = chain(modeled);
        let (code, message) = service_error::code_and_message(response, &shown);
        record_service_error(node, response.status().as_u16(), &code, &message);
        return;
    }
    node.mark(Flags { fault: true, ..Flags::default() });
    // Named as the variant of `SdkError` that the caller gets.
    let kind = if error.is_timeout_error() {
        "TimeoutError"
    } else if response.is_some() {
        "ResponseError"
    } else if error.is_connector_error() || context.request().is_some() {
        "DispatchFailure"
    } else {
        "ConstructionFailure"
    };
    // The outermost text only repeats the kind.
    let message = error.source().map(chain).unwrap_or_default();
    node.record_exception(ExceptionParts { kind, message: &message, remote: false });
}

/// The flags and the exception of an answer that the service calls an error.
pub(crate) fn record_service_error(node: &Node, status: u16, code: &str, message: &str) {
    if status == NOT_MODIFIED {
        return;
    }
    // 4xx and 5xx were marked with the status. S3 can answer 200 and fail in the body.
    let throttle = service_error::is_throttle(code);
    let fault = status < 300;
    node.mark(Flags { error: (300..400).contains(&status) || (throttle && status / 100 == 4), throttle, fault });
    let kind = if code.is_empty() { "ServiceError" } else { code };
    node.record_exception(ExceptionParts { kind, message, remote: true });
}

/// An error's text with its sources', outermost first. One of the host's own, from its HTTP client or its credentials, that
/// panics when it is shown must not become the call's.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let shown = catch_unwind(AssertUnwindSafe(|| joined(error)));
    shown.unwrap_or_else(|_| "[panicked while formatted]".to_owned())
}

fn joined(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..MAX_SOURCES {
        let Some(next) = cause else { break };
        let shown = next.to_string();
        // Many errors repeat their source's text in their own.
        if !text.ends_with(&shown) {
            // Writing to a `String` cannot fail.
            let _ = write!(text, ": {shown}");
        }
        cause = next.source();
    }
    text
}

/// A header's value in a document: request ids are far shorter.
fn bounded(value: &str) -> Cow<'_, str> {
    if value.len() <= MAX_ID { Cow::Borrowed(value) } else { Cow::Owned(value.chars().take(MAX_ID).collect()) }
}

/// The answer to "only if it changed": the SDK calls it an error, nobody else does.
const NOT_MODIFIED: u16 = 304;
/// Sources followed below an error.
const MAX_SOURCES: usize = 8;
/// Characters kept of a request id. S3's extended ids have about 80.
const MAX_ID: usize = 250;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_does_not_say_things_twice() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError, bool);
        impl std::fmt::Display for Outer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("no port")?;
                if self.1 { write!(f, ": {}", self.0) } else { Ok(()) }
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let cause = "x".parse::<u16>().unwrap_err();
        for repeats in [false, true] {
            assert_eq!(chain(&Outer(cause.clone(), repeats)), "no port: invalid digit found in string");
        }
    }

    #[test]
    fn an_error_that_panics_leaves_a_mark() {
        #[derive(Debug)]
        struct Torn;
        impl std::fmt::Display for Torn {
            fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                panic!("no text")
            }
        }
        impl StdError for Torn {}
        assert_eq!(chain(&Torn), "[panicked while formatted]");
    }
}
