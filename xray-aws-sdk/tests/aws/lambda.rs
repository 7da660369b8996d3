//! Calls made inside a Lambda invocation.

use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use tower::ServiceExt;
use xray_core::Sampled;
use xray_test::{Captured, ManualClock, Picture, SeededEntropy};

use crate::support::{Service, dynamodb, get_item, id_of, run};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn in_lambda() -> Captured {
    Captured::with(ManualClock::at(1465510280.5), SeededEntropy::new(7), |layer| layer.lambda(true))
}

/// One invocation whose handler reads an item inside a span of its own.
async fn invoke(service: &Service, sampled: u8) {
    let client = dynamodb(service);
    let handler = xray_lambda::trace(service_fn(move |_: LambdaEvent<()>| load(client.clone())));
    let mut context = Context::default();
    context.xray_trace_id = Some(format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled={sampled};Lineage=1:a:0"));
    handler.oneshot(LambdaEvent::new((), context)).await.unwrap().into_inner();
}

#[tracing::instrument(skip_all)]
async fn load(client: aws_sdk_dynamodb::Client) -> Result<(), Error> {
    Ok(get_item(&client).await?)
}

#[test]
fn a_call_is_beneath_the_invocation() {
    let (xray, service) = (in_lambda(), Service::ok());
    run(&xray, invoke(&service, 1));
    let [invocation] = xray.documents();
    // Without annotations: which of the tests has the cold start differs from run to run.
    assert_eq!(
        Picture::new().annotations(false).draw(std::slice::from_ref(&invocation)),
        "\
(parent 53995c3f… not here)
└ ## handler  lone
  └ load
    └ DynamoDB  aws GetItem 200
"
    );
    let call = id_of(&invocation.subsegments[0].subsegments[0]);
    let sent = &service.seen()[0].headers["x-amzn-trace-id"];
    assert_eq!(*sent, format!("Root={ROOT};Parent={call};Sampled=1;Lineage=1:a:0"));
}

#[test]
fn a_call_of_an_unsampled_invocation_passes_the_decision_on() {
    let (xray, service) = (in_lambda(), Service::ok());
    run(&xray, invoke(&service, 0));
    let [] = xray.documents();
    let [header] = service.trace_headers().try_into().unwrap();
    assert_eq!((header.root().as_str(), header.sampled()), (ROOT, Some(Sampled::No)));
    assert!(header.to_string().ends_with(";Lineage=1:a:0"), "{header}");
}
