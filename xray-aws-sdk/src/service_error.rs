//! A service error's code and message, from the answer itself.
//!
//! The SDK's error type is erased where an interceptor sees it. Each protocol has its place: the header
//! `x-amzn-errortype` (REST JSON), `__type` in a JSON body (DynamoDB, SQS), `<Code>` in an XML body (S3, SNS). Where
//! none is readable, the error's `Display` begins with the code, or has it in brackets.

use std::borrow::Cow;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::Value;

/// Code and message, empty where unknown. `shown` is what the SDK's error displays.
pub(crate) fn code_and_message<'a>(response: &'a HttpResponse, shown: &'a str) -> (Cow<'a, str>, Cow<'a, str>) {
    let body = response.body().bytes().filter(|body| body.len() <= MAX_BODY).unwrap_or_default();
    let (body_code, body_message) = match body.first() {
        Some(b'{') => json(body),
        Some(b'<') => xml(body),
        _ => (None, None),
    };
    let (shown_code, shown_message) = displayed(shown);
    let code = header(response).map(Cow::Borrowed).or(body_code).or(shown_code.map(Cow::Borrowed));
    (code.unwrap_or_default(), body_message.unwrap_or(Cow::Borrowed(shown_message)))
}

/// The code that stands in a header, if one does.
pub(crate) fn header(response: &HttpResponse) -> Option<&str> {
    code(response.headers().get("x-amzn-errortype")?)
}

/// Whether a code means "slow down", whatever the status: DynamoDB throttles with 400.
pub(crate) fn is_throttle(code: &str) -> bool {
    THROTTLES.contains(&code)
}

/// The code in `name.space#Code:http://…`; `None` when it does not look like one.
fn code(text: &str) -> Option<&str> {
    let text = text.split(':').next().unwrap_or(text);
    let text = text.rsplit('#').next().unwrap_or(text).trim();
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_code = !text.is_empty() && text.len() <= MAX_CODE && text.bytes().all(valid);
    is_code.then_some(text)
}

fn json<'a>(body: &[u8]) -> (Option<Cow<'a, str>>, Option<Cow<'a, str>>) {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return (None, None) };
    let mut text = |keys: [&str; 3]| {
        keys.into_iter().find_map(|key| match members.remove(key) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        })
    };
    let kind = text(["__type", "code", "Code"]);
    let message = text(["message", "Message", "errorMessage"]);
    (kind.as_deref().and_then(code).map(|code| Cow::Owned(code.to_owned())), message.map(Cow::Owned))
}

fn xml(body: &[u8]) -> (Option<Cow<'_, str>>, Option<Cow<'_, str>>) {
    let Ok(text) = std::str::from_utf8(body) else { return (None, None) };
    let element = |open, close| {
        let (_, rest) = text.split_once(open)?;
        rest.split_once(close).map(|(inside, _): (&str, &str)| inside)
    };
    let message = element("<Message>", "</Message>").map(unescaped);
    (element("<Code>", "</Code>").and_then(code).map(Cow::Borrowed), message)
}

/// Text between tags as it was meant.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    // The ampersand last, so that what it makes is not read again.
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    Cow::Owned(entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter)))
}

/// `NoSuchBucket: it is not there`, `unhandled error (Throttling)`, or a text without a code.
fn displayed(shown: &str) -> (Option<&str>, &str) {
    if let Some(inside) = shown.strip_prefix("unhandled error (").and_then(|rest| rest.split(')').next()) {
        return (code(inside), shown);
    }
    match shown.split_once(": ") {
        Some((kind, message)) if code(kind) == Some(kind) => (Some(kind), message),
        _ if code(shown) == Some(shown) => (Some(shown), ""),
        _ => (None, shown),
    }
}

/// Codes by which AWS services say "slow down". Source: the list of AWS SDK for Java 2, `RetryUtils`.
const THROTTLES: [&str; 13] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "EC2ThrottledException",
    "TransactionInProgressException",
    "PriorRequestNotComplete",
];
/// Bytes of an error's body that are read. Error bodies are short; a longer one is something else.
const MAX_BODY: usize = 64 * 1024;
/// Characters of a code. The longest known has about 60.
const MAX_CODE: usize = 128;

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn answer(header: Option<&'static str>, body: &'static [u8]) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::try_from(400).unwrap(), SdkBody::from(body));
        if let Some(header) = header {
            response.headers_mut().insert("x-amzn-errortype", header);
        }
        response
    }

    #[track_caller]
    fn check(header: Option<&'static str>, body: &'static [u8], shown: &str, expected: (&str, &str)) {
        let response = answer(header, body);
        let (code, message) = code_and_message(&response, shown);
        assert_eq!((&*code, &*message), expected);
    }

    #[test]
    fn every_protocol_has_its_place() {
        let dynamodb = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slowly"}"#;
        check(None, dynamodb, "unhandled error", ("ThrottlingException", "slowly"));
        let lambda = br#"{"Message":"no function"}"#;
        let header = Some("ResourceNotFoundException:http://internal.amazon.com/coral/");
        check(header, lambda, "?", ("ResourceNotFoundException", "no function"));
        let s3 =
            b"<?xml version=\"1.0\"?>\n<Error><Code>NoSuchKey</Code><Message>a &lt; b &amp;amp; c</Message></Error>";
        check(None, s3, "?", ("NoSuchKey", "a < b &amp; c"));
    }

    #[test]
    fn without_a_body_the_display_says_it() {
        check(None, b"", "NotFound", ("NotFound", ""));
        check(None, b"", "NoSuchBucket: gone", ("NoSuchBucket", "gone"));
        check(None, b"", "unhandled error (SlowDown)", ("SlowDown", "unhandled error (SlowDown)"));
        check(None, b"", "unhandled error", ("", "unhandled error"));
    }

    #[test]
    fn garbage_is_no_code() {
        for body in [
            &b"{"[..],
            b"{\"__type\":7}",
            b"{\"__type\":\"a b\"}",
            b"<Code>",
            b"<Code></Code>",
            b"<Code>\xff</Code>",
            b"\xff\x00",
        ] {
            check(Some("not a code!"), Box::leak(body.into()), "it failed", ("", "it failed"));
        }
    }

    #[test]
    fn throttling_goes_by_the_code() {
        assert!(is_throttle("ProvisionedThroughputExceededException"));
        assert!(!is_throttle("ConditionalCheckFailedException"));
    }
}
