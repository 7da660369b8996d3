//! The way in: datagrams, PutTraceSegments, OpenTelemetry spans.
//!
//! Everything goes through [`Intake::put`], which holds a document to what X-Ray takes: what X-Ray refuses is refused
//! with its code, what it removes is removed, the rest goes to the [`Store`] as it came. Nothing is lost silently: every
//! refusal, repair, drop and duplicate is counted, and the last [`TROUBLES`] are kept with reason, sender and beginning, for
//! [`Intake::troubles`].
//!
//! # Over UDP
//!
//! ```text
//! socket (receive buffer) ─▶ reader, which only reads ─▶ queue (QUEUED, QUEUED_BYTES) ─▶ worker: parse, check, put
//! ```
//!
//! What the queue cannot take is dropped by us and counted; what the socket's buffer cannot take is dropped by the
//! kernel, whose count is in [`Counters::kernel_drops`].
//!
//! Sources: X-Ray Developer Guide, "Sending trace data to X-Ray"; X-Ray API Reference, "PutTraceSegments"; for OpenTelemetry
//! in datagrams the exporters of AWS's OpenTelemetry distributions.

mod check;
mod counters;
mod datagram;
mod kernel;
mod otlp;
mod senders;
mod trouble;
mod udp;

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use xray_core::document::Document;

use crate::Store;
use crate::store::{Outcome, Received};

pub use check::{Refusal, RefusalCode};
pub use counters::Counters;
pub use otlp::{BODY_BYTES, OtlpAnswer};
pub use senders::{SENDERS, SenderCounts};
pub use trouble::{EXCERPT, Sender, Trouble, TroubleKind};
pub use udp::{Listener, QUEUED, QUEUED_BYTES, RECEIVE_BUFFER};

use counters::Counts;
use senders::Senders;
use trouble::Troubles;

/// How many refusals, repairs, drops and duplicates are kept to be asked for.
pub const TROUBLES: usize = 1_000;

/// Takes documents from anywhere. Clones are the same intake.
///
/// # Examples
///
/// ```
/// use xray_console::intake::{Intake, Sender};
/// use xray_console::Store;
///
/// let intake = Intake::new(Store::new());
/// let document = r#"{"name":"shop (eu)","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
///     "start_time":1465510280.5,"end_time":1465510281}"#;
///
/// let unprocessed = intake.put_segments(&[document], Sender::Local("example"));
/// assert_eq!(unprocessed[0].error_code, "InvalidName");
/// assert_eq!(intake.troubles()[0].code, "InvalidName");
/// assert_eq!(intake.counters().refused, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Intake {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    counts: Counts,
    senders: Senders,
    troubles: Troubles,
    onward: Onward,
}

/// Who else is given every document, as it came: the relay; and whether it alone is.
#[derive(Default)]
struct Onward(OnceLock<(Box<GiveTo>, bool)>);

type GiveTo = dyn Fn(&[u8]) + Send + Sync;

impl std::fmt::Debug for Onward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Onward").field(&self.0.get().is_some()).finish()
    }
}

/// A document that PutTraceSegments did not take.
///
/// Source: X-Ray API Reference, "UnprocessedTraceSegment".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct UnprocessedTraceSegment {
    /// The id of the segment or subsegment, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Why, in a word, such as `InvalidName`.
    #[serde(default)]
    pub error_code: String,
    /// Why, in a sentence: X-Ray's, followed by what is wrong where.
    #[serde(default)]
    pub message: String,
}

impl Intake {
    /// An intake for this store.
    pub fn new(store: Store) -> Intake {
        Intake {
            shared: Arc::new(Shared {
                store,
                counts: Counts::default(),
                senders: Senders::default(),
                troubles: Troubles::default(),
                onward: Onward::default(),
            }),
        }
    }

    /// The store that documents go to.
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    /// Gives every document that comes from a network to `onward` as well, as it came, before it is looked at. Only the
    /// first who asks is heard. If it `only` goes there, the store is given nothing.
    #[cfg(feature = "relay")]
    pub(crate) fn pass_on(&self, onward: impl Fn(&[u8]) + Send + Sync + 'static, only: bool) {
        let _ = self.shared.onward.0.set((Box::new(onward), only));
    }

    /// Takes one document, without the header line of datagrams.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] if X-Ray would refuse it, or if the store cannot take more of its trace. It has been counted.
    pub fn put(&self, json: &[u8], sender: Sender) -> Result<Outcome, Refusal> {
        self.take(json, sender).inspect_err(|refusal| {
            self.trouble(TroubleKind::Refused, refusal.code.as_str(), refusal.to_string(), sender, json)
                .with_ids(refusal.id.clone(), refusal.trace_id.clone());
        })
    }

    fn take(&self, json: &[u8], sender: Sender) -> Result<Outcome, Refusal> {
        let mut document = check::read(json)?;
        check::refuse(&document)?;
        let removed = check::comply(&mut document);
        let kept: Arc<[u8]> = if removed.listed.is_empty() {
            json.into()
        } else {
            for removal in &removed.listed {
                self.trouble(TroubleKind::Repaired, removal.code, removal.to_string(), sender, json)
                    .with_ids(Some(document.id.clone()), document.trace_id.clone());
            }
            for (code, count) in removed.more {
                self.shared.counts.repaired(code, count - 1);
                self.trouble(TroubleKind::Repaired, code, format!("{count} more were removed"), sender, json)
                    .with_ids(Some(document.id.clone()), document.trace_id.clone());
            }
            // Writing to memory cannot fail, and every key is a string.
            serde_json::to_vec(&document).unwrap_or_default().into()
        };
        self.keep(&document, kept, sender)
    }

