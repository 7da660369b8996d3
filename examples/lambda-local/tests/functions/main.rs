//! Functions run as the platform runs them: a process of their own, the runtime API over HTTP, documents over UDP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod invocations;
mod variables;

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use lambda_local::{Answer, Function, Invocation, RuntimeApi, sent_by_lambda};
use serde_json::Value;
use xray_console::Trace;
use xray_core::document::Document;
use xray_test::validate;

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "53995c3f42cd8ad8";
/// Long enough for a busy machine; a test that passes never waits it out.
const PATIENCE: Duration = Duration::from_secs(60);

fn sampled() -> String {
    format!("Root={ROOT};Parent={PARENT};Sampled=1")
}

/// A function with its platform around it.
struct Platform {
    api: RuntimeApi,
    socket: UdpSocket,
    function: Function,
}

impl Platform {
    fn start(function: &str) -> Platform {
        Platform::with(function, |_| {})
    }

    fn with(function: &str, adjust: impl FnOnce(&mut Command)) -> Platform {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let api = RuntimeApi::start().unwrap();
        let function =
            Function::start(env!("CARGO_BIN_EXE_bootstrap"), &api, socket.local_addr().unwrap(), |command| {
                command
                    .env("FUNCTION", function)
                    .env("TMPDIR", env!("CARGO_TARGET_TMPDIR"))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                adjust(command);
            });
        Platform { api, socket, function: function.unwrap() }
    }

    /// Invokes and waits for all answers.
    fn invoke(&self, invocations: impl IntoIterator<Item = Invocation>) -> Vec<Answer> {
        let mut count = 0;
        for invocation in invocations {
            self.api.invoke(invocation);
            count += 1;
        }
        self.api.answers(count, PATIENCE).unwrap()
    }

    /// What has come, without waiting.
    fn drain(&self) -> Vec<Document> {
        let mut buffer = vec![0; 65_536];
        let mut documents = Vec::new();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            let datagram = &buffer[..length];
            let text = std::str::from_utf8(datagram).unwrap().split_once('\n').unwrap().1;
            validate(text).unwrap();
            documents.push(Document::parse_datagram(datagram).unwrap());
        }
        documents
    }

    /// What the function wrote to standard output and to standard error.
    fn written(self) -> (String, String) {
        let output = self.function.kill().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

fn annotation(document: &Document, key: &str) -> Value {
    serde_json::to_value(document.annotations.get(key)).unwrap()
}

/// It is by itself, and hangs on the segment of the function when that is there.
fn assert_lone(document: &Document) {
    assert_eq!(document.kind.as_deref(), Some("subsegment"));
    assert_eq!((document.trace_id.as_deref(), document.parent_id.as_deref()), (Some(ROOT), Some(PARENT)));
    let platform = sent_by_lambda(ROOT, PARENT).map(|text| Document::parse(text).unwrap());
    assert_eq!(Trace::assemble(ROOT, platform.into_iter().chain([document.clone()])).orphans, []);
}
