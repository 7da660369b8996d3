//! The service that takes orders.
//!
//! X-Ray is in one place here, the server layer around the routes; the clients bring their own.

use std::error::Error;

use aws_sdk_dynamodb::types::AttributeValue;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use xray_tower::xray_core::ResultExt;

use crate::clients::{Clients, Places};

pub(crate) fn app(clients: Clients, places: Places) -> Router {
    Router::new()
        .route("/orders/{id}", post(order))
        .with_state(Shop { clients, places })
        .layer(xray_tower::server().name("orders"))
}

#[derive(Clone)]
struct Shop {
    clients: Clients,
    places: Places,
}

#[tracing::instrument(skip_all, fields(annotation.order_id = id))]
async fn order(State(shop): State<Shop>, Path(id): Path<u64>) -> Result<(StatusCode, String), StatusCode> {
    let taken = shop.take(id).await.record_err_as(|error| &**error);
    taken.map(|()| (StatusCode::CREATED, format!("order {id} is taken"))).map_err(|_| StatusCode::BAD_GATEWAY)
}

impl Shop {
    async fn take(&self, id: u64) -> Result<(), Box<dyn Error + Send + Sync>> {
        let Shop { clients, places } = self;
        let number = AttributeValue::N(id.to_string());
        clients.dynamodb.put_item().table_name(&places.table).item("id", number).send().await?;
        clients.sqs.send_message().queue_url(&places.queue).message_body(id.to_string()).send().await?;
        clients.sns.publish().topic_arn(&places.topic).message(format!("order {id}")).send().await?;
        Ok(())
    }
}
