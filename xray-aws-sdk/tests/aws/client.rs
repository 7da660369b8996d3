//! What a call of each service looks like.

use std::collections::BTreeMap;

use expect_test::expect;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use xray_core::document::Document;
use xray_core::{ContextMissing, segment};
use xray_test::Captured;
use xray_test::{ManualClock, SeededEntropy, picture};

use crate::support::{Answer, OK, Service, bare, captured, config, dynamodb, get_item, in_segment, run};

/// The one call in a segment, without what differs from run to run.
fn call_of(segment: &Document) -> String {
    let [call] = &segment.subsegments[..] else { panic!("not one call: {}", picture(std::slice::from_ref(segment))) };
    let aws: BTreeMap<_, _> = call.aws.as_ref().expect("an aws block").0.iter().collect();
    let http = call.http.as_ref().expect("an http block");
    format!(
        "{} {}\naws {}\nhttp {}\n",
        call.name,
        call.namespace.as_deref().unwrap_or_default(),
        serde_json::to_string(&aws).unwrap(),
        serde_json::to_string(http).unwrap()
    )
}

#[test]
fn dynamodb_shows_its_table() {
    let (segment, result) = in_segment(|| async { get_item(&dynamodb(&Service::ok())).await });
    result.unwrap();
    expect![[r#"
        DynamoDB aws
        aws {"operation":"GetItem","region":"eu-central-1","request_id":"REQ1","resource_names":["orders"],"table_name":"orders"}
        http {"response":{"status":200,"content_length":2}}
    "#]]
    .assert_eq(&call_of(&segment));
}

#[test]
fn sqs_shows_its_queue() {
    let sent = r#"{"MessageId":"m1","MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592"}"#;
    let service = Service::answering(&[Answer::Http(200, &[("x-amzn-requestid", "REQ2")], sent)]);
    let client = aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, service).build());
    let queue = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders";
    let (segment, result) =
        in_segment(|| async { client.send_message().queue_url(queue).message_body("hello").send().await });
    result.unwrap();
    expect![[r#"
        SQS aws
        aws {"operation":"SendMessage","queue_url":"https://sqs.eu-central-1.amazonaws.com/123456789012/orders","region":"eu-central-1","request_id":"REQ2"}
        http {"response":{"status":200}}
    "#]]
    .assert_eq(&call_of(&segment));
}

#[test]
fn s3_shows_its_bucket_and_both_request_ids() {
    let headers = &[("x-amz-request-id", "REQ3"), ("x-amz-id-2", "EXT/+="), ("content-length", "5")];
    let service = Service::answering(&[Answer::Http(200, headers, "hello")]);
    let client = aws_sdk_s3::Client::from_conf(config!(aws_sdk_s3, service).build());
    let (segment, result) = in_segment(|| async { client.get_object().bucket("photos").key("a/b").send().await });
    result.unwrap();
    expect![[r#"
        S3 aws
        aws {"bucket_name":"photos","id_2":"EXT/+=","operation":"GetObject","region":"eu-central-1","request_id":"REQ3","resource_names":["photos"]}
        http {"response":{"status":200,"content_length":5}}
    "#]]
    .assert_eq(&call_of(&segment));
}

#[test]
fn members_are_captured_on_request() {
    let interceptor = xray_aws_sdk::interceptor().capture(["ProjectionExpression"]);
    let config = bare!(aws_sdk_dynamodb, Service::ok()).interceptor(interceptor);
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async {
        let table = "arn:aws:dynamodb:eu-central-1:123456789012:table/orders";
        client.scan().table_name(table).projection_expression("id").send().await
    });
    result.unwrap();
    let aws = segment.subsegments[0].aws.as_ref().unwrap();
    assert_eq!(aws.text("projection_expression"), Some("id"));
    assert_eq!(aws.text("table_name"), Some("orders"));
}

#[test]
fn an_interceptor_of_one_call_makes_its_subsegment() {
    let client = crate::support::bare_dynamodb(Service::ok());
    let (segment, result) = in_segment(|| async {
        client.scan().table_name("orders").customize().interceptor(xray_aws_sdk::interceptor()).send().await
    });
    result.unwrap();
    assert_eq!(picture(&[segment]), "web  segment\n└ DynamoDB  aws Scan 200\n");
}

#[test]
fn two_interceptors_make_one_subsegment() {
    let service = Service::ok();
    let config = bare!(aws_sdk_dynamodb, service.clone()).interceptor(xray_aws_sdk::interceptor().attempts(true));
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async {
        let second = xray_aws_sdk::interceptor().attempts(true);
        client.scan().table_name("orders").customize().interceptor(second).send().await
    });
    result.unwrap();
    assert_eq!(picture(&[segment]), "web  segment\n└ DynamoDB  aws Scan 200\n  └ attempt 1  200\n");
    assert_eq!(service.trace_headers().len(), 1);
}

#[test]
fn a_call_outside_a_segment_succeeds_and_is_told() {
    let xray = captured();
    let service = Service::ok();
    run(&xray, async { get_item(&dynamodb(&service)).await }).unwrap();
    let [] = xray.documents();
    assert_eq!(xray.stats().context_missing, 1);
    let [told] = &xray.diagnostics()[..] else { panic!("{:?}", xray.diagnostics()) };
    assert!(told.contains("XR005") && told.contains("DynamoDB"), "{told}");
    assert_eq!(service.seen()[0].trace_header(), None);
}

#[test]
fn no_strategy_fails_the_call() {
    for strategy in [ContextMissing::IgnoreError, ContextMissing::RuntimeError] {
        let xray = Captured::with(ManualClock::at(0.0), SeededEntropy::new(1), |layer| layer.context_missing(strategy));
        run(&xray, async { get_item(&dynamodb(&Service::ok())).await }).unwrap();
        let [] = xray.documents();
    }
}

#[test]
fn without_a_layer_the_call_is_untouched() {
    let service = Service::ok();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(get_item(&dynamodb(&service))).unwrap();
    assert_eq!(service.seen()[0].trace_header(), None);
}

#[test]
fn a_poll_for_messages_outside_a_segment_is_not_told() {
    let xray = captured();
    let client = aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, Service::ok()).build());
    run(&xray, async { client.receive_message().queue_url("https://localhost/1/q").send().await }).unwrap();
    let [] = xray.documents();
    assert_eq!((xray.stats().context_missing, xray.diagnostics().len()), (0, 0));
}

