//! The UDP socket of the daemon.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Intake, Sender, TroubleKind, kernel};

/// Bytes asked of the kernel for the receive buffer; it may grant less, on Linux `net.core.rmem_max`.
pub const RECEIVE_BUFFER: usize = 16_000_000;

/// Datagrams that may wait for the worker.
pub const QUEUED: usize = 32_768;

/// Bytes of these.
pub const QUEUED_BYTES: usize = 64_000_000;

/// How long nothing has come for a trace when its row is worked out.
const QUIET: Duration = Duration::from_secs(1);

/// How often it is looked for such traces.
const SETTLE_EVERY: Duration = Duration::from_millis(250);

/// A socket that is being read. Reading ends when this is dropped; what was read by then is still taken.
#[derive(Debug)]
#[must_use = "reading ends when this is dropped"]
pub struct Listener {
    address: SocketAddr,
    intake: Intake,
    stop: Arc<AtomicBool>,
    settling: Option<mpsc::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// A datagram on its way to the worker.
struct Datagram {
    bytes: Box<[u8]>,
    from: SocketAddr,
}

impl Intake {
    /// Reads datagrams from this address, on threads of its own; port 0 finds a free one.
    ///
    /// # Errors
    ///
    /// That of binding; [`AddrInUse`](io::ErrorKind::AddrInUse) if another daemon is there.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::{Intake, Store};
    ///
    /// let listener = Intake::new(Store::new()).listen("127.0.0.1:0".parse()?)?;
    /// println!("AWS_XRAY_DAEMON_ADDRESS={}", listener.address());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn listen(&self, address: SocketAddr) -> io::Result<Listener> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        // A small buffer is a loss under load only, and is reported.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.bind(&address.into())?;
        let receive_buffer = socket.recv_buffer_size().unwrap_or_default();
        let socket = UdpSocket::from(socket);
        let address = socket.local_addr()?;
        // For the case that the datagram by which we are woken does not arrive.
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;

        let stop = Arc::new(AtomicBool::new(false));
        let waiting = Arc::new(AtomicUsize::new(0));
        let (to_worker, from_reader) = mpsc::sync_channel(QUEUED);
        let (settling, until) = mpsc::channel();
        let reader = Reader { socket, intake: self.clone(), stop: Arc::clone(&stop), waiting: Arc::clone(&waiting) };
        let worker = self.clone();
        let store = self.store().clone();
        // In this order: a thread that cannot be started leaves behind none that goes on.
        let mut listener =
            Listener { address, intake: self.clone(), stop, settling: Some(settling), threads: Vec::new() };
        listener.start("xray-settle", move || settle(&store, &until))?;
        listener.start("xray-intake", move || work(&worker, &from_reader, &waiting))?;
        listener.start("xray-udp", move || reader.read(&to_worker))?;
        lock(&self.shared.counts.sockets).push(kernel::Socket { address, receive_buffer });
        Ok(listener)
    }
}

impl Listener {
    fn start(&mut self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(run)?);
        Ok(())
    }

    /// The address that is read, with the port that was found.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes of receive buffer that the kernel granted; Linux counts its own overhead in, so that half of it is for
    /// datagrams.
    pub fn receive_buffer(&self) -> usize {
        let sockets = lock(&self.intake.shared.counts.sockets);
        sockets.iter().find(|socket| socket.address == self.address).map_or(0, |socket| socket.receive_buffer)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        self.settling = None;
        wake(self.address);
        for thread in self.threads.drain(..) {
            // A thread of ours that panicked has nothing to hand over.
            let _ = thread.join();
        }
        lock(&self.intake.shared.counts.sockets).retain(|socket| socket.address != self.address);
    }
}

/// An empty datagram to ourselves, so that the reader looks up.
fn wake(address: SocketAddr) {
    let own: IpAddr = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    let target = if address.ip().is_unspecified() { SocketAddr::new(own, address.port()) } else { address };
    // If it fails, the reader looks up within a second.
    let _ = UdpSocket::bind(SocketAddr::new(own, 0)).and_then(|socket| socket.send_to(&[], target));
}

struct Reader {
    socket: UdpSocket,
    intake: Intake,
    stop: Arc<AtomicBool>,
    waiting: Arc<AtomicUsize>,
}

impl Reader {
    /// Reads and hands on; waits for nothing but the socket.
    fn read(&self, worker: &SyncSender<Datagram>) {
        // The largest datagram there is.
        let mut buffer = vec![0; 65_536];
        loop {
            let read = self.socket.recv_from(&mut buffer);
            if self.stop.load(Relaxed) {
                return;
            }
            // Errors are timeouts, interruptions, and refusals of what others sent to our port's peers.
            let Ok((length, from)) = read else { continue };
            let Some(bytes) = buffer.get(..length) else { continue };
            if self.waiting.load(Relaxed) + length > QUEUED_BYTES {
                self.drop_datagram(bytes, from);
                continue;
            }
            self.waiting.fetch_add(length, Relaxed);
            match worker.try_send(Datagram { bytes: bytes.into(), from }) {
                Ok(()) => {}
                Err(TrySendError::Full(datagram)) => {
                    self.waiting.fetch_sub(length, Relaxed);
                    self.drop_datagram(&datagram.bytes, from);
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }

    #[cold]
    fn drop_datagram(&self, bytes: &[u8], from: SocketAddr) {
        let message = "datagrams come faster than they can be read into the store".to_owned();
        drop(self.intake.trouble(TroubleKind::Dropped, "QueueFull", message, Sender::Udp(from), bytes));
    }
}

fn work(intake: &Intake, reader: &Receiver<Datagram>, waiting: &AtomicUsize) {
    while let Ok(Datagram { bytes, from }) = reader.recv() {
        waiting.fetch_sub(bytes.len(), Relaxed);
        // A mistake of ours costs the datagram that showed it, and is told; the thread goes on.
        if catch_unwind(AssertUnwindSafe(|| intake.datagram(&bytes, from))).is_err() {
            let message = "reading it broke off; this is a mistake of xray-console".to_owned();
            drop(intake.trouble(TroubleKind::Dropped, "Internal", message, Sender::Udp(from), &bytes));
        }
    }
}

fn settle(store: &crate::Store, until: &Receiver<()>) {
    loop {
        let pause = if store.settle(QUIET) > 0 { Duration::ZERO } else { SETTLE_EVERY };
        if until.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "relay"))]
mod tests {
    use super::*;
    use crate::Store;

    #[test]
    fn a_mistake_of_ours_costs_one_datagram() {
        let intake = Intake::new(Store::new());
        intake.pass_on(|body| assert!(body != b"{}", "a mistake"), false);
        let (sender, receiver) = mpsc::sync_channel(2);
        for bytes in [&b"{\"format\":\"json\",\"version\":1}\n{}"[..], b"x"] {
            sender.send(Datagram { bytes: bytes.into(), from: "127.0.0.1:1".parse().unwrap() }).unwrap();
        }
        drop(sender);
        work(&intake, &receiver, &AtomicUsize::new(100));
        let counters = intake.counters();
        assert_eq!((counters.datagrams, counters.dropped, counters.refused), (2, 1, 1));
    }
}
