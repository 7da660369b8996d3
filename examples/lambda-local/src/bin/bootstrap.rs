//! The function that the tests run: what it is told to do stands in the event, what it is in `FUNCTION`.

use std::time::Duration;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use lambda_runtime::streaming::Response;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

fn main() -> Result<(), Error> {
    lambda_local::stand_in(|| vec![json!({}).to_string(), json!({ "do": "fail" }).to_string()])?;
    let function = std::env::var("FUNCTION").unwrap_or_default();
    // Without X-Ray there would be one thread too.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    if function == "concurrent" {
        runtime = tokio::runtime::Builder::new_multi_thread();
    }
    runtime.enable_all().build()?.block_on(async {
        if function == "bare" || function == "logs" {
            if function == "logs" {
                tracing_subscriber::fmt().with_target(false).without_time().init();
            }
            return lambda_runtime::run(service_fn(quick)).await;
        }
        xray_lambda::init()?;
        match function.as_str() {
            "quick" => lambda_runtime::run(xray_lambda::trace(service_fn(quick))).await,
            "concurrent" => lambda_runtime::run_concurrent(xray_lambda::trace(service_fn(busy))).await,
            "stream" => lambda_runtime::run(xray_lambda::trace(service_fn(chunks))).await,
            "http" => lambda_http::run(xray_lambda::trace(service_fn(page))).await,
            "http-stream" => {
                lambda_http::run_with_streaming_response(xray_lambda::trace(service_fn(page)).streaming()).await
            }
            "sqs" => lambda_runtime::run(xray_lambda::trace(service_fn(batch))).await,
            "snapshot" => lambda_runtime::Runtime::new(xray_lambda::trace(service_fn(act))).run().await,
            _ => lambda_runtime::run(xray_lambda::trace(service_fn(act))).await,
        }
    })
}

/// For the benchmark: as little as a function can do. It ends where it is told to, for what counts its instructions.
async fn quick(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if event.payload.get("end").is_some() {
        std::process::exit(0);
    }
    Ok(event.payload)
}

/// Does what the event says, and answers with the trace header its calls would carry.
#[allow(clippy::panic)] // a panic is one of the things it is told to do
async fn act(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let header = xray_core::current().trace_header().map(|header| header.to_string());
    tracing::info_span!("work").in_scope(|| tracing::info!("working"));
    match event.payload.get("do").and_then(Value::as_str) {
        Some("fail") => return Err("out of stock".into()),
        Some("panic") => std::panic::panic_any("lost the order".to_owned()),
        Some("sleep") => tokio::time::sleep(Duration::from_secs(600)).await,
        Some("die") => {
            tokio::time::sleep(Duration::from_secs(1)).await;
            std::process::exit(7);
        }
        _ => {}
    }
    Ok(json!({ "header": header, "threads": threads(), "process": std::process::id() }))
}

/// Threads of this process, where the system tells.
fn threads() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/task").ok()?.count())
}

/// Yields between its steps, so that invocations interleave on the threads; answers with its trace.
async fn busy(event: LambdaEvent<Value>) -> Result<Value, Error> {
    for _ in 0..3 {
        let call = xray_core::subsegment("step").open();
        call.instrument(tokio::task::yield_now()).await;
        step().await;
    }
    let header = xray_core::current().trace_header();
    Ok(json!({ "root": header.map(|header| header.root().to_string()), "sent": event.payload }))
}

#[tracing::instrument]
async fn step() {
    tokio::task::yield_now().await;
}

async fn chunks(_: LambdaEvent<Value>) -> Result<Response<impl Stream<Item = Result<Bytes, Error>>>, Error> {
    let chunks = stream::iter(["one,", "two,", "three"]).then(|chunk| async move {
        tokio::task::yield_now().await;
        tracing::info_span!("chunk").in_scope(|| ());
        Ok::<_, Error>(Bytes::from_static(chunk.as_bytes()))
    });
    Ok(Response::from(chunks.boxed()))
}

/// Answers with its path.
async fn page(request: lambda_http::Request) -> Result<lambda_http::Response<lambda_http::Body>, Error> {
    tracing::info_span!("render").in_scope(|| ());
    Ok(lambda_http::Response::builder().status(203).body(request.uri().path().into())?)
}

async fn batch(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    Ok(xray_lambda::records(event.payload).each(ship).await)
}

async fn ship(message: SqsMessage) -> Result<(), Error> {
    tracing::info_span!("ship").in_scope(|| ());
    if message.body.as_deref() == Some("bad") { Err("no address".into()) } else { Ok(()) }
}
