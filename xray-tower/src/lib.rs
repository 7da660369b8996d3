//! A segment for every request served, a subsegment for every call made: AWS X-Ray for tower.
//!
//! For HTTP services on axum, hyper or tonic, and for what calls them with hyper-util, tonic or
//! reqwest. Two lines beside an axum application:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let _xray = xray_tower::init("orders")?; // logs and X-Ray; the guard drains on drop
//!     let app = Router::new().route("/orders/{id}", get(order)).layer(xray_tower::server());
//!     axum::serve(tokio::net::TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//!     Ok(())
//! }
//!
//! #[tracing::instrument]
//! async fn order(axum::extract::Path(id): axum::extract::Path<u64>) -> String {
//!     format!("order {id}")
//! }
//! ```
//!
//! Each request then sends one document to the X-Ray daemon (pretty-printed here):
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! A call to another service is one line where the client is made; the other side's segment becomes
//! the child of this subsegment:
//!
//! ```
//! use tower::ServiceBuilder;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! # type Body = http_body_util::Empty<bytes::Bytes>;
//! # fn main() {
//! # let http: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
//! let http = ServiceBuilder::new().layer(xray_tower::client()).service(http);
//! # }
//! ```
//!
//! # What is recorded
//!
//! | what happens | segment ([`server()`]) | subsegment ([`client()`]) |
//! |---|---|---|
//! | name | the service, a fixed name or the host ([`Naming`]) | the host called, without port |
//! | request | method, URL without query, user agent, caller's address | method, URL without query |
//! | 4xx / 429 / 5xx | error / error and throttle / fault | the same |
//! | gRPC status other than OK | error, throttle or fault, and metadata `grpc_status` | the same, when it is in the head |
//! | error of the service or body | fault, exception | fault, exception |
//! | panic | fault, exception `panic`; it goes on unchanged | the same |
//! | nobody waits any more | error, exception `cancelled` | the same |
//! | end | end of the body ([`EndOn`]) | head of the response |
//! | header | answers `X-Amzn-Trace-Id: Root=…`, with `;Sampled=` only when asked by `?` | sends `Root`, `Parent`, `Sampled` |
//!
//! An unsampled request records nothing and still passes its trace on. Without an X-Ray layer in the
//! subscriber both middlewares do nothing, and say so once on standard error (XR002). gRPC's RESOURCE_EXHAUSTED is a throttle; CANCELLED,
//! INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, UNAUTHENTICATED,
//! FAILED_PRECONDITION, ABORTED and OUT_OF_RANGE are errors; every other code is a fault.
//!
//! # Settings
//!
//! | setting | default |
//! |---|---|
//! | [`server().name(…)`](ServerSegmentLayer::name) | the service's name |
//! | [`.trust(…)`](ServerSegmentLayer::trust), [`.trust_if(…)`](ServerSegmentLayer::trust_if) | as the X-Ray layer: incoming headers are believed |
//! | [`.client_ip(…)`](ServerSegmentLayer::client_ip) | `X-Forwarded-For`, else a `SocketAddr` among the extensions |
//! | [`.end_on(…)`](ServerSegmentLayer::end_on) | the end of the body |
//! | [`.error_chain::<E>()`](ServerSegmentLayer::error_chain), on both | boxed and I/O errors, reqwest's |
//! | [`client().traced(…)`](ClientSubsegmentLayer::traced) | not said |
//! | [`.keep_existing(…)`](ClientSubsegmentLayer::keep_existing) | a trace header already there is replaced |
//! | [`.w3c(…)`](ClientSubsegmentLayer::w3c) | no `traceparent` |
//!
//! # Traps
//!
//! - **Order.** What is outside the layer is outside the segment. Put [`server()`] outermost, with
//!   nothing but timeouts outside it: a timeout outside shows as `cancelled`, one inside as its
//!   status. A `CatchPanicLayer` inside shows a 500, one outside the panic's own text.
//! - **`Router::layer`** wraps the routes added before it, and the fallback. A router nested below
//!   another sees paths without the prefix when the layer is on the inner one: layer the outer.
//! - **Long answers.** A segment lasts as long as its body. For long polls and endless downloads set
//!   [`EndOn::Head`]; event streams (`text/event-stream`) may be left by their reader without error.
//!   A websocket's segment ends with the 101: what the connection does later needs a segment of its
//!   own.
//! - **`tokio::spawn`** starts without a parent: add `.in_current_span()` from `tracing::Instrument`.
//! - **tonic's `Channel`** adds the host inside: make the client with `with_origin` for the call to be
//!   named for it.
//! - **reqwest** follows redirects inside one subsegment, which shows the last answer.
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `central-sampling` | the sampling rules of the X-Ray service: `XRAY_SAMPLING=central` |
//! | `reqwest` | [`client()`] around `reqwest::Client` |
//! | `origins` | `XRAY_ORIGIN=auto` finds out where the program runs: EC2, ECS, EKS, Elastic Beanstalk |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod client;
mod failure;
mod grpc;
mod head;
mod init;
mod naming;
mod scope;
pub mod server;

pub use client::{ClientSubsegment, ClientSubsegmentLayer, client};
pub use init::{InitError, init};
pub use naming::Naming;
pub use server::{EndOn, ServerSegment, ServerSegmentLayer, server};
pub use xray_core;
pub use xray_core::{Guard, Trust};

/// The programs in the README and the longer pages compile and run.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/axum.md")]
    struct Axum;
    #[doc = include_str!("../../docs/fields.md")]
    struct Fields;
    #[doc = include_str!("../../docs/migrating.md")]
    struct Migrating;
    #[doc = include_str!("../../docs/production.md")]
    struct Production;
    #[doc = include_str!("../../docs/testing.md")]
    struct Testing;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_move_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<ServerSegmentLayer>();
        shared::<ServerSegment<()>>();
        shared::<server::ResponseFuture<()>>();
        shared::<server::ResponseBody<()>>();
        shared::<ClientSubsegmentLayer>();
        shared::<ClientSubsegment<()>>();
        shared::<client::ResponseFuture<()>>();
        shared::<Naming>();
        shared::<InitError>();
    }
}
