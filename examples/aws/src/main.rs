//! An order's way through two services, DynamoDB, SNS and an SQS queue, as one X-Ray trace.
//!
//! | file | what it shows |
//! |---|---|
//! | `clients.rs` | AWS SDK clients whose calls are recorded: a line each |
//! | `orders.rs` | an axum service that stores, announces and queues an order |
//! | `packing.rs` | a worker whose messages join the trace of whoever sent them |
//! | `shipping.rs` | the service that the worker calls |
//! | `stand_in.rs` | what answers in the place of AWS, where there is none |
//!
//! Each service is a program of its own in real life. Here they share one process and so one layer, which is why the
//! two that serve HTTP say their names.
#![forbid(unsafe_code)]

mod clients;
mod orders;
mod packing;
mod shipping;
#[allow(clippy::indexing_slicing)] // of JSON values: what is not there is null
mod stand_in;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::prelude::*;
use xray_test::Picture;
use xray_tower::xray_core::SegmentLayer;
use xray_tower::xray_core::document::{Document, ParseDocumentError};
use xray_tower::xray_core::emit::Capture;

use clients::Clients;
use stand_in::StandIn;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let endpoint = match std::env::var("AWS_ENDPOINT_URL") {
        Ok(endpoint) if !endpoint.trim().is_empty() => endpoint,
        _ => {
            let stand_in = StandIn::start(stand_in::now).await?;
            println!("AWS_ENDPOINT_URL is not set: a stand-in for AWS answers ({}).\n", stand_in.endpoint());
            stand_in.endpoint().to_owned()
        }
    };
    // A service sends its documents to the X-Ray daemon by `xray_tower::init("packing")`. These are kept to be shown.
    let capture = Capture::new();
    let layer = SegmentLayer::builder("packing").sample_all().emitter(capture.clone()).build()?;
    let xray = layer.clone();
    tracing_subscriber::registry().with(layer).init();

    let answer = send_an_order(&Clients::new(&clients::shared(&endpoint))).await?;
    println!("POST /orders/7  {answer}\n");
    let documents = documents(&xray, &capture).await?;
    print!("{}", Picture::new().timeline(true).draw(&documents));
    if shape(&documents) == SHAPE {
        return Ok(ExitCode::SUCCESS);
    }
    println!("\nThis is not the trace that was expected:\n\n{SHAPE}");
    Ok(ExitCode::FAILURE)
}

/// Starts the services, sends a request and waits until the worker is done with what it caused.
async fn send_an_order(clients: &Clients) -> Result<String, Box<dyn Error>> {
    let places = clients.set_up().await?;
    let http = Client::builder(TokioExecutor::new()).build_http();
    let shipping = start(shipping::app()).await?;
    let orders = start(orders::app(clients.clone(), places.clone())).await?;
    let (done, mut packed) = mpsc::channel(1);
    let worker = tokio::spawn(packing::work(clients.sqs.clone(), places.queue, http.clone(), shipping, done));

    let request = Request::post(format!("http://{orders}/orders/7")).body(Body::empty())?;
    let response = http.request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    if status.is_success() {
        tokio::time::timeout(PATIENCE, packed.recv()).await?.ok_or("the worker gave up")?;
    }
    worker.abort();
    Ok(format!("{status}  {}", String::from_utf8_lossy(&body)))
}

/// An HTTP client as any program has one: not traced, until a layer is put around it.
type Http = Client<HttpConnector, Body>;

/// Serves on a free port of this machine, until the program ends.
async fn start(app: Router) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok(address)
}

/// The documents of the three services; those that are there when time is up.
async fn documents(xray: &SegmentLayer, capture: &Capture) -> Result<Vec<Document>, ParseDocumentError> {
    // A server is done with a response a moment after its client is.
    let all = async {
        while capture.documents().len() < 3 {
            xray.flush(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, all).await;
    capture.documents().iter().map(Document::parse).collect()
}

/// The traces without what differs from run to run.
fn shape(documents: &[Document]) -> String {
    Picture::new().annotations(false).draw(documents)
}

/// One trace: the worker's segment hangs on the send, its own call on the worker.
const SHAPE: &str = "\
orders  segment 201
└ order
  ├ DynamoDB  aws PutItem 200
  ├ SQS  aws SendMessage 200
  │ └ packing  segment
  │   └ pack
  │     ├ 127.0.0.1  remote 200
  │     │ └ shipping  segment 200
  │     └ SQS  aws DeleteMessage 200
  └ SNS  aws Publish 200
";

/// How long a trace may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);
