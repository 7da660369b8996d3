//! The service that the worker calls.

use axum::Router;
use axum::extract::Path;
use axum::routing::post;

pub(crate) fn app() -> Router {
    Router::new().route("/parcels/{order}", post(parcel)).layer(xray_tower::server().name("shipping"))
}

async fn parcel(Path(order): Path<u64>) -> String {
    format!("order {order} is on its way")
}
