//! Handlers that answer in one piece.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use expect_test::expect;
use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, Error, FunctionResponse, IntoFunctionResponse, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tower::ServiceExt;
use tower_service::Service;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;
use xray_core::document::{Cause, Document};
use xray_core::{current, subsegment};

use super::{annotations, assert_lone, captured, context, event, run, sampled, trace, trace_in};
use crate::settings::Environment;
use crate::{TracedResponse, TracedStream};

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    tracing::info_span!("charge").in_scope(|| ());
    Ok(event.payload)
}

/// As the runtime does right before it posts the response.
fn body<B: serde::Serialize>(response: TracedResponse<B>) -> B {
    type Response<B> = FunctionResponse<B, TracedStream<lambda_runtime::streaming::Body>>;
    let response: Response<B> = response.into_response();
    let FunctionResponse::BufferedResponse(body) = response else { panic!("a stream") };
    body
}

#[test]
fn an_invocation_is_one_document_with_its_annotations() {
    let xray = captured();
    let mut handler = trace(service_fn(echo)).service("payment");
    run(&xray, async {
        for order in [1, 2] {
            let response = handler.call(event(json!({ "order": order }))).await.unwrap();
            assert_eq!(body(response), json!({ "order": order }));
        }
    });
    let [first, second] = xray.documents();
    assert_lone(&first);
    assert_eq!((first.name.as_str(), first.subsegments[0].name.as_str()), ("## handler", "charge"));
    assert_eq!(annotations(&first.annotations)["Service"], "payment");
    assert_eq!(first.metadata["default"]["request_id"], "request-1");
    for (document, cold) in [(&first, true), (&second, false)] {
        let annotations = annotations(&document.annotations);
        assert_eq!((&annotations["ColdStart"], &annotations["cold_start"]), (&json!(cold), &json!(cold)));
        assert!(!document.fault && annotations["trigger"].is_null());
    }
    assert!(!xray.texts().concat().contains("order"), "responses are not recorded unless asked");
}