    fn keep(&self, document: &Document, json: Arc<[u8]>, sender: Sender) -> Result<Outcome, Refusal> {
        let Some(received) = Received::of(document, Arc::clone(&json)) else {
            return Err(Refusal::of(document, RefusalCode::InvalidTraceId, "trace_id cannot be read".to_owned()));
        };
        let passed_on = self.shared.onward.0.get().is_some_and(|(_, only)| *only);
        let outcome = if passed_on { Outcome::PassedOn } else { self.shared.store.put_received(received) };
        self.shared.counts.accepted(json.len());
        let service = Some(document.name.as_str()).filter(|_| !document.is_lone_subsegment());
        self.shared.senders.accepted(sender, service, self.shared.store.clock().wall().as_secs_f64());
        match outcome {
            Outcome::TraceFull => {
                let why = "the trace takes a sixteenth of the store already; give the store a larger bound";
                Err(Refusal::of(document, RefusalCode::InvalidSegment, why.to_owned()))
            }
            Outcome::Duplicate(_) => {
                let why = "another complete document of this id was here; this one replaces it".to_owned();
                self.trouble(TroubleKind::Duplicate, "DuplicateId", why, sender, &json)
                    .with_ids(Some(document.id.clone()), document.trace_id.clone());
                Ok(outcome)
            }
            _ => Ok(outcome),
        }
    }

    /// Takes the documents of one PutTraceSegments call; what is not taken is answered. Documents that are OpenTelemetry
    /// data, as in datagrams, are taken like those.
    ///
    /// What is taken is on disk when this returns, if the store has a file; it [blocks](Store::flush) for that. If the
    /// file cannot be written, all that was taken is answered with `InternalFailure`, to be sent again.
    pub fn put_segments<S: AsRef<str>>(&self, documents: &[S], sender: Sender) -> Vec<UnprocessedTraceSegment> {
        let taken: Vec<Result<(), Refusal>> =
            documents.iter().map(|document| self.body(document.as_ref().as_bytes(), sender)).collect();
        let written = self.shared.store.flush();
        let unprocessed = |taken: Result<(), Refusal>| match (taken, &written) {
            (Err(refusal), _) => Some(refusal.into()),
            (Ok(()), Ok(())) => None,
            (Ok(()), Err(error)) => Some(UnprocessedTraceSegment {
                id: None,
                error_code: "InternalFailure".to_owned(),
                message: error.to_string(),
            }),
        };
        taken.into_iter().filter_map(unprocessed).collect()
    }

    /// Says that something of before is gone.
    pub(crate) fn forgot(&self, why: String) {
        drop(self.trouble(TroubleKind::Dropped, "Unreadable", why, Sender::Local("the store's file"), b""));
    }

    /// How much came and what became of it.
    pub fn counters(&self) -> Counters {
        self.shared.counts.read()
    }

    /// Who sent, the last to send first: at most [`SENDERS`], and `others`.
    ///
    /// ```
    /// use xray_console::Store;
    /// use xray_console::intake::{Intake, Sender};
    ///
    /// let intake = Intake::new(Store::new());
    /// let segment = r#"{"name":"shop","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
    ///     "start_time":1465510280.5,"end_time":1465510281}"#;
    /// intake.put(segment.as_bytes(), Sender::Udp(([127, 0, 0, 1], 40_000).into()))?;
    ///
    /// let senders = intake.senders();
    /// assert_eq!((senders[0].sender.as_str(), senders[0].documents), ("udp 127.0.0.1", 1));
    /// assert_eq!(senders[0].services, ["shop"]);
    /// # Ok::<(), xray_console::intake::Refusal>(())
    /// ```
    pub fn senders(&self) -> Vec<SenderCounts> {
        self.shared.senders.read()
    }

    /// The last [`TROUBLES`] refusals, repairs, drops and duplicates, the newest first.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.shared.troubles.newest_first()
    }

    /// Counts something that went wrong and keeps it to be asked for.
    fn trouble(
        &self,
        kind: TroubleKind,
        code: &'static str,
        message: String,
        sender: Sender,
        bytes: &[u8],
    ) -> trouble::Entry<'_> {
        self.shared.counts.trouble(kind, code);
        let at = self.shared.store.clock().wall();
        self.shared.senders.trouble(sender, kind, at.as_secs_f64());
        self.shared.troubles.enter(Trouble::new(at, kind, code, message, sender, bytes))
    }
}

impl From<Refusal> for UnprocessedTraceSegment {
    fn from(refusal: Refusal) -> UnprocessedTraceSegment {
        UnprocessedTraceSegment {
            error_code: refusal.code.as_str().to_owned(),
            message: refusal.to_string(),
            id: refusal.id,
        }
    }
}

#[cfg(test)]
mod tests;
