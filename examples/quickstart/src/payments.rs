//! The service that the other one calls.
//!
//! It reads the trace header that comes with a request, so its segments belong to the caller's trace.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::post;
use xray_tower::xray_core::ResultExt;

pub(crate) fn app() -> Router {
    Router::new().route("/charges/{order}", post(charge)).layer(xray_tower::server().name("payments"))
}

async fn charge(Path(order): Path<u64>) -> Result<&'static str, StatusCode> {
    book(order).await.map(|()| "paid").map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// `record_err` records the error with its type, its causes and this line. `#[instrument(err)]` would record its
/// text only: by then `tracing` has lost the rest.
#[tracing::instrument(fields(annotation.order_id = order))]
async fn book(order: u64) -> Result<(), ChargeError> {
    write_to_ledger(order).await.map_err(|source| ChargeError { order, source }).record_err()
}

#[tracing::instrument]
async fn write_to_ledger(order: u64) -> Result<(), LedgerError> {
    tokio::time::sleep(Duration::from_millis(4)).await;
    if order == 13 { Err(LedgerError { source: Timeout { millis: 4 } }) } else { Ok(()) }
}

#[derive(Debug, thiserror::Error)]
#[error("order {order} was not charged")]
struct ChargeError {
    order: u64,
    source: LedgerError,
}

#[derive(Debug, thiserror::Error)]
#[error("ledger is not available")]
struct LedgerError {
    source: Timeout,
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {millis} ms")]
struct Timeout {
    millis: u64,
}
