//! Handlers whose responses are streams.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use lambda_runtime::{Error, FunctionResponse, IntoFunctionResponse, LambdaEvent, StreamResponse, service_fn};
use tower::ServiceExt;

use super::{assert_lone, captured, event, run, trace};
use crate::{TracedResponse, TracedStream};

type Chunks = std::pin::Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

fn stream_of<R>(response: TracedResponse<R>) -> TracedStream<Chunks>
where
    TracedResponse<R>: IntoFunctionResponse<(), TracedStream<Chunks>>,
{
    let FunctionResponse::StreamingResponse(response) = response.into_response() else { panic!("not a stream") };
    response.stream
}

async fn three(_: LambdaEvent<u8>) -> Result<StreamResponse<Chunks>, Error> {
    let chunks = stream::iter(1..=3).then(|number| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        tracing::info_span!("chunk", number).in_scope(|| ());
        if number == 2 { Err("half a chunk".into()) } else { Ok(Bytes::from_static(b"chunk")) }
    });
    Ok(StreamResponse::from(chunks.boxed()))
}

#[test]
fn the_subsegment_ends_with_the_stream() {
    let xray = captured();
    run(&xray, async {
        let mut chunks = stream_of(trace(service_fn(three)).oneshot(event(1)).await.unwrap());
        for expected in [true, false, true] {
            assert_eq!(chunks.next().await.unwrap().is_ok(), expected);
            assert!(xray.texts().is_empty());
        }
        assert!(chunks.next().await.is_none());
        assert_eq!(xray.texts().len(), 1);
        assert!(chunks.next().await.is_none());
    });
    let [document] = xray.documents();
    assert_lone(&document);
    assert_eq!(document.subsegments.len(), 3);
    assert!(document.fault, "an item was an error");
}

#[test]
fn a_stream_that_nobody_reads_to_its_end_says_so() {
    let xray = captured();
    run(&xray, async {
        let mut chunks = stream_of(trace(service_fn(three)).oneshot(event(1)).await.unwrap());
        chunks.next().await.unwrap().unwrap();
    });
    let [document] = xray.documents();
    assert!(document.error && !document.fault);
    assert_eq!(document.subsegments.len(), 1);
}

#[test]
fn who_leaves_a_stream_after_its_error_gives_up_nothing() {
    let xray = captured();
    run(&xray, async {
        let mut chunks = stream_of(trace(service_fn(three)).oneshot(event(1)).await.unwrap());
        chunks.next().await.unwrap().unwrap();
        chunks.next().await.unwrap().unwrap_err();
    });
    let [document] = xray.documents();
    assert_eq!((document.fault, document.error, document.exceptions().len()), (true, false, 1));
}

#[test]
fn a_stream_open_shortly_before_the_deadline_is_announced() {
    let xray = captured();
    let mut event = event(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    event.context.deadline = (now + Duration::from_secs(60)).as_millis() as u64;
    let slow = service_fn(|_: LambdaEvent<u8>| async {
        let chunks = stream::once(tokio::time::sleep(Duration::from_secs(600))).map(|()| Ok(Bytes::new()));
        let chunks: Chunks = chunks.boxed();
        Ok::<_, Error>(StreamResponse::from(chunks))
    });
    run(&xray, async {
        let mut chunks = stream_of(trace(slow).oneshot(event).await.unwrap());
        assert!(tokio::time::timeout(Duration::from_secs(58), chunks.next()).await.is_err());
        assert_eq!(xray.texts().len(), 0, "not before its time");
        assert!(tokio::time::timeout(Duration::from_secs(3), chunks.next()).await.is_err());
        assert_eq!(xray.texts().len(), 1);
    });
    let [announced, whole] = xray.documents();
    assert_lone(&announced);
    assert!(announced.in_progress && !whole.in_progress);
    assert_eq!(announced.id, whole.id);
}

#[test]
fn a_status_in_the_prelude_counts() {
    let xray = captured();
    let failing = service_fn(|event: LambdaEvent<u8>| async {
        let mut response = three(event).await?;
        response.metadata_prelude.status_code = http_status(503);
        Ok::<_, Error>(response)
    });
    run(&xray, async {
        let response = trace(failing).oneshot(event(1)).await.unwrap();
        drop(stream_of(response));
    });
    let [document] = xray.documents();
    assert!(document.fault);
}

fn http_status(code: u16) -> lambda_http::http::StatusCode {
    lambda_http::http::StatusCode::from_u16(code).unwrap()
}

#[test]
fn a_panic_in_a_stream_is_recorded_and_goes_on() {
    let xray = captured();
    let panics = service_fn(|_: LambdaEvent<u8>| async {
        let chunks: Chunks = stream::poll_fn(|_| panic!("torn")).boxed();
        Ok::<_, Error>(StreamResponse::from(chunks))
    });
    run(&xray, async {
        let mut chunks = stream_of(trace(panics).oneshot(event(1)).await.unwrap());
        assert!(std::panic::AssertUnwindSafe(chunks.next()).catch_unwind().await.is_err());
    });
    let [document] = xray.documents();
    assert!(document.fault && xray.texts()[0].contains("torn"));
}
