//! Calls whose caller goes away.

use xray_core::segment;

use crate::support::{Answer, OK, Service, bare, captured, get_item, give_up_after, run};

/// Drops the call after every number of polls there is, first attempt, backoff and second attempt included.
#[test]
fn a_call_dropped_anywhere_ends_once_and_says_so() {
    for attempts in [false, true] {
        let mut given_up = 0;
        loop {
            let mut service = Service::answering(&[Answer::Http(500, &[], ""), OK]);
            service.pending = 2;
            let interceptor = xray_aws_sdk::interceptor().attempts(attempts);
            let config = bare!(aws_sdk_dynamodb, service.clone()).interceptor(interceptor);
            let client = aws_sdk_dynamodb::Client::from_conf(config.build());
            let xray = captured();
            let polls = given_up + 1;
            let done = run(&xray, async {
                let web = segment("web").open();
                web.instrument(give_up_after(polls, async { get_item(&client).await })).await
            });
            let [web] = xray.documents();
            let [call] = &web.subsegments[..] else { panic!("not one call after {polls} polls") };
            let aws = call.aws.as_ref().unwrap();
            assert_eq!((call.name.as_str(), aws.operation()), ("DynamoDB", Some("GetItem")));
            assert_eq!(aws.text("table_name"), Some("orders"));
            assert!(!call.in_progress);
            if done.is_some() {
                assert_eq!((call.http_status(), call.error), (Some(200), false));
                break;
            }
            given_up += 1;
            assert!(call.error && !call.fault, "after {polls} polls");
            assert_eq!(call.exceptions()[0].kind.as_deref(), Some("cancelled"));
            let retries = service.seen().len().saturating_sub(1);
            assert_eq!(aws.retries(), (retries > 0).then_some(retries as i64), "after {polls} polls");
            let open_attempt = call.subsegments.last().filter(|last| last.error);
            assert!(open_attempt.is_none_or(|last| last.exceptions()[0].kind.as_deref() == Some("cancelled")));
        }
        // Two waits for each of two answers, and the backoff between them.
        assert!(given_up >= 5, "given up only {given_up} times");
    }
}

#[test]
fn a_call_never_polled_makes_nothing() {
    let xray = captured();
    run(&xray, async {
        let web = segment("web").open();
        let client = crate::support::dynamodb(&Service::ok());
        web.instrument(async { drop(get_item(&client)) }).await;
    });
    assert_eq!(xray.picture(), "web  segment\n");
}
