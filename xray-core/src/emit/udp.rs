//! Documents to the X-Ray daemon, one UDP datagram each.
//!
//! A datagram is the header line `{"format":"json","version":1}`, a line feed, and the document. UDP gives no
//! receipt; what can be learnt of a loss is used:
//!
//! - The socket is connected, so a refusal (nobody listens) comes back as an error of the *next* send. It
//!   belongs to an earlier document, which [`Emit::lost`] reports; the present one is sent again at once, to
//!   the name's next address if it has several. A daemon that starts later therefore gets documents from its
//!   first moment on. Refusals that arrive together are told as one: the count is a lower bound.
//! - Names are looked up on the sending thread, never in the constructor, and again after trouble: at once, then
//!   1 s later, doubling up to 30 s. Sending goes on meanwhile wherever an address is known.
//! - When the send buffer stays full for 10 ms the document is given up as [`EmitError::Io`].
//!
//! Source: X-Ray Developer Guide, "Sending trace data to X-Ray" (header line); RFC 1122, 4.1.3.3 (refusals).

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{DaemonAddress, Emit, EmitError, Endpoint, Lost};
use crate::document::DAEMON_HEADER;
use crate::{Clock, SystemClock};

/// Sends each document to the daemon's UDP address.
///
/// # Examples
///
/// ```
/// use xray_core::{DaemonAddress, Emit, Udp};
///
/// let daemon = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let udp = Udp::new(DaemonAddress::parse(&daemon.local_addr()?.to_string())?);
/// udp.emit(br#"{"name":"orders"}"#)?;
///
/// let mut datagram = [0; 100];
/// let length = daemon.recv(&mut datagram)?;
/// assert_eq!(&datagram[..length], b"{\"format\":\"json\",\"version\":1}\n{\"name\":\"orders\"}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Udp {
    destination: Endpoint,
    clock: Arc<dyn Clock>,
    look_up: Box<LookUp>,
    state: Mutex<State>,
}

type LookUp = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

impl Udp {
    /// Sends to [`DaemonAddress::udp`]. Nothing is looked up or opened before the first document.
    pub fn new(address: DaemonAddress) -> Udp {
        Udp {
            destination: address.udp().clone(),
            clock: Arc::new(SystemClock),
            look_up: Box::new(|host, port| Ok((host, port).to_socket_addrs()?.collect())),
            state: Mutex::new(State::default()),
        }
    }

    /// Waits between look-ups by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Udp {
        self.clock = clock;
        self
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unreachable(&self, source: io::Error) -> EmitError {
        EmitError::Unreachable { destination: format!("udp {}", self.destination), source }
    }

