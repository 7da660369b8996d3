//! On to AWS X-Ray, as the official daemon does, and without losing anything on the way.
//!
//! ```text
//! datagram, PutTraceSegments ─▶ spool (on disk, bounded) ─▶ batches of 50 ─▶ PutTraceSegments of AWS X-Ray
//! ```
//!
//! Documents go on as they came, checked or not, those of OpenTelemetry too: what AWS X-Ray refuses is
//! [reported](Relay::reports) with its reason. They stay in the spool until AWS has answered for them: an outage, a
//! throttle or a restart loses nothing. A document is sent twice only where the answer to the first time was lost.
//!
//! | what | value |
//! |---|---|
//! | a batch | 50 documents, or what came within a second |
//! | batches under way | 8, the official daemon's |
//! | an answer is waited for | 10 s |
//! | a failed batch is sent again | after 0.2 s, doubled each time up to 30 s, less up to half by chance |
//! | the spool | 256 MB by default; beyond it the oldest go and are counted |
//! | lost by `kill -9` | what the socket holds and the intake has not read; nothing that was acknowledged over TCP |
//! | lost by a power cut | that, and what came within the last second: the spool is written through to the disk so often |
//!
//! A batch that AWS refuses whole (400, 413) is divided until the documents it refuses are alone. Sampling calls are
//! passed on to AWS; queries are off unless asked for. Every minute AWS is told how many segments came and went, as the
//! official daemon does (telemetry records).
//!
//! Differences from the official daemon (3.6): there is no reverse proxy for other calls; NoVerifySSL is not offered; what
//! waits is on disk, not in memory.
//!
//! Source: aws-xray-daemon 3.6.6.

mod client;
mod config;
mod region;
mod sampling;
mod sender;
mod spool;
mod telemetry;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{Notify, mpsc, watch};

pub use config::RelayConfig;

use spool::Spool;

/// Reports kept; the oldest goes.
const REPORTS: usize = 1_000;

/// A running relay. Dropped, it stops; what it has not sent stays in the spool.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    calls: mpsc::Sender<sampling::Call>,
    stop: Option<watch::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the intake, the sender and whoever asks share.
#[derive(Debug)]
struct Shared {
    spool: Spool,
    arrived: Notify,
    counts: Counts,
    reports: Mutex<VecDeque<Report>>,
}

/// A document that AWS X-Ray did not take, or that could not be kept for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Its id, if AWS named it.
    pub id: Option<String>,
    /// Why, as a code.
    pub code: String,
    /// Why, in words. From the network: not to be shown on a terminal as it is.
    pub message: String,
}

#[derive(Debug, Default)]
struct Counts {
    received: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
    retries: AtomicU64,
    errors: telemetry::Errors,
}

/// How much went on, and what became of the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayCounters {
    /// Documents that came since the start.
    pub received: u64,
    /// Documents that AWS X-Ray took.
    pub sent: u64,
    /// Documents that it did not.
    pub refused: u64,
    /// Documents that the spool had no room for, or could not write.
    pub dropped: u64,
    /// Calls that were made again.
    pub retries: u64,
    /// Documents in the spool.
    pub waiting: u64,
}

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// No region is known.
    #[error(
        "no AWS region: give one, or set AWS_REGION; neither the shared configuration nor metadata of ECS or EC2 has one"
    )]
    NoRegion,
    /// The proxy's address is no URL.
    #[error("proxy {url}: {reason}; expected a URL such as http://proxy.example.com:3128")]
    Proxy {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The spool's folder cannot be used.
    #[error("spool {folder}")]
    Spool {
        /// The folder.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the relay")]
    Start(#[source] io::Error),
}

impl Relay {
    /// Starts to send, with what is left in the spool from before. Where a region has to be
    /// [looked for](RelayConfig), it waits for that.
    ///
    /// # Errors
    ///
    /// [`RelayError`].
    pub fn start(config: RelayConfig) -> Result<Relay, RelayError> {
        let proxy = client::proxy(&config)
            .map_err(|reason| RelayError::Proxy { url: config.proxy.clone().unwrap_or_default(), reason })?;
        let folder = || config.spool.display().to_string();
        let spool = Spool::open(&config.spool, config.spool_bound)
            .map_err(|source| RelayError::Spool { folder: folder(), source })?;
        let shared =
            Arc::new(Shared { spool, arrived: Notify::new(), counts: Counts::default(), reports: Mutex::default() });
        let (calls, to_call) = mpsc::channel(sampling::WAITING);
        let (stop, stopped) = watch::channel(());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RelayError::Start)?;
        let sending = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("xray-relay".to_owned());
        let (told, region) = std::sync::mpsc::sync_channel(1);
        // Whoever starts a relay may be in a runtime, where it cannot wait for another one.
        let run = move || {
            runtime.block_on(async {
                let region = match config.region.clone() {
                    Some(region) => Some(region),
                    None => region::found(&config).await,
                };
                let _ = told.send(region.is_some());
                if let Some(region) = region {
                    let client = client::client(&config, region, proxy).await;
                    sender::run(sending, config, client, to_call, stopped).await;
                }
            });
        };
        let thread = thread.spawn(run).map_err(RelayError::Start)?;
        if region.recv() != Ok(true) {
            return Err(RelayError::NoRegion);
        }
        Ok(Relay { shared, calls, stop: Some(stop), thread: Some(thread) })
    }

    /// Takes a document, as it came. It is in the spool when this returns.
    pub(crate) fn push(&self, document: &[u8]) {
        self.shared.push(document);
    }

    /// How much went on.
    pub fn counters(&self) -> RelayCounters {
        let counts = &self.shared.counts;
        RelayCounters {
            received: counts.received.load(Relaxed),
            sent: counts.sent.load(Relaxed),
            refused: counts.refused.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            retries: counts.retries.load(Relaxed),
            waiting: self.shared.spool.len(),
        }
    }

    /// The last thousand documents that did not arrive, and why; the oldest first.
    pub fn reports(&self) -> Vec<Report> {
        self.shared.reports.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it was told when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn push(&self, document: &[u8]) {
        self.counts.received.fetch_add(1, Relaxed);
        match self.spool.push(document) {
            Ok(0) => {}
            Ok(dropped) => {
                self.counts.dropped.fetch_add(dropped, Relaxed);
                self.report(None, "SpoolFull", format!("{dropped} of the oldest documents made room in the spool"));
            }
            Err(error) => {
                self.counts.dropped.fetch_add(1, Relaxed);
                self.report(None, "SpoolFailed", format!("a document could not be written to the spool: {error}"));
            }
        }
        self.arrived.notify_one();
    }

    fn report(&self, id: Option<String>, code: &str, message: String) {
        let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        if reports.len() == REPORTS {
            reports.pop_front();
        }
        reports.push_back(Report { id, code: code.to_owned(), message });
    }
}
