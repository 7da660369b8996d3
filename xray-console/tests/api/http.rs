//! A console, and an HTTP client of which every byte is under control.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use xray_console::Console;
use xray_test::ManualClock;

/// Noon of 1 January 2026, seconds since the epoch.
pub(crate) const NOON: f64 = 1_767_268_800.0;

pub(crate) struct Server {
    pub(crate) console: Console,
    pub(crate) clock: ManualClock,
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Of `x-amzn-ErrorType`.
    pub(crate) error: Option<String>,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) fn start() -> Server {
        let clock = ManualClock::at(NOON);
        let console = Console::builder().clock(clock.clone()).start().unwrap();
        Server { console, clock }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.console.address()
    }

    /// Posts a body: the answer, whatever it is.
    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        read(&exchange(self.address(), &[head.as_bytes(), body.as_bytes()].concat()))
    }

    /// Posts JSON: the answer's JSON, or a panic that shows it.
    pub(crate) fn ok(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Posts JSON that is to be refused: `400 InvalidRequestException: message`.
    pub(crate) fn refused(&self, path: &str, body: Value) -> String {
        let answer = self.post(path, &body.to_string());
        let message = answer.body["Message"].as_str().unwrap_or_default();
        format!("{} {}: {message}", answer.status, answer.error.unwrap_or_default())
    }
}

/// Sends bytes, and reads all that comes until the other side ends.
pub(crate) fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    // Who refuses a request may not read all of it.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub(crate) fn read(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let error = head.lines().find_map(|line| line.strip_prefix("x-amzn-errortype: ")).map(str::to_owned);
    Answer {
        status: status.unwrap_or_else(|| panic!("no HTTP: {text:?}")),
        error,
        body: serde_json::from_str(body).unwrap_or_default(),
    }
}
