//! A console within a program: the daemon's address, the store behind it, and X-Ray's API to ask it with.
//!
//! For tests and examples that want to see the traces they cause, and for the program `xrc`. UDP and TCP are on one
//! address, as with the X-Ray daemon. Everything runs on threads of its own, so it can be started from anywhere, inside
//! an async runtime and outside; all of it stops when the [`Console`] is dropped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;
use xray_core::{Clock, SystemClock};

use crate::api::{Api, ApiError, Guard, Operation, Server, Upstream, WORKERS};
use crate::intake::Listener;
#[cfg(feature = "relay")]
use crate::relay::{Relay, RelayConfig, RelayError};
use crate::sampling::ServedRules;
use crate::store::DEFAULT_BOUND;
use crate::{Intake, Store};

mod holder;

/// How often free ports are tried until one is free for both protocols.
const TRIES: usize = 32;
/// How long operations under way may take once the console is dropped.
const LAST_OPERATIONS: Duration = Duration::from_secs(1);

/// A running console. It stops when this is dropped.
///
/// # Examples
///
/// ```
/// use xray_console::Console;
/// use xray_console::api::GetTraceSummaries;
///
/// let console = Console::start()?;
/// // For the program under test: AWS_XRAY_DAEMON_ADDRESS, or `daemon_address` of a layer's builder.
/// let address = console.address().to_string();
///
/// let found = console.call(GetTraceSummaries { start_time: 0.0, end_time: 4e9, ..Default::default() })?;
/// assert!(found.trace_summaries.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    api: Arc<Api>,
    /// Reads datagrams until it is dropped.
    udp: Listener,
    /// Where its pages are; none if queries are off.
    #[cfg(feature = "web")]
    pages: Option<String>,
    /// Its end tells the server to stop.
    stop: Option<watch::Sender<()>>,
    server: Option<JoinHandle<()>>,
    /// The last to go, after everything that gives it documents.
    #[cfg(feature = "relay")]
    relay: Option<Arc<Relay>>,
}

/// Settings of a [`Console`]. Made by [`Console::builder`].
#[must_use = "a builder does nothing until `start` is called"]
pub struct ConsoleBuilder {
    address: SocketAddr,
    udp: Option<SocketAddr>,
    bound: usize,
    store: Option<Store>,
    clock: Arc<dyn Clock>,
    rules: Option<ServedRules>,
    token: Option<String>,
    queries: Option<bool>,
    #[cfg(feature = "relay")]
    relay: Option<RelayConfig>,
}

/// Why a console did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is in use.
    #[error("{address} ({protocol}) is in use{holder}; stop that, or choose another address for this one")]
    InUse {
        /// The address.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// Who holds it, as far as this user may see: ` by process 4711 (xray)`.
        holder: String,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The relay did not start.
    #[cfg(feature = "relay")]
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// The system gives no thread, or no more of what it takes.
    #[error("cannot start the server")]
    Server(#[source] io::Error),
}

impl Console {
    /// Starts with the defaults of [`builder`](Console::builder).
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub fn start() -> Result<Console, StartError> {
        Console::builder().start()
    }

    /// A free port of 127.0.0.1, memory up to [`DEFAULT_BOUND`], everything sampled, queries from this machine only.
    pub fn builder() -> ConsoleBuilder {
        ConsoleBuilder {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            udp: None,
            bound: DEFAULT_BOUND,
            store: None,
            clock: Arc::new(SystemClock),
            rules: None,
            token: None,
            queries: None,
            #[cfg(feature = "relay")]
            relay: None,
        }
    }

    /// Where it listens by TCP, and by UDP unless that [was given an address of its own](ConsoleBuilder::udp_address):
    /// what `AWS_XRAY_DAEMON_ADDRESS` takes.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a browser finds its pages, with the token in it if one is set; none where queries are switched off.
    #[cfg(feature = "web")]
    #[cfg_attr(docsrs, doc(cfg(feature = "web")))]
    pub fn pages(&self) -> Option<&str> {
        self.pages.as_deref()
    }

    /// Where it listens by UDP.
    pub fn udp_address(&self) -> SocketAddr {
        self.udp.address()
    }

    /// Answers an operation of X-Ray's API, without HTTP in between.
    ///
    /// # Errors
    ///
    /// [`ApiError`]: what X-Ray's model names for the operation.
    pub fn call<O: Operation>(&self, operation: O) -> Result<O::Answer, ApiError> {
        self.api.call(operation)
    }

    /// What is asked, shared: it answers after the console has been dropped, too.
    pub fn api(&self) -> Arc<Api> {
        Arc::clone(&self.api)
    }

    /// The way in: what came, and what was refused, repaired or dropped, and why.
    pub fn intake(&self) -> &Intake {
        self.api.intake()
    }

    /// What goes on to AWS X-Ray, if anything does.
    #[cfg(feature = "relay")]
    #[cfg_attr(docsrs, doc(cfg(feature = "relay")))]
    pub fn relay(&self) -> Option<&Relay> {
        self.relay.as_deref()
    }

    /// Where traces are kept.
    pub fn store(&self) -> &Store {
        self.api.store()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            // It ends within a second; a panic in it was told when it happened.
            let _ = server.join();
        }
    }
}

