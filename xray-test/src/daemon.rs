//! The daemon's side of a real socket.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use xray_core::document::{Document, ParseDocumentError};

/// Bytes asked of the system for datagrams not yet read: a few thousand of the usual size. It may give
/// less; Linux without privileges gives twice `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Largest payload of a UDP datagram, and one more byte so that a longer one would show.
const DATAGRAM: usize = 65_508;

/// How often the reader looks up although nothing came: only the last resort if the datagram that wakes
/// it is lost.
const LOOK_UP: Duration = Duration::from_millis(200);

/// A stand-in for the X-Ray daemon: receives documents over UDP on a free port of this machine and keeps
/// them all, until it is dropped.
///
/// What arrives is checked as the daemon does: the header line, then one JSON object. What fails is kept
/// apart as [bad](FakeDaemon::bad). Senders that burst can lose datagrams here too, as UDP does; the
/// receive buffer is made large against that.
///
/// # Examples
///
/// ```
/// use std::net::UdpSocket;
/// use std::time::Duration;
/// use xray_test::FakeDaemon;
///
/// let daemon = FakeDaemon::start()?;
///
/// let application = UdpSocket::bind("127.0.0.1:0")?;
/// let datagram = b"{\"format\":\"json\",\"version\":1}\n{\"name\":\"orders\"}";
/// application.send_to(datagram, daemon.address())?;
///
/// let documents = daemon.wait_for(1, Duration::from_secs(5)).expect("one document");
/// assert_eq!(documents[0].name, "orders");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FakeDaemon {
    address: SocketAddr,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Received>,
    arrived: Condvar,
    stop: AtomicBool,
}

#[derive(Debug, Default)]
struct Received {
    documents: Vec<Document>,
    /// The text of each document.
    texts: Vec<String>,
    bad: Vec<ParseDocumentError>,
}

impl FakeDaemon {
    /// Listens on a free UDP port of the loopback interface, with a thread of its own.
    ///
    /// # Errors
    ///
    /// If the system gives no socket or no thread.
    pub fn start() -> io::Result<FakeDaemon> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(LOOK_UP))?;
        // Some systems refuse what others cut to their limit; the default serves too, if less well.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let reader = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("xray-fake-daemon".to_owned()).spawn(move || shared.read(&socket))?
        };
        Ok(FakeDaemon { address, shared, reader: Some(reader) })
    }

    /// Where to send: an address of the loopback interface.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The documents that came so far, in order.
    pub fn documents(&self) -> Vec<Document> {
        self.shared.lock().documents.clone()
    }

    /// The texts of the documents that came so far, in order, without header lines: for
    /// [`validate`](crate::validate).
    pub fn texts(&self) -> Vec<String> {
        self.shared.lock().texts.clone()
    }

    /// How many datagrams came that are no documents.
    pub fn bad(&self) -> usize {
        self.shared.lock().bad.len()
    }

    /// Waits until at least `count` documents have come in all, and returns all of them, in order.
    ///
    /// # Errors
    ///
    /// If they have not come within `timeout`; the error says what came instead.
    pub fn wait_for(&self, count: usize, timeout: Duration) -> Result<Vec<Document>, WaitError> {
        let began = Instant::now();
        let mut received = self.shared.lock();
        loop {
            if received.documents.len() >= count {
                return Ok(received.documents.clone());
            }
            let Some(left) = timeout.checked_sub(began.elapsed()) else {
                return Err(WaitError::new(count, timeout, &received));
            };
            let waited = self.shared.arrived.wait_timeout(received, left);
            received = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for FakeDaemon {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the reader; should that fail, it looks up by itself soon.
        if let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) {
            let _ = socket.send_to(&[], self.address);
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, socket: &UdpSocket) {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let read = socket.recv(&mut buffer);
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            // An error is a time-out, or nothing that the next read would not meet again.
            let Some(datagram) = read.ok().and_then(|bytes| buffer.get(..bytes)) else {
                continue;
            };
            let document = Document::parse_datagram(datagram);
            let mut received = self.lock();
            match document {
                Ok(document) => {
                    let body = datagram.splitn(2, |byte| *byte == b'\n').nth(1).unwrap_or_default();
                    let text = String::from_utf8_lossy(body).into_owned();
                    received.texts.push(text);
                    received.documents.push(document);
                }
                Err(error) => received.bad.push(error),
            }
            self.arrived.notify_all();
        }
    }
}

