//! The worker: each message is a segment of its own, in the trace of the request that sent it.

use std::error::Error;
use std::net::SocketAddr;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::Message;
use axum::body::Body;
use axum::http::Request;
use tokio::sync::mpsc;
use tower::{ServiceBuilder, ServiceExt};
use xray_tower::ClientSubsegment;

use crate::Http;

/// Works on messages until the queue is gone or nobody wants to hear of it.
pub(crate) async fn work(sqs: Client, queue: String, http: Http, shipping: SocketAddr, done: mpsc::Sender<()>) {
    let http = ServiceBuilder::new().layer(xray_tower::client()).service(http);
    let worker = Worker { sqs, queue, http, shipping };
    // Outside a segment a poll is not recorded: most of it is waiting.
    while let Ok(received) = worker.sqs.receive_message().queue_url(&worker.queue).wait_time_seconds(5).send().await {
        for message in received.messages() {
            // A failure is in the trace now, and the message comes back by itself.
            let packed = xray_sqs::process(message, &worker.queue, worker.pack(message)).await;
            if packed.is_ok() && done.send(()).await.is_err() {
                return;
            }
        }
    }
}

struct Worker {
    sqs: Client,
    queue: String,
    http: ClientSubsegment<Http>,
    shipping: SocketAddr,
}

impl Worker {
    #[tracing::instrument(skip_all)]
    async fn pack(&self, message: &Message) -> Result<(), Box<dyn Error + Send + Sync>> {
        let order = message.body().unwrap_or_default();
        let request = Request::post(format!("http://{}/parcels/{order}", self.shipping)).body(Body::empty())?;
        let response = self.http.clone().oneshot(request).await?;
        if !response.status().is_success() {
            return Err(format!("shipping answered {}", response.status()).into());
        }
        let receipt = message.receipt_handle().unwrap_or_default();
        self.sqs.delete_message().queue_url(&self.queue).receipt_handle(receipt).send().await?;
        Ok(())
    }
}
