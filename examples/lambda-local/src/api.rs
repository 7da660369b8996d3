//! The server: hands invocations out, takes answers in.

use std::collections::VecDeque;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::request::{self, Request};

/// What a function is invoked with.
#[derive(Clone, Debug)]
pub struct Invocation {
    event: String,
    headers: Vec<String>,
    time: Duration,
}

impl Invocation {
    /// An event, as JSON, without a trace header and with a minute's time.
    pub fn new(event: impl ToString) -> Invocation {
        Invocation { event: event.to_string(), headers: Vec::new(), time: Duration::from_secs(60) }
    }

    /// Adds a trace header.
    pub fn trace(mut self, header: impl std::fmt::Display) -> Invocation {
        self.headers.push(header.to_string());
        self
    }

    /// How long after the function takes it its deadline is.
    pub fn time(mut self, time: Duration) -> Invocation {
        self.time = time;
        self
    }
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number of the invocation, from 0 in the order they were queued.
    pub invocation: usize,
    /// Answer or error.
    pub outcome: Outcome,
    /// As it came, JSON.
    pub body: String,
}

/// How an invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler answered.
    Response,
    /// The handler failed, or never saw the event.
    Error,
}

/// A runtime API, on a free port of the loopback interface unless told where. Its threads end with the process.
#[derive(Clone, Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queued: usize,
    waiting: VecDeque<(usize, Invocation)>,
    /// Times the function asked for an invocation.
    polls: usize,
    restored: usize,
    answers: Vec<Answer>,
}

impl RuntimeApi {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// If the system gives no socket or no thread.
    pub fn start() -> io::Result<RuntimeApi> {
        RuntimeApi::listen(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?)
    }

    /// Starts one on a socket.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn listen(listener: TcpListener) -> io::Result<RuntimeApi> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let api = RuntimeApi { address, shared: Arc::clone(&shared) };
        thread::Builder::new().name("runtime-api".to_owned()).spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A function that is killed breaks its connections; that is its own affair.
                thread::spawn(move || shared.serve(&connection));
            }
        })?;
        Ok(api)
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues an invocation.
    pub fn invoke(&self, invocation: Invocation) {
        let mut state = self.shared.lock();
        let number = state.queued;
        state.queued += 1;
        state.waiting.push_back((number, invocation));
        self.shared.changed.notify_all();
    }

    /// Waits until `count` answers have come in all; those that came, in the order they came.
    ///
    /// # Errors
    ///
    /// With those that came, if there are fewer after `timeout`.
    pub fn answers(&self, count: usize, timeout: Duration) -> Result<Vec<Answer>, Vec<Answer>> {
        let state = self.shared.wait_until(timeout, |state| state.answers.len() >= count);
        if state.answers.len() >= count { Ok(state.answers.clone()) } else { Err(state.answers.clone()) }
    }

    /// Waits until the function has asked for an invocation `count` times; false after `timeout`.
    pub fn polled(&self, count: usize, timeout: Duration) -> bool {
        self.shared.wait_until(timeout, |state| state.polls >= count).polls >= count
    }

    /// How often a function waited to be restored from a snapshot.
    pub fn restored(&self) -> usize {
        self.shared.lock().restored
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, timeout: Duration, met: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let began = Instant::now();
        let mut state = self.lock();
        while !met(&state) {
            let Some(left) = timeout.checked_sub(began.elapsed()) else { break };
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state
    }

    fn serve(&self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut reader = BufReader::new(connection);
        let mut writer = connection;
        while let Some(request) = request::read(&mut reader)? {
            writer.write_all(self.respond(request).as_bytes())?;
        }
        Ok(())
    }

    fn respond(&self, request: Request) -> String {
        let path = request.path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        match (request.method.as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", ["invocation", "next"]) => self.next(),
            ("GET", ["restore", "next"]) => {
                self.lock().restored += 1;
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned()
            }
            ("POST", ["invocation", id, "response"]) => self.take(id, Outcome::Response, request.body),
            ("POST", ["invocation", id, "error"]) => self.take(id, Outcome::Error, request.body),
            _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
        }
    }

    fn next(&self) -> String {
        let mut state = self.lock();
        state.polls += 1;
        self.changed.notify_all();
        let (number, Invocation { event, headers, time }) = loop {
            match state.waiting.pop_front() {
                Some(invocation) => break invocation,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(state);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut response = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: {number}\r\nlambda-runtime-deadline-ms: {}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:my-lambda\r\n",
            event.len(),
            (now + time).as_millis(),
        );
        for header in headers {
            response += &format!("lambda-runtime-trace-id: {header}\r\n");
        }
        response + "\r\n" + &event
    }

    fn take(&self, id: &str, outcome: Outcome, body: Vec<u8>) -> String {
        let body = String::from_utf8_lossy(&body).into_owned();
        let invocation = id.parse().unwrap_or(usize::MAX);
        self.lock().answers.push(Answer { invocation, outcome, body });
        self.changed.notify_all();
        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_owned()
    }
}
