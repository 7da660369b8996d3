//! The way to the service: unsigned HTTP to the daemon's TCP address. The daemon signs, and passes it on to X-Ray.
//!
//! No redirect is followed, no proxy of the environment used (the daemon is near), no connection kept between calls,
//! which are six a minute. A call takes [`TIMEOUT`] at most, name look-up and body included, and an answer has
//! [`MAX_ANSWER`] bytes at most.
//!
//! Source: official SDKs; the daemon's own documentation of its proxy.

use std::fmt;
use std::io::{self, Read};
use std::time::Duration;

use ureq::Agent;

use super::poller::Call;
use crate::emit::Endpoint;

/// Makes calls to one daemon.
pub(super) struct Client {
    agent: Agent,
    address: String,
}

/// Why a call brought nothing. In words of our own: what the other side said is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// Nobody answers there.
    Unreachable(String),
    /// It answered with this HTTP status instead of 200.
    Status(u16),
    /// More than [`TIMEOUT`].
    TimedOut,
    /// More than [`MAX_ANSWER`].
    TooLong,
    /// What came is not HTTP, or stops in the middle.
    Broken,
}

impl Client {
    pub(super) fn new(endpoint: &Endpoint) -> Client {
        Client::with_timeout(endpoint, TIMEOUT)
    }

    pub(super) fn with_timeout(endpoint: &Endpoint, timeout: Duration) -> Client {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(timeout))
            .max_idle_connections(0)
            .max_response_header_size(MAX_HEAD)
            .user_agent(concat!("xray-core/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: config.into(), address: endpoint.to_string() }
    }

    /// Where it calls.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Makes one call; the body of a good answer.
    pub(super) fn call(&self, call: &Call) -> Result<Vec<u8>, CallError> {
        let url = format!("http://{}{}", self.address, call.operation.path());
        let request = self.agent.post(url).content_type("application/json");
        let mut answer = request.send(&call.body[..]).map_err(CallError::of)?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(CallError::Status(status));
        }
        let mut body = Vec::new();
        // One byte more tells an answer that fits from one that does not.
        let mut reader = answer.body_mut().as_reader().take(MAX_ANSWER + 1);
        reader.read_to_end(&mut body).map_err(|error| CallError::of_body(&error))?;
        if body.len() as u64 > MAX_ANSWER { Err(CallError::TooLong) } else { Ok(body) }
    }
}

impl CallError {
    fn of(error: ureq::Error) -> CallError {
        match error {
            ureq::Error::Timeout(_) => CallError::TimedOut,
            ureq::Error::HostNotFound => CallError::Unreachable("its name has no address".to_owned()),
            ureq::Error::ConnectionFailed => CallError::Unreachable("no connection".to_owned()),
            ureq::Error::Io(error) => CallError::of_io(&error),
            ureq::Error::LargeResponseHeader(..) => CallError::TooLong,
            _ => CallError::Broken,
        }
    }

    fn of_io(error: &io::Error) -> CallError {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => CallError::TimedOut,
            // It was there, and stopped.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                CallError::Broken
            }
            kind => CallError::Unreachable(kind.to_string()),
        }
    }

    fn of_body(error: &io::Error) -> CallError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
            Some(ureq::Error::Timeout(_)) => CallError::TimedOut,
            _ if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => CallError::TimedOut,
            _ => CallError::Broken,
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Unreachable(why) => write!(f, "cannot be reached: {why}"),
            CallError::Status(status) => write!(f, "answered with HTTP status {status}"),
            CallError::TimedOut => write!(f, "did not answer within {} s", TIMEOUT.as_secs()),
            CallError::TooLong => write!(f, "answered with more than {MAX_ANSWER} bytes"),
            CallError::Broken => f.write_str("did not answer with whole HTTP"),
        }
    }
}

/// Longest call.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an answer. A page of rules has some ten kilobytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
/// Bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;
