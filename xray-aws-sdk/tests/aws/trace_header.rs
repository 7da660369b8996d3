//! The trace header on the wire.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use xray_core::{Rules, Sampled, segment};
use xray_test::{Captured, ManualClock, SeededEntropy};

use crate::support::{
    Answer, OK, Service, bare, bare_dynamodb, captured, config, dynamodb, get_item, id_of, in_segment, run,
};

#[test]
fn every_attempt_carries_the_subsegment_as_parent() {
    let service = Service::answering(&[Answer::Http(500, &[], ""), Answer::Refuse, OK]);
    let (segment, result) = in_segment(|| async { get_item(&dynamodb(&service)).await });
    result.unwrap();
    let headers = service.trace_headers();
    assert_eq!(headers.len(), 3);
    for header in headers {
        assert_eq!(header.root().as_str(), segment.trace_id.as_deref().unwrap());
        assert_eq!(header.parent(), Some(id_of(&segment.subsegments[0])));
        assert_eq!(header.sampled(), Some(Sampled::Yes));
    }
}

#[test]
fn lineage_and_unknown_keys_are_carried() {
    let incoming = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0;Tenant=x";
    let service = Service::ok();
    let xray = captured();
    run(&xray, async {
        let web = segment("web").parent(incoming.parse().unwrap()).open();
        web.instrument(async { get_item(&dynamodb(&service)).await }).await.unwrap();
    });
    let [web] = xray.documents();
    let sent = &service.seen()[0].headers["x-amzn-trace-id"];
    let parent = &web.subsegments[0].id;
    assert_eq!(
        *sent,
        format!("Root=1-5759e988-bd862e3fe1be46a994272793;Parent={parent};Sampled=1;Lineage=1:a:0;Tenant=x")
    );
}

#[test]
fn an_unsampled_call_says_so() {
    let xray = Captured::with(ManualClock::at(0.0), SeededEntropy::new(1), |layer| layer.rules(Rules::none()));
    let service = Service::answering(&[Answer::Http(500, &[], ""), OK]);
    let sent = run(&xray, async {
        let web = segment("web").open();
        let header = web.trace_header().unwrap();
        web.instrument(async { get_item(&dynamodb(&service)).await }).await.unwrap();
        header
    });
    let [] = xray.documents();
    assert_eq!(sent.sampled(), Some(Sampled::No));
    assert_eq!(service.trace_headers(), [sent.clone(), sent]);
}

#[test]
fn a_header_of_the_hosts_own_stays() {
    #[derive(Debug)]
    struct Host;
    impl Intercept for Host {
        fn name(&self) -> &'static str {
            "Host"
        }
        fn modify_before_retry_loop(
            &self,
            context: &mut BeforeTransmitInterceptorContextMut<'_>,
            _: &RuntimeComponents,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            context.request_mut().headers_mut().insert("x-amzn-trace-id", OWN);
            Ok(())
        }
    }
    let service = Service::ok();
    let config = bare!(aws_sdk_dynamodb, service.clone()).interceptor(Host).interceptor(xray_aws_sdk::interceptor());
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (_, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap();
    assert_eq!(service.seen()[0].headers["x-amzn-trace-id"], OWN);
}

/// A second interceptor passes the trace on in its own way.
#[test]
fn other_interceptors_can_have_the_header() {
    #[derive(Debug)]
    struct Attribute;
    impl Intercept for Attribute {
        fn name(&self) -> &'static str {
            "Attribute"
        }
        fn modify_before_transmit(
            &self,
            context: &mut BeforeTransmitInterceptorContextMut<'_>,
            _: &RuntimeComponents,
            cfg: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            let header = xray_aws_sdk::trace_header(cfg).expect("a call in a trace");
            context.request_mut().headers_mut().insert("x-copy", header.to_string());
            Ok(())
        }
    }
    let service = Service::ok();
    let config = config!(aws_sdk_dynamodb, service.clone()).interceptor(Attribute);
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let (_, result) = in_segment(|| async { get_item(&client).await });
    result.unwrap();
    let headers = &service.seen()[0].headers;
    assert_eq!(headers["x-copy"], headers["x-amzn-trace-id"]);
}

/// In Lambda every client sets the invocation's header by itself, from the environment: hence a process of its own.
#[test]
fn in_lambda_ours_carries_the_lineage_and_theirs_stays_without_us() {
    let invocation = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0";
    if std::env::var_os("_X_AMZN_TRACE_ID").is_none() {
        let this = "trace_header::in_lambda_ours_carries_the_lineage_and_theirs_stays_without_us";
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([this, "--exact"])
            .envs([("_X_AMZN_TRACE_ID", invocation), ("AWS_LAMBDA_FUNCTION_NAME", "charge")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    for wrapped in [false, true] {
        let service = Service::ok();
        let client =
            if wrapped { bare_dynamodb(xray_aws_sdk::http_client(service.clone())) } else { dynamodb(&service) };
        let xray = captured();
        run(&xray, async {
            let function = segment("charge").parent(invocation.parse().unwrap()).open();
            function.instrument(async { get_item(&client).await }).await.unwrap();
            get_item(&client).await.unwrap();
        });
        let [function] = xray.documents();
        let ours = invocation.replace("53995c3f42cd8ad8", &function.subsegments[0].id);
        let sent: Vec<_> = service.seen().iter().map(|request| request.headers["x-amzn-trace-id"].clone()).collect();
        assert_eq!(sent, [&*ours, invocation]);
    }
}

const OWN: &str = "Root=1-00000000-000000000000000000000001;Sampled=1";
