//! W4: an axum application over loopback, one connection kept alive; a request has two spans.
//!
//! The server is the worker's main thread, so its cost is that of the "caller". The client is the parent process: a
//! plain socket that writes the same bytes and reads the answer.
//!
//! F0 is the bare application. F1 adds the registry with an empty layer and tower-http's `TraceLayer`, the usual span
//! for a request; ours adds `xray_tower::server()` in its place.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower_http::trace::TraceLayer;
use tracing::{info, info_span};

use crate::workload::Variant;

/// Serves until somebody asks for `/quit`.
pub fn serve(variant: Variant, ready: impl FnOnce(u16) -> io::Result<()>) -> io::Result<()> {
    let quit = Arc::new(Notify::new());
    let asked = Arc::clone(&quit);
    let app = Router::new().route("/orders/{id}", get(order));
    let app = match variant {
        Variant::F0 | Variant::F1Bare => app,
        Variant::F1 => app.layer(TraceLayer::new_for_http()),
        Variant::Ours | Variant::OursBare | Variant::OursWrapped | Variant::OursUnsent => {
            app.layer(xray_tower::server())
        }
    };
    let app = app.route("/quit", get(async move || asked.notify_one()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        ready(listener.local_addr()?.port())?;
        axum::serve(listener, app).with_graceful_shutdown(async move { quit.notified().await }).await
    })
}

async fn order(Path(id): Path<u64>) -> String {
    let span = info_span!("load", id);
    let _entered = span.enter();
    info!("order found");
    format!("order {id}")
}

/// One connection to a worker that serves.
pub struct Client {
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Client> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream: BufReader::new(stream), line: String::new(), body: Vec::new() })
    }

    /// Asks for an order and reads the answer to its end.
    pub fn get_order(&mut self) -> io::Result<()> {
        self.get("/orders/4200")
    }

    /// Ends the server.
    pub fn quit(mut self) -> io::Result<()> {
        self.get("/quit")
    }

    fn get(&mut self, path: &str) -> io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: orders.example.com\r\nuser-agent: bench\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = 0;
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            match self.line.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                Some(_) => {}
                None if self.line.starts_with("HTTP/1.1 200") => {}
                None if self.line == "\r\n" => break,
                None => return Err(io::Error::other(format!("unexpected answer {:?}", self.line))),
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)
    }
}
