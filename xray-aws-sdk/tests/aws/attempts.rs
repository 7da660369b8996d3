//! Retries.

use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use xray_core::document::Document;

use crate::support::{Answer, OK, SECOND, Service, bare, get_item, id_of, in_segment};

const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow"}"#;

fn call(answers: &[Answer], attempts: bool) -> (Service, Document) {
    let timeout = TimeoutConfig::builder().operation_attempt_timeout(SECOND).build();
    let (service, segment, result) = call_within(timeout, answers, attempts);
    result.unwrap();
    (service, segment)
}

fn call_within(timeout: TimeoutConfig, answers: &[Answer], attempts: bool) -> (Service, Document, Result<(), String>) {
    let service = Service::answering(answers);
    let config = bare!(aws_sdk_dynamodb, service.clone())
        .timeout_config(timeout)
        .interceptor(xray_aws_sdk::interceptor().attempts(attempts));
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    (service, segment, result)
}

#[test]
fn a_retried_call_tells_how_often() {
    for first in [Answer::Http(500, &[], ""), Answer::Http(400, &[], THROTTLED), Answer::Refuse, Answer::Hang] {
        let (service, segment) = call(&[first, OK], false);
        assert_eq!(service.seen().len(), 2);
        let [call] = &segment.subsegments[..] else { panic!("not one call") };
        assert_eq!(call.aws.as_ref().unwrap().retries(), Some(1));
        assert_eq!(call.http_status(), Some(200));
        assert!(!(call.error || call.fault || call.throttle) && call.exceptions().is_empty(), "{first:?}");
    }
}

#[test]
fn attempts_are_children_on_request() {
    let (service, segment) = call(&[Answer::Http(400, &[], THROTTLED), Answer::Hang, OK], true);
    assert_eq!(
        xray_test::picture(std::slice::from_ref(&segment)),
        "web  segment
└ DynamoDB  aws GetItem 200
  ├ attempt 1  400 error throttle
  ├ attempt 2  fault
  └ attempt 3  200
"
    );
    let call = &segment.subsegments[0];
    assert_eq!(call.subsegments[2].aws.as_ref().unwrap().text("request_id"), Some("REQ1"));
    assert_eq!(call.subsegments[0].exceptions()[0].kind.as_deref(), Some("ThrottlingException"));
    assert!(service.trace_headers().iter().all(|header| header.parent() == Some(id_of(call))));
}

#[test]
fn an_operation_timed_out_ends_its_attempt() {
    let timeout = TimeoutConfig::builder().operation_timeout(SECOND).build();
    let (_, segment, result) = call_within(timeout, &[Answer::Hang], true);
    result.unwrap_err();
    let picture = "web  segment\n└ DynamoDB  aws GetItem fault\n  └ attempt 1  fault\n";
    assert_eq!(xray_test::picture(&[segment]), picture);
}