#[test]
fn a_poll_for_messages_inside_a_segment_is_a_call() {
    let client = aws_sdk_sqs::Client::from_conf(config!(aws_sdk_sqs, Service::ok()).build());
    let (segment, result) =
        in_segment(|| async { client.receive_message().queue_url("https://localhost/1/q").send().await });
    result.unwrap();
    assert_eq!(picture(&[segment]), "web  segment\n└ SQS  aws ReceiveMessage 200\n");
}

/// What is logged changes which spans the SDK enters; the tree stays the same.
#[test]
fn the_log_level_does_not_change_the_tree() {
    for (level, expected) in [
        ("off", "web  segment\n└ DynamoDB  aws GetItem 200\n"),
        ("info", "web  segment\n└ handler\n  └ DynamoDB  aws GetItem 200\n"),
        ("trace", "web  segment\n└ handler\n  └ DynamoDB  aws GetItem 200\n"),
    ] {
        let xray = captured();
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let subscriber = tracing_subscriber::registry().with(EnvFilter::new(level)).with(lines).with(xray.layer());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let service = Service::answering(&[Answer::Http(500, &[], ""), OK]);
        let work = async {
            let web = segment("web").open();
            let handler = async {
                use tracing::Instrument;
                let call = async { get_item(&dynamodb(&service)).await };
                call.instrument(tracing::info_span!("handler")).await
            };
            web.instrument(handler).await
        };
        tracing::subscriber::with_default(subscriber, || runtime.block_on(work)).unwrap();
        assert_eq!(xray.picture(), expected, "{level}");
        assert_eq!(service.seen().len(), 2);
    }
}