impl ConsoleBuilder {
    /// Listens here by UDP and TCP. Port 0 is a free one, the same for both.
    pub fn address(mut self, address: SocketAddr) -> ConsoleBuilder {
        self.address = address;
        self
    }

    /// Listens here by UDP, and by TCP where [`address`](ConsoleBuilder::address) says. Port 0 is a free one.
    pub fn udp_address(mut self, address: SocketAddr) -> ConsoleBuilder {
        self.udp = Some(address);
        self
    }

    /// Memory for traces, bytes. At the bound the oldest go.
    pub fn bound(mut self, bytes: usize) -> ConsoleBuilder {
        self.bound = bytes;
        self
    }

    /// Keeps traces in this store, with its bound and its clock: one that is kept in a file, say.
    pub fn store(mut self, store: Store) -> ConsoleBuilder {
        self.store = Some(store);
        self
    }

    /// Another clock than the machine's, for tests.
    pub fn clock(mut self, clock: impl Clock) -> ConsoleBuilder {
        self.clock = Arc::new(clock);
        self
    }

    /// Sampling rules to begin with. Without, those that calls have made before if [the store](ConsoleBuilder::store)
    /// has kept them, else everything is sampled.
    pub fn sampling_rules(mut self, rules: ServedRules) -> ConsoleBuilder {
        self.rules = Some(rules);
        self
    }

