//! W4: an axum application over loopback, one connection kept alive; a request has two spans.
//!
//! The server is the worker's main thread, so its cost is that of the "caller". The client is the parent process.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tracing::{info, info_span};

/// The bare application: what the request's own span is in is left to who measures.
pub fn orders() -> Router {
    Router::new().route("/orders/{id}", get(order))
}

async fn order(Path(id): Path<u64>) -> String {
    let span = info_span!("load", id);
    let _entered = span.enter();
    info!("order found");
    format!("order {id}")
}

/// Serves until somebody asks for `/quit`.
pub(crate) fn serve(app: Router, ready: impl FnOnce(u16) -> io::Result<()>) -> io::Result<()> {
    let quit = Arc::new(Notify::new());
    let asked = Arc::clone(&quit);
    let app = app.route("/quit", get(async move || asked.notify_one()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        ready(listener.local_addr()?.port())?;
        axum::serve(listener, app).with_graceful_shutdown(async move { quit.notified().await }).await
    })
}
