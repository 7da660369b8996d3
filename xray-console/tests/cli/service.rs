//! A stand-in of AWS X-Ray, and of the metadata of an EC2 instance.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    refuses: AtomicBool,
    /// How often a document of this id was taken.
    taken: Mutex<BTreeMap<String, usize>>,
    /// The first line and the authorization of every request.
    asked: Mutex<Vec<String>>,
}

impl Service {
    pub(crate) fn start() -> Service {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let service = Service { address: listener.local_addr().unwrap(), state: Arc::default() };
        let serving = service.clone();
        // Ends with the test's process; it holds nothing but its port.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.answer(&stream));
            }
        });
        service
    }

    /// Whether it answers all with a throttle.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.state.refuses.store(refuses, SeqCst);
    }

    pub(crate) fn taken(&self) -> BTreeMap<String, usize> {
        self.state.taken.lock().unwrap().clone()
    }

    pub(crate) fn asked(&self) -> String {
        self.state.asked.lock().unwrap().join("\n")
    }

    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut first, mut length, mut authorization) = (String::new(), 0, String::new());
        reader.read_line(&mut first).ok()?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().ok()?,
                "authorization" => authorization = value.to_owned(),
                _ => {}
            }
        }
        self.state.asked.lock().unwrap().push(format!("{} {authorization}", first.trim_end()));
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let path = first.split(' ').nth(1)?;
        let (status, answer) = match path {
            "/latest/api/token" => (200, "token".to_owned()),
            "/latest/meta-data/placement/region" => (200, "eu-west-9".to_owned()),
            _ if path.starts_with("/latest/") || first.starts_with("CONNECT") => (404, String::new()),
            _ if self.state.refuses.load(SeqCst) => (429, json!({"__type": "ThrottledException"}).to_string()),
            "/TraceSegments" => (200, self.take(&body)),
            _ => (200, "{}".to_owned()),
        };
        let head = format!("HTTP/1.1 {status} x\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n");
        write!(&mut &*stream, "{head}Content-Length: {}\r\n\r\n{answer}", answer.len()).ok()
    }

    fn take(&self, body: &[u8]) -> String {
        let body: Value = serde_json::from_slice(body).unwrap();
        let mut taken = self.state.taken.lock().unwrap();
        for document in body["TraceSegmentDocuments"].as_array().unwrap() {
            let document: Value = serde_json::from_str(document.as_str().unwrap()).unwrap();
            *taken.entry(document["id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        json!({"UnprocessedTraceSegments": []}).to_string()
    }
}

/// Puts a document by TCP. When this returns it has been acknowledged.
pub(crate) fn put(address: &str, id: &str) {
    let document = json!({"name": "shop", "id": id, "trace_id": "1-6955b900-0000000000000000000000aa", "start_time": 1, "end_time": 2});
    let body = json!({"TraceSegmentDocuments": [document.to_string()]}).to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST /TraceSegments HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(r#"{"UnprocessedTraceSegments":[]}"#), "{answer}");
}

/// Waits for something that another process or thread does.
pub(crate) fn until(what: &str, mut met: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !met() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
