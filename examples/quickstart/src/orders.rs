//! The service that customers talk to.
//!
//! X-Ray is in three places: the server layer around the routes, the client layer around the HTTP client, and
//! plain `tracing` for what happens between them.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use http_body_util::BodyExt;
use tower::{ServiceBuilder, ServiceExt};
use tracing::Instrument;
use xray_tower::ClientSubsegment;

use crate::Http;

pub(crate) fn app(http: Http, payments: SocketAddr) -> Router {
    // A subsegment for each call, and the trace header on it.
    let http = ServiceBuilder::new().layer(xray_tower::client()).service(http);
    Router::new()
        .route("/orders/{id}", get(order))
        .route("/orders/{id}/invoice", get(invoice))
        .route("/orders/{id}/updates", get(updates))
        .route("/report", get(report))
        .with_state(Payments { http, address: payments })
        .layer(xray_tower::server())
}

/// The other service, as this one sees it.
#[derive(Clone)]
struct Payments {
    http: ClientSubsegment<Http>,
    address: SocketAddr,
}

impl Payments {
    async fn charge(self, order: u64) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let request = Request::post(format!("http://{}/charges/{order}", self.address)).body(Body::empty())?;
        let response = self.http.oneshot(request).await?;
        if !response.status().is_success() {
            return Err(format!("payments answered {}", response.status()).into());
        }
        Ok(String::from_utf8_lossy(&response.into_body().collect().await?.to_bytes()).into_owned())
    }
}

/// `annotation.…` makes a field searchable in X-Ray; other fields become metadata.
#[tracing::instrument(skip_all, fields(annotation.order_id = id))]
async fn order(State(payments): State<Payments>, Path(id): Path<u64>) -> Result<String, StatusCode> {
    let (items, address) = tokio::join!(load_items(id), load_address(id));
    let items = items.ok_or(StatusCode::NOT_FOUND)?;
    let total = tracing::info_span!("price").in_scope(|| items.iter().sum::<u64>());
    let state = payments.charge(id).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(format!("order {id}: {total} EUR to {address}, {state}"))
}

#[tracing::instrument]
async fn load_items(order: u64) -> Option<Vec<u64>> {
    pass(Duration::from_millis(6)).await;
    let items = (order < 20).then(|| vec![17, 25])?;
    tracing::info!(items = items.len(), "loaded");
    Some(items)
}

#[tracing::instrument]
async fn load_address(order: u64) -> &'static str {
    pass(Duration::from_millis(9)).await;
    "Utrecht"
}

/// Slow, on a thread for blocking work: the span takes the trace there.
#[tracing::instrument(skip_all, fields(annotation.order_id = id))]
async fn invoice(Path(id): Path<u64>) -> String {
    let span = tracing::info_span!("render", pages = 12);
    let rendered =
        tokio::task::spawn_blocking(move || span.in_scope(|| std::thread::sleep(Duration::from_millis(350))));
    match rendered.await {
        Ok(()) => format!("invoice of order {id}"),
        Err(_) => format!("no invoice of order {id}"),
    }
}

/// Waits longer than anybody will. What is open when the client leaves is recorded as far as it came.
async fn updates(Path(id): Path<u64>) -> String {
    pass(Duration::from_secs(120)).instrument(tracing::info_span!("wait for news", annotation.order_id = id)).await;
    format!("order {id} is on its way")
}

/// Asked too often.
async fn report() -> StatusCode {
    StatusCode::TOO_MANY_REQUESTS
}

/// Stands for work.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