    /// Finds the routes when there are none, and again after trouble; not before its time.
    fn find_routes(&self, state: &mut State) -> io::Result<()> {
        if let Ok(ip) = self.destination.host().parse::<IpAddr>() {
            if state.routes.is_empty() {
                state.take_routes(vec![SocketAddr::new(ip, self.destination.port())]);
            }
            return Ok(());
        }
        let now = self.clock.monotonic();
        if now < state.look_up_at {
            return Err(io::Error::new(io::ErrorKind::NotFound, "name was not found, the next look-up is due later"));
        }
        let found = (self.look_up)(self.destination.host(), self.destination.port());
        // Read again: a look-up may have taken seconds, and the pause counts from its end.
        state.look_up_at = self.clock.monotonic().saturating_add(nanoseconds(state.pause));
        state.pause = (state.pause * 2).min(LONGEST_PAUSE);
        let mut addresses = found?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "name has no address"));
        }
        // "localhost" often means ::1 first, where the daemon does not listen.
        addresses.sort_by_key(|address| address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST));
        addresses.dedup();
        addresses.truncate(MOST_ROUTES);
        state.take_routes(addresses);
        Ok(())
    }

    fn send(&self, state: &mut State) -> Result<(), EmitError> {
        if state.routes.is_empty() {
            self.find_routes(state).map_err(|error| self.unreachable(error))?;
        }
        let mut first = true;
        let mut buffers_waited_for = false;
        let mut attempts = state.routes.len() + 1;
        let mut last = io::Error::from(io::ErrorKind::NotConnected);
        while attempts > 0 {
            let error = match state.send_once() {
                Ok(()) => {
                    if first {
                        state.pause = SHORTEST_PAUSE;
                    }
                    return Ok(());
                }
                Err(error) => error,
            };
            match Verdict::of(&error) {
                Verdict::TooLong => {
                    let known = state.datagram.len() > LARGEST_PAYLOAD;
                    return Err(EmitError::TooLarge { limit: known.then_some(LARGEST_PAYLOAD - DAEMON_HEADER.len()) });
                }
                Verdict::NoBuffer if !buffers_waited_for => {
                    buffers_waited_for = true;
                    thread::sleep(BUFFER_WAIT);
                    continue;
                }
                Verdict::NoBuffer | Verdict::Full => return Err(EmitError::Io(error)),
                Verdict::Refused => state.note_loss(copy(&error)),
                Verdict::Broken => state.close_current(),
            }
            if std::mem::take(&mut first) {
                // When a look-up is not due or fails, the known addresses are still the best there is.
                if self.find_routes(state).is_ok() {
                    attempts = attempts.max(state.routes.len() + 1);
                }
            }
            state.turn_to_next();
            last = error;
            attempts -= 1;
        }
        Err(self.unreachable(last))
    }
}

impl Emit for Udp {
    /// # Errors
    ///
    /// [`EmitError::Unreachable`] when the name has no address or no route leads there,
    /// [`EmitError::TooLarge`] when the system refuses the datagram's size, [`EmitError::Io`] when its send
    /// buffer stays full.
    fn emit(&self, document: &[u8]) -> Result<(), EmitError> {
        let mut state = self.lock();
        state.datagram.clear();
        state.datagram.extend_from_slice(DAEMON_HEADER.as_bytes());
        state.datagram.extend_from_slice(document);
        let result = self.send(&mut state);
        // A caller that sent far too much once must not keep that memory.
        state.datagram.clear();
        state.datagram.shrink_to(KEPT_BUFFER);
        result
    }

    fn flush(&self) {
        self.lock().collect_refusals();
    }

    fn reopen(&self) {
        let mut state = self.lock();
        state.routes.clear();
        state.current = 0;
        state.look_up_at = 0;
    }

    fn lost(&self) -> Option<Lost> {
        let lost = self.lock().lost.take();
        lost.map(|(documents, error)| Lost { documents, error: self.unreachable(error) })
    }
}

impl fmt::Debug for Udp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udp").field("destination", &self.destination.to_string()).finish_non_exhaustive()
    }
}

/// What the sending thread keeps between documents.
struct State {
    /// The name's addresses, IPv4 loopback first; sockets open when first used.
    routes: Vec<Route>,
    current: usize,
    /// Clock nanoseconds before which no look-up is made.
    look_up_at: u64,
    /// Pause after the next look-up.
    pause: Duration,
    datagram: Vec<u8>,
    lost: Option<(u64, io::Error)>,
}

struct Route {
    address: SocketAddr,
    socket: Option<UdpSocket>,
}

impl Default for State {
    fn default() -> State {
        State { routes: Vec::new(), current: 0, look_up_at: 0, pause: SHORTEST_PAUSE, datagram: Vec::new(), lost: None }
    }
}

