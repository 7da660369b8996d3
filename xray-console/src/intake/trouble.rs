//! What went wrong, to be asked for.

use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::TROUBLES;

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sender {
    /// A datagram, from this address.
    Udp(SocketAddr),
    /// A request, from this address.
    Tcp(SocketAddr),
    /// This process, or a file.
    Local(&'static str),
}

impl fmt::Display for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Sender::Udp(address) => write!(f, "udp {address}"),
            Sender::Tcp(address) => write!(f, "tcp {address}"),
            Sender::Local(what) => f.write_str(what),
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum TroubleKind {
    /// A document was not taken, because X-Ray would not take it.
    Refused,
    /// Something was removed from a document.
    Repaired,
    /// Something was not kept for another reason: no room, or it cannot be read any more.
    Dropped,
    /// A document was taken in the place of another complete one of its id: its sender repeats itself, or two share an id.
    Duplicate,
}

/// Something that was refused, repaired, dropped or here before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Trouble {
    /// When, seconds since the epoch.
    pub timestamp: f64,
    /// What became of it.
    pub kind: TroubleKind,
    /// Why, in a word, such as `InvalidName`.
    pub code: String,
    /// Why, in a sentence.
    pub message: String,
    /// Who sent it: `udp 127.0.0.1:40000`.
    pub sender: String,
    /// The segment or subsegment, if that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The trace, if that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// How it began: at most [`EXCERPT`] bytes, control characters and what is no text escaped.
    pub excerpt: String,
    /// How long it was, bytes.
    pub bytes: usize,
}

/// Bytes kept of the beginning of what was refused: most documents whole.
pub const EXCERPT: usize = 1_000;

/// Characters kept of an id that came from the network.
const ID_CHARS: usize = 64;

impl Trouble {
    pub(super) fn new(
        at: Duration,
        kind: TroubleKind,
        code: &str,
        message: String,
        sender: Sender,
        bytes: &[u8],
    ) -> Trouble {
        Trouble {
            timestamp: at.as_secs_f64(),
            kind,
            code: code.to_owned(),
            message,
            sender: sender.to_string(),
            id: None,
            trace_id: None,
            excerpt: bytes.get(..EXCERPT).unwrap_or(bytes).escape_ascii().to_string(),
            bytes: bytes.len(),
        }
    }
}

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    last: Mutex<VecDeque<Trouble>>,
}

/// One that was just entered; its ids may be added.
pub(super) struct Entry<'a> {
    last: MutexGuard<'a, VecDeque<Trouble>>,
}

impl Troubles {
    pub(super) fn enter(&self, trouble: Trouble) -> Entry<'_> {
        let mut last = self.lock();
        if last.len() >= TROUBLES {
            last.pop_front();
        }
        last.push_back(trouble);
        Entry { last }
    }

    pub(super) fn newest_first(&self) -> Vec<Trouble> {
        self.lock().iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Trouble>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry<'_> {
    pub(super) fn with_ids(mut self, id: Option<String>, trace_id: Option<String>) {
        let short = |text: Option<String>| Some(text?.chars().take(ID_CHARS).collect());
        if let Some(trouble) = self.last.back_mut() {
            (trouble.id, trouble.trace_id) = (short(id), short(trace_id));
        }
    }
}
