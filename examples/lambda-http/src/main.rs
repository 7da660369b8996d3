//! Orders, over HTTP: a function behind API Gateway.

use lambda_http::{Error, IntoResponse, Request, RequestExt, http::StatusCode, service_fn};
use serde_json::json;
use xray_core::{Namespace, SpanExt, subsegment};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_local::stand_in(requests)?; // for --local; a function needs the two lines below
    xray_lambda::init()?;
    lambda_http::run(xray_lambda::trace(service_fn(order))).await
}

async fn order(request: Request) -> Result<impl IntoResponse, Error> {
    // Not the URI's path, in which a REST API's stage comes first.
    let Some(id) = request.raw_http_path().strip_prefix("/orders/").and_then(|id| id.parse().ok()) else {
        return Ok((StatusCode::NOT_FOUND, json!({ "message": "no such order" })));
    };
    let items = load(id).await?;
    pay(id, items).await;
    Ok((StatusCode::OK, json!({ "order": id, "items": items })))
}

#[tracing::instrument]
async fn load(id: u64) -> Result<u64, Error> {
    tokio::task::yield_now().await;
    if id == 13 { Err("the table of orders is locked".into()) } else { Ok(id % 5) }
}

/// As a client of another service does; `xray_tower::client()` does it by itself.
async fn pay(id: u64, items: u64) {
    tracing::Span::current().annotate("order_id", id);
    let call = subsegment("payments.example.com").namespace(Namespace::Remote).open();
    call.set_http_response(Some(200), None);
    tracing::info!(items, "paid");
    call.instrument(tokio::task::yield_now()).await;
}

/// What API Gateway sends for these paths.
fn requests() -> Vec<String> {
    ["/orders/7", "/orders/8", "/baskets", "/orders/13"].map(event).to_vec()
}

fn event(path: &str) -> String {
    json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "host": "shop.example.com", "user-agent": "curl/8.5.0" },
        "requestContext": { "apiId": "shop", "http": { "method": "GET", "path": path }, "domainName": "shop.example.com" },
        "isBase64Encoded": false,
    })
    .to_string()
}