/// Fewer documents than awaited came in time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitError {
    /// Documents awaited.
    pub awaited: usize,
    /// How long.
    pub timeout: Duration,
    /// The names of the documents that came, in order.
    pub came: Vec<String>,
    /// Why datagrams that came are no documents, in order.
    pub bad: Vec<String>,
}

impl WaitError {
    fn new(awaited: usize, timeout: Duration, received: &Received) -> WaitError {
        let came = received.documents.iter().map(|document| document.name.clone()).collect();
        let bad = received.bad.iter().map(ToString::to_string).collect();
        WaitError { awaited, timeout, came, bad }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WaitError { awaited, timeout, came, bad } = self;
        write!(f, "waited {timeout:?} for {awaited} documents, {} came", came.len())?;
        if !came.is_empty() {
            write!(f, " ({})", came.join(", "))?;
        }
        if !bad.is_empty() {
            write!(f, ", and {} bad datagrams ({})", bad.len(), bad.join("; "))?;
        }
        Ok(())
    }
}

impl std::error::Error for WaitError {}

#[cfg(test)]
mod tests {
    use xray_core::document::DAEMON_HEADER;

    use super::*;

    /// Long enough for a busy machine; a test that passes never waits it out.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn send(daemon: &FakeDaemon, datagrams: &[&[u8]]) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for datagram in datagrams {
            socket.send_to(datagram, daemon.address()).unwrap();
        }
    }

    fn datagram(body: &str) -> Vec<u8> {
        format!("{DAEMON_HEADER}{body}").into_bytes()
    }

    #[test]
    fn documents_come_in_order_with_their_texts() {
        let daemon = FakeDaemon::start().unwrap();
        let bodies = ["{\"name\":\"a\"}", "{\n\"name\" : \"b\"\n}", "{\"name\":\"c\"}"];
        for body in bodies {
            send(&daemon, &[&datagram(body)]);
        }
        let documents = daemon.wait_for(3, PATIENCE).unwrap();
        let names: Vec<&str> = documents.iter().map(|document| document.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(daemon.documents(), documents);
        assert_eq!(daemon.texts(), bodies);
        assert_eq!(daemon.bad(), 0);
        assert_eq!(daemon.wait_for(2, Duration::ZERO), Ok(documents));
    }

    #[test]
    fn the_largest_datagram_comes_whole() {
        let daemon = FakeDaemon::start().unwrap();
        let filler = "x".repeat(65_507 - DAEMON_HEADER.len() - 11);
        send(&daemon, &[&datagram(&format!("{{\"name\":\"{filler}\"}}"))]);
        assert_eq!(daemon.wait_for(1, PATIENCE).unwrap()[0].name, filler);
    }

    #[test]
    fn bad_datagrams_are_counted_and_told() {
        let daemon = FakeDaemon::start().unwrap();
        let body = datagram("{");
        let good = datagram("{\"name\":\"orders\"}");
        send(&daemon, &[b"", b"{\"name\":\"orders\"}", &body, &good]);
        daemon.wait_for(1, PATIENCE).unwrap();
        assert_eq!(daemon.bad(), 3);
        let error = daemon.wait_for(2, Duration::ZERO).unwrap_err();
        assert_eq!(
            error.to_string(),
            "waited 0ns for 2 documents, 1 came (orders), and 3 bad datagrams (datagram has no header line; \
             datagram has no header line; document is not JSON)"
        );
    }

    #[test]
    fn waiting_in_vain_ends() {
        let daemon = FakeDaemon::start().unwrap();
        let error = daemon.wait_for(1, Duration::from_millis(1)).unwrap_err();
        assert_eq!(error.to_string(), "waited 1ms for 1 documents, 0 came");
    }

    #[test]
    fn a_dropped_daemon_leaves_no_thread() {
        let daemon = FakeDaemon::start().unwrap();
        let shared = Arc::clone(&daemon.shared);
        drop(daemon);
        assert_eq!(Arc::strong_count(&shared), 1, "the reader is gone, and its socket with it");
        assert!(shared.lock().bad.is_empty(), "what wakes the reader is not counted");
    }

    #[test]
    fn daemons_do_not_meet() {
        let daemons = [FakeDaemon::start().unwrap(), FakeDaemon::start().unwrap()];
        send(&daemons[1], &[&datagram("{\"name\":\"second\"}")]);
        assert_eq!(daemons[1].wait_for(1, PATIENCE).unwrap()[0].name, "second");
        assert!(daemons[0].documents().is_empty());
    }
}