#[test]
fn clones_share_one_cold_start() {
    let xray = captured();
    let handler = trace(service_fn(echo));
    run(&xray, async {
        for mut clone in [handler.clone(), handler.clone()] {
            body(clone.call(event(json!(1))).await.unwrap());
        }
    });
    let [first, second] = xray.documents();
    assert_eq!(
        (&annotations(&first.annotations)["cold_start"], &annotations(&second.annotations)["cold_start"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn provisioned_concurrency_has_no_cold_start() {
    let xray = captured();
    let environment = Environment { provisioned: true, ..Environment::default() };
    run(&xray, async { body(trace_in(environment, service_fn(echo)).oneshot(event(json!(1))).await.unwrap()) });
    let [document] = xray.documents();
    assert_eq!(annotations(&document.annotations)["cold_start"], false);
}

#[test]
fn the_service_is_the_functions_name_unless_said() {
    let xray = captured();
    let mut event = event(json!(1));
    let config = lambda_runtime::Config { function_name: "my-lambda".to_owned(), ..Default::default() };
    event.context.env_config = config.into();
    run(&xray, async { body(trace(service_fn(echo)).oneshot(event).await.unwrap()) });
    let [document] = xray.documents();
    assert_eq!(annotations(&document.annotations)["Service"], "my-lambda");
}

#[test]
fn a_response_is_recorded_when_asked() {
    let xray = captured();
    let handler = trace(service_fn(echo)).capture_response(true).service("payment").name("## pay");
    run(&xray, async {
        body(handler.clone().oneshot(event(json!({ "order": 7 }))).await.unwrap());
        body(handler.oneshot(event(Value::Null)).await.unwrap());
    });
    let [one, none] = xray.documents();
    assert_eq!(one.name, "## pay");
    assert_eq!(one.metadata["payment"]["## pay response"], json!({ "order": 7 }));
    assert!(!none.metadata.contains_key("payment"), "an empty response is not recorded");
}

#[test]
fn a_switch_that_says_neither_yes_nor_no_is_told_once() {
    let xray = captured();
    let environment = Environment::read(|name| match name {
        "POWERTOOLS_TRACER_CAPTURE_ERROR" => Some("flase".to_owned()),
        "POWERTOOLS_TRACER_CAPTURE_RESPONSE" => Some("perhaps".to_owned()),
        _ => None,
    });
    let handler = trace_in(environment, service_fn(echo));
    run(&xray, async {
        for _ in 0..2 {
            body(handler.clone().oneshot(event(json!(1))).await.unwrap());
        }
    });
    let [_, _] = xray.documents();
    expect![[r#"["XR025: POWERTOOLS_TRACER_CAPTURE_RESPONSE=\"perhaps\", POWERTOOLS_TRACER_CAPTURE_ERROR=\"flase\" says neither yes nor no and is not used; set true or false"]"#]]
        .assert_eq(&format!("{:?}", xray.diagnostics()));
}

#[test]
fn the_trigger_comes_from_the_event_unless_said() {
    let xray = captured();
    let sqs = json!({ "Records": [{ "eventSource": "aws:sqs" }] });
    run(&xray, async {
        body(trace(service_fn(echo)).oneshot(event(sqs.clone())).await.unwrap());
        body(trace(service_fn(echo)).trigger("cron").oneshot(event(sqs)).await.unwrap());
    });
    let [known, said] = xray.documents();
    assert_eq!(
        (&annotations(&known.annotations)["trigger"], &annotations(&said.annotations)["trigger"]),
        (&json!("sqs"), &json!("cron"))
    );
}

#[derive(Debug, thiserror::Error)]
#[error("order refused")]
struct Refused(#[source] io::Error);

impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Diagnostic {
        Diagnostic { error_type: "Refused".to_owned(), error_message: refused.to_string() }
    }
}

fn messages(document: &Document) -> Vec<String> {
    let Some(Cause::Object(cause)) = &document.cause else { return Vec::new() };
    cause.exceptions.iter().map(|exception| exception.message.clone().unwrap_or_default()).collect()
}

#[test]
fn errors_are_recorded_with_what_is_known_of_them() {
    async fn refuse(_: LambdaEvent<u8>) -> Result<(), Refused> {
        Err(Refused(io::Error::other("card expired")))
    }
    let xray = captured();
    run(&xray, async {
        let boxed =
            service_fn(|_: LambdaEvent<u8>| async { Err::<(), Error>(Refused(io::Error::other("disk")).into()) });
        trace(boxed).oneshot(event(1)).await.unwrap_err();
        trace(service_fn(refuse)).oneshot(event(1)).await.unwrap_err();
        trace(service_fn(refuse)).error_chain::<Refused>().oneshot(event(1)).await.unwrap_err();
        let diagnosed = Diagnostic { error_type: "Declined".to_owned(), error_message: "no".to_owned() };
        let text = service_fn(|_: LambdaEvent<u8>| async { Err::<(), _>("out of stock".to_owned()) });
        trace(text).oneshot(event(1)).await.unwrap_err();
        let diagnostic = service_fn(move |_: LambdaEvent<u8>| std::future::ready(Err::<(), _>(diagnosed.clone())));
        trace(diagnostic).oneshot(event(1)).await.unwrap_err();
        trace(service_fn(refuse)).capture_error(false).oneshot(event(1)).await.unwrap_err();
    });
    let [boxed, debug, chain, text, diagnostic, silent] = xray.documents();
    assert_eq!(messages(&boxed), ["order refused", "disk"]);
    assert_eq!(messages(&debug).len(), 1);
    assert!(messages(&debug)[0].starts_with("Refused(Custom"), "{:?}", messages(&debug));
    assert_eq!(messages(&chain), ["order refused", "card expired"]);
    assert_eq!(messages(&text), ["out of stock"]);
    assert_eq!(messages(&diagnostic), ["no"]);
    assert!(messages(&silent).is_empty());
    assert!([boxed, debug, chain, text, diagnostic, silent].iter().all(|document| document.fault));
}

#[test]
fn an_error_that_cannot_be_shown_is_still_the_handlers_answer() {
    struct Torn;
    impl std::fmt::Debug for Torn {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no text")
        }
    }
    let xray = captured();
    let handler = service_fn(|_: LambdaEvent<u8>| async { Err::<(), _>(Torn) });
    assert!(run(&xray, async { trace(handler).oneshot(event(1)).await.is_err() }));
    let [document] = xray.documents();
    assert_eq!((document.fault, messages(&document)), (true, vec!["[panicked while formatted]".to_owned()]));
}

#[test]
fn panics_are_recorded_and_go_on() {
    let xray = captured();
    run(&xray, async {
        let polled = trace(service_fn(|_: LambdaEvent<u8>| async {
            std::panic::panic_any("polled 7".to_owned()) as Result<(), Error>
        }));
        let payload = AssertUnwindSafe(polled.oneshot(event(1))).catch_unwind().await.unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("polled 7"));

        fn fails(_: LambdaEvent<u8>) -> std::future::Ready<Result<(), Error>> {
            panic!("called")
        }
        let called = trace(service_fn(fails));
        let payload = AssertUnwindSafe(called.oneshot(event(1))).catch_unwind().await.unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"called"));
    });
    let [polled, called] = xray.documents();
    assert_eq!((messages(&polled), messages(&called)), (vec!["polled 7".to_owned()], vec!["called".to_owned()]));
    assert!(polled.fault && called.fault);
}

#[test]
fn the_documents_are_there_before_the_response_leaves() {
    let xray = captured();
    run(&xray, async {
        let response = trace(service_fn(echo)).oneshot(event(json!(1))).await.unwrap();
        assert!(xray.texts().is_empty());
        body(response);
        assert_eq!(xray.texts().len(), 1);
        trace(service_fn(echo)).oneshot(event(json!(1))).await.unwrap().into_inner();
        assert_eq!(xray.texts().len(), 2);
    });
}

#[test]
fn what_is_open_shortly_before_the_deadline_is_announced() {
    let xray = captured();
    let mut event = event(json!(1));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    event.context.deadline = (now + Duration::from_secs(60)).as_millis() as u64;
    let xray = &xray;
    let slow = service_fn(move |event: LambdaEvent<Value>| async move {
        let call = subsegment("slow.example.com").open();
        tokio::time::sleep(Duration::from_secs(58)).await;
        assert_eq!(xray.texts().len(), 0, "not before its time");
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert_eq!(xray.texts().len(), 1);
        drop(call);
        Ok::<_, Error>(event.payload)
    });
    let handler = trace(slow).deadline_margin(Duration::from_secs(1));
    run(xray, async { body(handler.oneshot(event).await.unwrap()) });
    let [announced, whole] = xray.documents();
    assert_lone(&announced);
    assert!(announced.in_progress && announced.subsegments[0].in_progress && !whole.in_progress);
    assert_eq!(announced.id, whole.id);
}

#[test]
fn without_a_margin_or_a_deadline_nothing_is_announced() {
    let xray = captured();
    let slow = || {
        service_fn(|event: LambdaEvent<Value>| async move {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok::<_, Error>(event.payload)
        })
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    for (deadline, margin) in [(0, 1), (now.as_millis() as u64 + 10_000, 0)] {
        let mut event = event(json!(1));
        event.context.deadline = deadline;
        let handler = trace(slow()).deadline_margin(Duration::from_secs(margin));
        run(&xray, async { body(handler.oneshot(event).await.unwrap()) });
    }
    let [_, _] = xray.documents();
}

#[test]
fn outside_any_runtime_the_handler_works_as_before() {
    let xray = captured();
    let mut event = event(json!(1));
    event.context.deadline = u64::MAX;
    let response = xray.run(|| trace(service_fn(echo)).call(event).now_or_never()).unwrap().unwrap();
    body(response);
    let [_] = xray.documents();
}

#[test]
fn an_invocation_that_is_dropped_says_so() {
    let xray = captured();
    let waits = service_fn(|_: LambdaEvent<u8>| std::future::pending::<Result<(), Error>>());
    run(&xray, async { assert!(trace(waits).oneshot(event(1)).now_or_never().is_none()) });
    let [document] = xray.documents();
    assert!(document.error && messages(&document)[0].contains("dropped"), "{:?}", messages(&document));
}

#[test]
fn spawned_work_stays_inside() {
    let xray = captured();
    let spawns = service_fn(|_: LambdaEvent<u8>| async {
        tokio::spawn(
            async { tracing::info_span!("spawned").in_scope(|| ()) }.in_current_span().with_current_subscriber(),
        )
        .await?;
        Ok::<_, Error>(())
    });
    run(&xray, async { body(trace(spawns).oneshot(event(1)).await.unwrap()) });
    let [document] = xray.documents();
    assert_eq!(document.subsegments[0].name, "spawned");
}

#[test]
fn interleaved_invocations_share_nothing() {
    let xray = captured();
    let handler = trace(service_fn(|event: LambdaEvent<u64>| async move {
        for step in 0..5 {
            tokio::time::sleep(Duration::from_millis((event.payload * 7 + step * 3) % 11)).await;
            let call = subsegment("step").open();
            assert_eq!(call.trace_header().unwrap().root().to_string(), format!("1-5759e988-{:024x}", event.payload));
        }
        Ok::<_, Error>(())
    }));
    run(&xray, async {
        let invocations = (1..=50_u64).map(|number| {
            let header = format!("Root=1-5759e988-{number:024x};Parent={number:016x};Sampled=1");
            handler.clone().oneshot(LambdaEvent::new(number, context(&header))).map(|response| body(response.unwrap()))
        });
        futures_util::future::join_all(invocations).await;
    });
    for document in xray.documents::<50>() {
        let number = u64::from_str_radix(document.parent_id.as_deref().unwrap(), 16).unwrap();
        assert_eq!(document.trace_id, Some(format!("1-5759e988-{number:024x}")));
        assert_eq!(document.subsegments.len(), 5);
    }
}

#[test]
fn an_unsampled_invocation_records_nothing_and_answers() {
    let xray = captured();
    let handler = trace(service_fn(|_: LambdaEvent<u8>| async {
        assert!(!current().is_recording() && current().is_active());
        Ok::<_, Error>(7)
    }));
    let mut event = event(1);
    event.context = context(&sampled().xray_trace_id.unwrap().replace("Sampled=1", "Sampled=0"));
    assert_eq!(run(&xray, async { body(handler.oneshot(event).await.unwrap()) }), 7);
    let [] = xray.documents();
}

#[test]
fn without_a_layer_the_handler_works_as_before() {
    let response = trace(service_fn(echo)).oneshot(event(json!(1))).now_or_never().unwrap().unwrap();
    assert_eq!(body(response), 1);
}

#[test]
fn everything_can_move_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<crate::Traced<()>>();
    shared::<crate::Invocation<(), crate::response::Event>>();
    shared::<TracedResponse<()>>();
    shared::<TracedStream<()>>();
    shared::<crate::InitError>();
    #[cfg(feature = "http")]
    shared::<crate::Streaming<()>>();
    #[cfg(feature = "http")]
    shared::<crate::TracedBody<()>>();
}