    /// Answers queries from other machines, and by any name, if they show this token: as `Authorization: Bearer TOKEN`,
    /// or as the access key id of a client that signs.
    pub fn expose(mut self, token: impl Into<String>) -> ConsoleBuilder {
        self.token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// Whether queries are answered. Without this they are, unless segments are relayed. A console that relays and
    /// answers none keeps no traces either, unless [a store](ConsoleBuilder::store) was given for them.
    pub fn queries(mut self, answered: bool) -> ConsoleBuilder {
        self.queries = Some(answered);
        self
    }

    /// Passes segments on to AWS X-Ray, and sampling calls. Sampling rules of one's own are not served then, nor are
    /// queries answered, unless [asked for](ConsoleBuilder::queries).
    #[cfg(feature = "relay")]
    #[cfg_attr(docsrs, doc(cfg(feature = "relay")))]
    pub fn relay(mut self, config: RelayConfig) -> ConsoleBuilder {
        self.relay = Some(config);
        self
    }

    /// Starts.
    ///
    /// # Errors
    ///
    /// [`StartError`]: above all, the address is in use; it says by whom.
    pub fn start(self) -> Result<Console, StartError> {
        #[cfg(feature = "relay")]
        let passes_only = self.store.is_none() && !self.queries.unwrap_or(false);
        let store = self.store.unwrap_or_else(|| Store::with_clock(self.bound, Arc::clone(&self.clock)));
        let intake = Intake::new(store);
        let upstream: Option<Box<dyn Upstream>> = None;
        #[cfg(feature = "relay")]
        let relay = self.relay.map(Relay::start).transpose()?.map(Arc::new);
        #[cfg(feature = "relay")]
        let upstream = match &relay {
            None => upstream,
            Some(relay) => {
                let onward = Arc::downgrade(relay);
                let push = move |document: &[u8]| {
                    if let Some(relay) = onward.upgrade() {
                        relay.push(document);
                    }
                };
                intake.pass_on(push, passes_only);
                Some(Box::new(Arc::downgrade(relay)) as Box<dyn Upstream>)
            }
        };
        let queries = self.queries.unwrap_or(upstream.is_none());
        let (tcp, udp) = match self.udp {
            None => listen(&intake, self.address)?,
            Some(udp) => listen_apart(&intake, self.address, udp)?,
        };
        let address = tcp.local_addr().map_err(StartError::Server)?;
        let api = Arc::new(Api::new(intake, self.rules, self.clock, upstream));
        #[cfg(feature = "web")]
        let pages = queries.then(|| crate::web::link(address, self.token.as_deref()));
        let guard = Guard {
            token: self.token,
            queries,
            #[cfg(feature = "web")]
            port: address.port(),
        };
        let server = Arc::new(Server::new(Arc::clone(&api), guard, address, udp.address()));
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(WORKERS)
            .thread_name("xray-console-query")
            .build()
            .map_err(StartError::Server)?;
        tcp.set_nonblocking(true).map_err(StartError::Server)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(tcp).map_err(StartError::Server)?
        };
        let serve = move || {
            runtime.block_on(server.run(listener, stopped));
            runtime.shutdown_timeout(LAST_OPERATIONS);
        };
        let thread = std::thread::Builder::new().name("xray-console-api".to_owned());
        let server = thread.spawn(serve).map_err(StartError::Server)?;
        Ok(Console {
            address,
            api,
            udp,
            #[cfg(feature = "web")]
            pages,
            stop: Some(stop),
            server: Some(server),
            #[cfg(feature = "relay")]
            relay,
        })
    }
}

impl std::fmt::Debug for ConsoleBuilder {
    /// Without the token.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("ConsoleBuilder");
        shown.field("address", &self.address).field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// Both sockets, on one address.
fn listen(intake: &Intake, address: SocketAddr) -> Result<(TcpListener, Listener), StartError> {
    let mut tries = if address.port() == 0 { TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = TcpListener::bind(address).map_err(|error| failed(address, "TCP", error))?;
        let bound = tcp.local_addr().map_err(|source| StartError::Listen { address, source })?;
        match intake.listen(bound) {
            Ok(udp) => return Ok((tcp, udp)),
            // The port that was free by TCP is not by UDP: another one.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(failed(bound, "UDP", error)),
        }
    }
}

/// Each on an address of its own.
fn listen_apart(intake: &Intake, tcp: SocketAddr, udp: SocketAddr) -> Result<(TcpListener, Listener), StartError> {
    let listener = TcpListener::bind(tcp).map_err(|error| failed(tcp, "TCP", error))?;
    let reader = intake.listen(udp).map_err(|error| failed(udp, "UDP", error))?;
    Ok((listener, reader))
}

fn failed(address: SocketAddr, protocol: &'static str, source: io::Error) -> StartError {
    if source.kind() == io::ErrorKind::AddrInUse {
        let holder = holder::of(protocol, address.port()).map_or(String::new(), |holder| format!(" by {holder}"));
        return StartError::InUse { address, protocol, holder };
    }
    StartError::Listen { address, source }
}
