//! The wrapped HTTP client.

use xray_core::{Rules, Sampled, segment};
use xray_test::{Captured, ManualClock, Picture, SeededEntropy, picture};

use crate::support::{
    Answer, OK, Service, bare, bare_dynamodb, captured, config, get_item, give_up_after, id_of, in_segment, run,
};

#[test]
fn every_attempt_is_a_subsegment() {
    let service = Service::answering(&[Answer::Http(500, &[], ""), Answer::Refuse, OK]);
    let client = bare_dynamodb(xray_aws_sdk::http_client(service.clone()));
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap();
    let shown = Picture::new().causes(true).draw(std::slice::from_ref(&segment));
    assert_eq!(
        shown,
        "web  segment
├ DynamoDB  aws GetItem 500 fault
├ DynamoDB  aws GetItem fault (DispatchFailure: io error: connection refused)
└ DynamoDB  aws GetItem 200
"
    );
    let aws = segment.subsegments[2].aws.as_ref().unwrap();
    assert_eq!((aws.region(), aws.text("request_id")), (Some("eu-central-1"), Some("REQ1")));
    for (header, call) in service.trace_headers().iter().zip(&segment.subsegments) {
        assert_eq!(header.parent(), Some(id_of(call)));
    }
}

#[test]
fn s3_names_its_operation_in_the_query() {
    let service = Service::answering(&[Answer::Http(200, &[("x-amz-id-2", "EXT")], "hello")]);
    let config = bare!(aws_sdk_s3, xray_aws_sdk::http_client(service));
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async { client.get_object().bucket("photos").key("a").send().await });
    result.unwrap();
    assert_eq!(segment.subsegments[0].aws.as_ref().unwrap().text("id_2"), Some("EXT"));
    assert_eq!(picture(&[segment]), "web  segment\n└ S3  aws GetObject 200\n");
}

#[test]
fn a_client_with_the_interceptor_is_left_to_it() {
    let service = Service::answering(&[Answer::Http(500, &[], ""), OK]);
    let config = config!(aws_sdk_dynamodb, xray_aws_sdk::http_client(service.clone()));
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap();
    let call = id_of(&segment.subsegments[0]);
    assert_eq!(picture(&[segment]), "web  segment\n└ DynamoDB  aws GetItem 200\n");
    assert!(service.trace_headers().iter().all(|header| header.parent() == Some(call)));
}

#[test]
fn outside_a_segment_either_way_tells_it_once() {
    for with_interceptor in [false, true] {
        let xray = captured();
        let mut config = bare!(aws_sdk_dynamodb, xray_aws_sdk::http_client(Service::ok()));
        if with_interceptor {
            config = config.interceptor(xray_aws_sdk::interceptor());
        }
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        run(&xray, async { get_item(&client).await }).unwrap();
        let [] = xray.documents();
        assert_eq!(xray.stats().context_missing, 1);
    }
}

#[test]
fn an_unsampled_request_says_so() {
    let xray = Captured::with(ManualClock::at(0.0), SeededEntropy::new(1), |layer| layer.rules(Rules::none()));
    let service = Service::ok();
    let client = bare_dynamodb(xray_aws_sdk::http_client(service.clone()));
    run(&xray, async { segment("web").open().instrument(async { get_item(&client).await }).await }).unwrap();
    let [] = xray.documents();
    assert_eq!(service.trace_headers()[0].sampled(), Some(Sampled::No));
}

#[test]
fn a_header_of_the_same_trace_keeps_its_lineage() {
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    for (there, kept) in [
        (format!("{root};Parent=00f067aa0ba902b7;Sampled=1;Lineage=1:a:0"), None),
        ("Root=1-00000000-000000000000000000000001;Sampled=1".to_owned(), Some(())),
        ("garbage".to_owned(), Some(())),
    ] {
        let service = Service::ok();
        let client = bare_dynamodb(xray_aws_sdk::http_client(service.clone()));
        let xray = captured();
        run(&xray, async {
            let web = segment("web").parent(format!("{root};Sampled=1").parse().unwrap()).open();
            let there = there.clone();
            let call = client.scan().table_name("orders").customize().mutate_request(move |request| {
                request.headers_mut().insert("x-amzn-trace-id", there.clone());
            });
            web.instrument(call.send()).await.unwrap();
        });
        let [web] = xray.documents();
        let sent = &service.seen()[0].headers["x-amzn-trace-id"];
        let ours = format!("{root};Parent={};Sampled=1;Lineage=1:a:0", web.subsegments[0].id);
        assert_eq!(*sent, if kept.is_some() { there } else { ours });
    }
}

#[test]
fn a_code_in_the_header_is_the_cause() {
    let headers = &[("x-amzn-errortype", "ThrottlingException")];
    let service = Service::answering(&[Answer::Http(400, headers, "{}")]);
    let config = aws_sdk_dynamodb::config::retry::RetryConfig::disabled();
    let config = bare!(aws_sdk_dynamodb, xray_aws_sdk::http_client(service)).retry_config(config);
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (segment, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap_err();
    assert_eq!(segment.subsegments[0].exceptions()[0].kind.as_deref(), Some("ThrottlingException"));
    assert_eq!(picture(&[segment]), "web  segment\n└ DynamoDB  aws GetItem 400 error throttle\n");
}

#[test]
fn a_dropped_request_ends_cancelled() {
    let service = Service::answering(&[Answer::Hang]);
    let client = bare_dynamodb(xray_aws_sdk::http_client(service));
    let (segment, done) = in_segment(|| give_up_after(2, async move { get_item(&client).await }));
    assert!(done.is_none());
    let call = &segment.subsegments[0];
    assert!(call.error && call.exceptions()[0].kind.as_deref() == Some("cancelled"));
}
