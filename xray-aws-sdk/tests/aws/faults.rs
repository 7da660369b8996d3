//! Errors, throttles, faults and their causes.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use xray_core::document::Document;
use xray_test::Picture;

use crate::support::{Answer, SECOND, Service, config, dynamodb, get_item, in_segment};

/// The segment's picture with causes, and the first exception's `remote`.
fn shown(segment: &Document) -> (String, bool) {
    let picture = Picture::new().causes(true).draw(std::slice::from_ref(segment));
    let remote = segment.subsegments[0].exceptions().first().is_some_and(|exception| exception.remote);
    (picture, remote)
}

#[track_caller]
fn fails(
    answer: Answer,
    configure: impl FnOnce(aws_sdk_dynamodb::config::Builder) -> aws_sdk_dynamodb::config::Builder,
) -> (String, bool) {
    let service = Service::answering(&[answer]);
    let config = configure(config!(aws_sdk_dynamodb, service)).build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap_err();
    shown(&segment)
}

fn once(config: aws_sdk_dynamodb::config::Builder) -> aws_sdk_dynamodb::config::Builder {
    config.retry_config(RetryConfig::disabled())
}

#[test]
fn a_service_error_is_an_error_with_its_code() {
    let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#;
    let (picture, remote) = fails(Answer::Http(400, &[], body), once);
    assert_eq!(picture, "web  segment\n└ DynamoDB  aws GetItem 400 error (ResourceNotFoundException: no table)\n");
    assert!(remote);
}

#[test]
fn dynamodb_throttles_with_400() {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow"}"#;
    let (picture, remote) = fails(Answer::Http(400, &[], body), once);
    assert_eq!(
        picture,
        "web  segment\n└ DynamoDB  aws GetItem 400 error throttle (ProvisionedThroughputExceededException: slow)\n"
    );
    assert!(remote);
}

#[test]
fn a_code_in_the_header_is_read() {
    let headers = &[("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/")];
    let (picture, _) = fails(Answer::Http(400, headers, ""), once);
    assert!(picture.contains("400 error throttle (ThrottlingException"), "{picture}");
}

#[test]
fn a_429_is_a_throttle() {
    let (picture, _) = fails(Answer::Http(429, &[], r#"{"__type":"Odd","message":"m"}"#), once);
    assert!(picture.contains("429 error throttle (Odd: m)"), "{picture}");
}

#[test]
fn a_5xx_is_a_fault() {
    let (picture, remote) = fails(Answer::Http(500, &[], r#"{"__type":"InternalServerError","message":"m"}"#), once);
    assert!(picture.contains("500 fault (InternalServerError: m)"), "{picture}");
    assert!(remote);
}

#[test]
fn s3_says_slow_down_with_503() {
    let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let service = Service::answering(&[Answer::Http(503, &[], body)]);
    let config = config!(aws_sdk_s3, service).retry_config(RetryConfig::disabled());
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async { client.head_bucket().bucket("photos").send().await });
    result.unwrap_err();
    let (picture, _) = shown(&segment);
    assert!(picture.contains("S3  aws HeadBucket 503 throttle fault (SlowDown: Please reduce"), "{picture}");
}

#[test]
fn what_did_not_change_is_no_error() {
    let service = Service::answering(&[Answer::Http(304, &[], "")]);
    let client = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, service).build());
    let (segment, result) =
        in_segment(|| async { client.get_object().bucket("photos").key("a").if_none_match("x").send().await });
    result.unwrap_err();
    assert_eq!(shown(&segment), ("web  segment\n└ S3  aws GetObject 304\n".to_owned(), false));
}

#[test]
fn an_answer_that_does_not_parse_is_a_fault() {
    let (picture, _) = fails(Answer::Http(200, &[], "<html>"), once);
    assert!(picture.contains("GetItem 200 fault (ServiceError: unhandled error: "), "{picture}");
}

#[test]
fn a_refused_connection_is_a_fault() {
    let (picture, remote) = fails(Answer::Refuse, once);
    assert_eq!(
        picture,
        "web  segment\n└ DynamoDB  aws GetItem fault (DispatchFailure: io error: connection refused)\n"
    );
    assert!(!remote);
}

#[test]
fn an_attempt_timed_out_is_a_fault() {
    let timeout = TimeoutConfig::builder().operation_attempt_timeout(SECOND).build();
    let (picture, remote) = fails(Answer::Hang, |config| once(config).timeout_config(timeout));
    assert!(picture.contains("GetItem fault (TimeoutError: operation attempt timeout (single attempt)"), "{picture}");
    assert!(!remote);
}

#[test]
fn an_operation_timed_out_is_a_fault() {
    let timeout = TimeoutConfig::builder().operation_timeout(SECOND).build();
    let (picture, _) = fails(Answer::Hang, |config| config.timeout_config(timeout));
    assert!(picture.contains("GetItem fault (TimeoutError: operation timeout (all attempts"), "{picture}");
}

#[test]
fn a_call_that_cannot_be_made_is_a_fault() {
    let service = Service::ok();
    let client = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, service.clone()).build());
    let (segment, result) = in_segment(|| async { client.get_object().bucket("photos").send().await });
    result.unwrap_err();
    let (picture, _) = shown(&segment);
    assert!(picture.contains("S3  aws GetObject fault (ConstructionFailure: "), "{picture}");
    assert_eq!(service.seen().len(), 0);
}

#[test]
fn an_error_does_not_reach_the_segment() {
    let (segment, _) = in_segment(|| async { get_item(&dynamodb(&Service::answering(&[Answer::Refuse]))).await });
    assert!(!segment.fault && !segment.error);
}

#[test]
fn missing_credentials_are_a_fault() {
    let service = Service::ok();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
        .http_client(service.clone())
        .interceptor(xray_aws_sdk::interceptor())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap_err();
    let (picture, _) = shown(&segment);
    assert!(picture.contains("GetItem fault (DispatchFailure: "), "{picture}");
    assert_eq!(service.trace_headers().len(), 0);
}
