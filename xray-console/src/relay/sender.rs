//! Batches leave the spool, until AWS has answered for every document.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use aws_sdk_xray::Client;
use aws_sdk_xray::types::UnprocessedTraceSegment;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{Failure, failure};
use super::config::Pace;
use super::{RelayConfig, Shared, sampling, telemetry};

/// Documents in a call. Source: aws-xray-daemon, and the limit of PutTraceSegments.
pub(super) const BATCH: usize = 50;

/// Sends until the sender of `stopped` is gone.
pub(super) async fn run(
    shared: Arc<Shared>,
    config: RelayConfig,
    client: Client,
    calls: mpsc::Receiver<sampling::Call>,
    mut stopped: watch::Receiver<()>,
) {
    let work = async {
        // They end with this future, when the relay stops.
        let mut beside = JoinSet::new();
        beside.spawn(sampling::serve(client.clone(), calls));
        beside.spawn(sync(Arc::clone(&shared), config.pace.linger));
        beside.spawn(telemetry::send(Arc::clone(&shared), client.clone(), config.clone()));
        send(&shared, &client, &config).await;
    };
    let mut work = std::pin::pin!(work);
    let mut stop = std::pin::pin!(async { while stopped.changed().await.is_ok() {} });
    std::future::poll_fn(|context| {
        if stop.as_mut().poll(context).is_ready() {
            return std::task::Poll::Ready(());
        }
        work.as_mut().poll(context)
    })
    .await;
}

async fn send(shared: &Arc<Shared>, client: &Client, config: &RelayConfig) {
    let mut pause = config.pace.first_pause;
    loop {
        gather(shared, config.pace.linger).await;
        // A disk that cannot be read now may be later.
        let waiting = match shared.spool.peek(BATCH * config.concurrency) {
            Ok(waiting) => waiting,
            Err(error) => {
                shared.report(None, "SpoolFailed", format!("the spool cannot be read: {error}"));
                sleep(pause).await;
                pause = (pause * 2).min(config.pace.longest_pause);
                continue;
            }
        };
        pause = config.pace.first_pause;
        let count = waiting.documents.len();
        let mut batches = JoinSet::new();
        let mut documents = waiting.documents.into_iter();
        loop {
            let batch: Vec<Vec<u8>> = documents.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            let sender = Sender { shared: Arc::clone(shared), client: client.clone(), pace: config.pace };
            batches.spawn(async move { sender.deliver(batch).await });
        }
        while batches.join_next().await.is_some() {}
        if let Err(error) = shared.spool.done(waiting.end, count) {
            shared.report(None, "SpoolFailed", format!("the spool cannot be written; some is sent again: {error}"));
            sleep(config.pace.longest_pause).await;
        }
    }
}

/// Writes the spool through to the disk, so that a power cut takes no more than what came since the last time. It goes on
/// through an outage, and nobody waits for the disk.
async fn sync(shared: Arc<Shared>, every: Duration) {
    loop {
        sleep(every).await;
        let syncing = Arc::clone(&shared);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || syncing.spool.sync()).await {
            shared.report(None, "SpoolFailed", format!("the spool cannot be written through to the disk: {error}"));
        }
    }
}

/// Waits for a whole batch, or for as long as a part of one may linger.
async fn gather(shared: &Shared, linger: Duration) {
    while shared.spool.len() == 0 {
        shared.arrived.notified().await;
    }
    let whole = async {
        while shared.spool.len() < BATCH as u64 {
            shared.arrived.notified().await;
        }
    };
    let _ = timeout(linger, whole).await;
}

struct Sender {
    shared: Arc<Shared>,
    client: Client,
    pace: Pace,
}

impl Sender {
    /// Returns when AWS has answered for every document.
    async fn deliver(&self, documents: Vec<Vec<u8>>) {
        let mut texts = Vec::with_capacity(documents.len());
        for document in documents {
            match String::from_utf8(document) {
                Ok(text) => texts.push(text),
                Err(_) => self.refuse(None, "InvalidDocument", "the document is not UTF-8, which no request can hold"),
            }
        }
        let mut batches = vec![texts];
        while let Some(batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            match self.put(&batch).await {
                Answer::Taken => {}
                Answer::Again(some) => batches.push(some),
                Answer::Refused { code, message } if batch.len() == 1 => self.refuse(None, &code, &message),
                // One of them makes AWS refuse all: found by halves.
                Answer::Refused { .. } => {
                    let mut first = batch;
                    let second = first.split_off(first.len() / 2);
                    batches.extend([second, first]);
                }
            }
        }
    }

    /// One batch, as often as it takes to get an answer.
    async fn put(&self, batch: &[String]) -> Answer {
        let mut pause = self.pace.first_pause;
        loop {
            let call = self.client.put_trace_segments().set_trace_segment_documents(Some(batch.to_vec()));
            let failed = match call.send().await {
                Ok(answer) => {
                    let again = self.account(batch, answer.unprocessed_trace_segments());
                    if again.is_empty() {
                        return Answer::Taken;
                    }
                    if again.len() < batch.len() {
                        return Answer::Again(again);
                    }
                    None // not one was taken: that is a throttle, too
                }
                Err(error) => Some(failure(&error)),
            };
            match failed {
                Some(Failure::Refused { code, message }) => return Answer::Refused { code, message },
                Some(Failure::Later(reason)) => self.shared.counts.errors.add(reason),
                None => {}
            }
            self.shared.counts.retries.fetch_add(1, Relaxed);
            sleep(pause.mul_f64(1.0 - fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(self.pace.longest_pause);
        }
    }

    /// Counts and reports; gives back what is to be sent again.
    fn account(&self, batch: &[String], unprocessed: &[UnprocessedTraceSegment]) -> Vec<String> {
        let (mut again, mut refused) = (Vec::new(), 0);
        for segment in unprocessed {
            let (id, code) = (segment.id(), segment.error_code().unwrap_or_default());
            let own = id.and_then(|id| batch.iter().find(|document| has_id(document, id)));
            match own {
                Some(document) if is_passing(code) => again.push(document.clone()),
                _ => {
                    refused += 1;
                    self.refuse(id, code, segment.message().unwrap_or_default());
                }
            }
        }
        let taken = batch.len().saturating_sub(again.len() + refused);
        self.shared.counts.sent.fetch_add(taken as u64, Relaxed);
        again
    }

    fn refuse(&self, id: Option<&str>, code: &str, message: &str) {
        self.shared.counts.refused.fetch_add(1, Relaxed);
        self.shared.report(id.map(str::to_owned), code, message.to_owned());
    }
}

/// What became of a batch.
enum Answer {
    Taken,
    /// These are to be sent again.
    Again(Vec<String>),
    Refused {
        code: String,
        message: String,
    },
}

/// Whether a segment was not taken for a reason that passes.
fn is_passing(code: &str) -> bool {
    ["Throttl", "InternalFailure", "InternalServer", "ServiceUnavailable"].iter().any(|passing| code.contains(passing))
}

/// Whether the document is of this segment, not only one that holds or mentions it.
fn has_id(document: &str, id: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Id<'a> {
        #[serde(borrow)]
        id: std::borrow::Cow<'a, str>,
    }
    serde_json::from_str::<Id<'_>>(document).is_ok_and(|document| document.id == id)
}