impl State {
    fn send_once(&mut self) -> io::Result<()> {
        let Some(route) = self.routes.get_mut(self.current) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let socket = match &mut route.socket {
            Some(socket) => socket,
            closed => closed.insert(open(route.address)?),
        };
        loop {
            match socket.send(&self.datagram) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// Addresses that stay keep their socket, and with it a refusal that has not been told.
    fn take_routes(&mut self, addresses: Vec<SocketAddr>) {
        let current = self.routes.get(self.current).map(|route| route.address);
        let mut old = std::mem::take(&mut self.routes);
        for address in addresses {
            let socket = old.iter_mut().find(|route| route.address == address).and_then(|route| route.socket.take());
            self.routes.push(Route { address, socket });
        }
        // Where the present address is gone, the turn that follows trouble starts with the first new one.
        let kept = self.routes.iter().position(|route| Some(route.address) == current);
        self.current = kept.unwrap_or(if current.is_some() { self.routes.len() } else { 0 });
    }

    fn turn_to_next(&mut self) {
        self.current = if self.current + 1 < self.routes.len() { self.current + 1 } else { 0 };
    }

    /// A broken socket may be bound to an address this machine no longer has.
    fn close_current(&mut self) {
        if let Some(route) = self.routes.get_mut(self.current) {
            route.socket = None;
        }
    }

    fn collect_refusals(&mut self) {
        let mut found = Vec::new();
        for socket in self.routes.iter().filter_map(|route| route.socket.as_ref()) {
            found.extend(socket.take_error().ok().flatten());
        }
        for error in found {
            self.note_loss(error);
        }
    }

    fn note_loss(&mut self, error: io::Error) {
        let before = self.lost.take().map_or(0, |(documents, _)| documents);
        self.lost = Some((before.saturating_add(1), error));
    }
}

/// A connected socket. UDP's `connect` only picks a route and a source address: nothing is sent.
fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    // Both are a help, not a need: without them bursts are lost sooner, and a full buffer waits longer.
    let _ = socket.set_write_timeout(Some(FULL_WAIT));
    let options = socket2::SockRef::from(&socket);
    if options.send_buffer_size().is_ok_and(|bytes| bytes < SEND_BUFFER) {
        let _ = options.set_send_buffer_size(SEND_BUFFER);
    }
    Ok(socket)
}

/// What an error of `send` means for the document and the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// An earlier document found nobody listening; this one has not been tried.
    Refused,
    /// The datagram is larger than the system, or the way, can carry.
    TooLong,
    /// The system has no buffers (BSD; Linux on some devices): passes soon.
    NoBuffer,
    /// The send buffer stayed full for [`FULL_WAIT`].
    Full,
    /// No route, no permission, a source address that is gone.
    Broken,
}

impl Verdict {
    fn of(error: &io::Error) -> Verdict {
        match error.raw_os_error() {
            Some(code) if code == MESSAGE_SIZE => return Verdict::TooLong,
            Some(code) if code == NO_BUFFERS => return Verdict::NoBuffer,
            _ => {}
        }
        match error.kind() {
            // Windows says "reset" for the same.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Verdict::Refused,
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Verdict::Full,
            _ => Verdict::Broken,
        }
    }
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => error.kind().into(),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Bytes in one UDP datagram over IPv4: 65,535 less 20 of IP and 8 of UDP (RFC 791, RFC 768).
const LARGEST_PAYLOAD: usize = 65_507;
/// Bytes; several of the largest documents, where some systems start with fewer than one.
const SEND_BUFFER: usize = 256 * 1024;
/// Bytes of datagram buffer kept between documents: more than any that can be sent.
const KEPT_BUFFER: usize = 64 * 1024;
/// Addresses of one name that are tried.
const MOST_ROUTES: usize = 4;
/// Pause after the first look-up that did not help, and after every good one.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// Pause between look-ups at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a send waits for room in the send buffer.
const FULL_WAIT: Duration = Duration::from_millis(10);
/// How long to wait before the one retry when the system has no buffers.
const BUFFER_WAIT: Duration = Duration::from_millis(1);

// Error numbers that `io::ErrorKind` does not tell apart. Source: each system's errno.h, winsock2.h.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MESSAGE_SIZE: i32 = 90;
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_BUFFERS: i32 = 105;
#[cfg(windows)]
const MESSAGE_SIZE: i32 = 10_040;
#[cfg(windows)]
const NO_BUFFERS: i32 = 10_055;
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
const MESSAGE_SIZE: i32 = 40;
#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
const NO_BUFFERS: i32 = 55;

#[cfg(test)]
#[path = "udp_tests.rs"]
mod tests;
