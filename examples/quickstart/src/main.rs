//! Two axum services, `orders` and `payments`, and the X-Ray traces they make: no AWS account, no daemon.
//!
//! | file | what it shows |
//! |---|---|
//! | `orders.rs` | a service that records its work and calls another |
//! | `payments.rs` | a service whose errors keep their causes |
//! | `tour.rs` | the requests, and the trace that each becomes |
//! | `serve.rs` | the same services, for `curl` |
//! | `picture.rs` | a trace on the terminal |
//! | `inbox.rs` | what stands in for X-Ray: a console within this program |
//!
//! Each service is a program of its own in real life. Here they share one process and so one layer, which is
//! why `payments` says its name.
#![forbid(unsafe_code)]

mod inbox;
mod orders;
mod payments;
mod picture;
mod serve;
mod tour;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use axum::Router;
use axum::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use xray_tower::xray_core::{self, SegmentLayer};

use inbox::Inbox;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let serving = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("serve") => true,
        Some(_) => {
            eprintln!("usage: quickstart [serve]");
            return Ok(ExitCode::from(2));
        }
    };
    // With a daemon of your own to send to, nothing is received here.
    let daemon = std::env::var("AWS_XRAY_DAEMON_ADDRESS").unwrap_or_default();
    let inbox = if daemon.trim().is_empty() { Some(Inbox::open()?) } else { None };
    match &inbox {
        Some(inbox) => {
            println!("Two services on this machine, and a console that receives their traces ({}).\n", inbox.address())
        }
        None => println!("Two services on this machine. Their traces go to the X-Ray daemon ({daemon}).\n"),
    }

    // The layer, beside the log lines. `xray_tower::init("orders")?` is the same in one line; this one records every
    // request, and the log lines are left out of the tour.
    let mut layer = SegmentLayer::builder("orders").sample_all();
    if let Some(inbox) = &inbox {
        layer = layer.daemon_address(inbox.address().to_string());
    }
    let layer = layer.build()?;
    let xray = layer.guard(); // what is queued still leaves when it is dropped
    let logs = tracing_subscriber::fmt::layer().map_event_format(xray_core::log::with_trace_id);
    let logs = serving.then(|| logs.with_filter(LevelFilter::INFO));
    tracing_subscriber::registry().with(layer).with(logs).init();

    let http = Client::builder(TokioExecutor::new()).build_http();
    let payments = start(payments::app()).await?;
    let orders = start(orders::app(http.clone(), payments)).await?;
    if serving {
        serve::until_interrupted(orders, payments, inbox).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let complete = tour::take(&http, orders, xray.layer(), inbox).await?;
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
