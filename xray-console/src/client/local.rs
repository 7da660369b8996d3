//! Asking a console: one POST for each operation.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ClientError;
use crate::api::Operation;

const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes of an answer.
const BYTES: usize = 256_000_000;

/// A console's address, and what it wants to be shown.
#[derive(Clone)]
pub struct Local {
    address: SocketAddr,
    token: Option<String>,
}

impl std::fmt::Debug for Local {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Local {
    /// A console at this address.
    pub fn new(address: SocketAddr) -> Local {
        Local { address, token: None }
    }

    /// Shows this token, as a console asks it of other machines.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Local {
        self.token = token;
        self
    }

    /// Asks for one operation.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn call<O: Operation>(&self, operation: &O) -> Result<O::Answer, ClientError> {
        // Requests are plain data, which can always be written.
        let body = serde_json::to_vec(operation).unwrap_or_default();
        let (status, answer) = match timeout(ANSWER, self.post(O::PATH, body)).await {
            Ok(answered) => answered?,
            Err(_) => return Err(self.foreign("no answer within 60 seconds")),
        };
        if status == StatusCode::OK {
            return serde_json::from_slice(&answer).map_err(|_| self.foreign("its answer is not one of X-Ray's API"));
        }
        let value: Value = serde_json::from_slice(&answer).unwrap_or(Value::Null);
        let text = |keys: [&str; 2]| keys.iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned);
        match text(["Message", "message"]) {
            Some(message) => Err(ClientError::Refused { kind: text(["__type", "Type"]).unwrap_or_default(), message }),
            None => Err(self.foreign(&format!("HTTP status {}", status.as_u16()))),
        }
    }

    async fn post(&self, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), ClientError> {
        let unreachable = |why: String| ClientError::Unreachable { address: self.address, why };
        let connected = timeout(CONNECT, TcpStream::connect(self.address)).await;
        let stream = match connected {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unreachable(error.to_string())),
            Err(_) => return Err(unreachable("no connection within 2 seconds".to_owned())),
        };
        let no_http = |error: hyper::Error| self.foreign(&error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(no_http)?;
        // It ends with the answer; an error of it is one of the request too.
        let connection = tokio::spawn(connection);
        let mut request =
            Request::post(path).header(HOST, self.address.to_string()).header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| self.foreign(&error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(no_http)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BYTES).collect().await;
        connection.abort();
        let body = body.map_err(|error| self.foreign(&error.to_string()))?;
        Ok((status, body.to_bytes()))
    }

    fn foreign(&self, why: &str) -> ClientError {
        ClientError::Foreign { address: self.address, why: why.to_owned() }
    }
}
