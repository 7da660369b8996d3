//! How much came in, and what became of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::TroubleKind;

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Counters {
    /// Datagrams that were read.
    pub datagrams: u64,
    /// Documents that the store was given, and their bytes.
    pub documents: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Documents, datagrams and spans that were refused.
    pub refused: u64,
    /// Members that were removed from documents.
    pub repaired: u64,
    /// What was not kept for another reason.
    pub dropped: u64,
    /// Of the documents, such that took the place of another complete one of the same id. Nothing is lost by them.
    #[serde(default)]
    pub duplicates: u64,
    /// Refusals, repairs, drops and duplicates by code.
    pub by_code: BTreeMap<String, u64>,
    /// OpenTelemetry spans that became documents.
    pub spans: u64,
    /// Datagrams of OpenTelemetry spans that their sender had not sampled (`T1U`): not kept.
    pub unsampled: u64,
    /// Datagrams of OpenTelemetry metrics (`M1`): not kept.
    pub metrics: u64,
    /// Datagrams that the kernel dropped because the receive buffer was full, since it was bound; none where the system
    /// does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_drops: Option<u64>,
    /// Bytes of the receive buffer that the kernel granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_buffer: Option<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) datagrams: AtomicU64,
    documents: AtomicU64,
    bytes: AtomicU64,
    pub(super) spans: AtomicU64,
    pub(super) unsampled: AtomicU64,
    pub(super) metrics: AtomicU64,
    troubles: Mutex<ByCode>,
    pub(super) sockets: Mutex<Vec<super::kernel::Socket>>,
}

#[derive(Debug, Default)]
struct ByCode {
    refused: u64,
    repaired: u64,
    dropped: u64,
    duplicates: u64,
    /// The codes are a fixed few.
    codes: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub(super) fn accepted(&self, bytes: usize) {
        self.documents.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn trouble(&self, kind: TroubleKind, code: &'static str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        *troubles.codes.entry(code).or_default() += 1;
        match kind {
            TroubleKind::Refused => troubles.refused += 1,
            TroubleKind::Repaired => troubles.repaired += 1,
            TroubleKind::Dropped => troubles.dropped += 1,
            TroubleKind::Duplicate => troubles.duplicates += 1,
        }
    }

    /// Members removed that are told together with one that is counted by itself.
    pub(super) fn repaired(&self, code: &'static str, count: u64) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        *troubles.codes.entry(code).or_default() += count;
        troubles.repaired += count;
    }

    pub(super) fn read(&self) -> Counters {
        let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let drops = sockets.iter().map(super::kernel::Socket::drops).collect::<Option<Vec<u64>>>();
        let receive_buffer = sockets.iter().map(|socket| socket.receive_buffer).min();
        drop(sockets);
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        Counters {
            datagrams: self.datagrams.load(Relaxed),
            documents: self.documents.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            refused: troubles.refused,
            repaired: troubles.repaired,
            dropped: troubles.dropped,
            duplicates: troubles.duplicates,
            by_code: troubles.codes.iter().map(|(code, count)| ((*code).to_owned(), *count)).collect(),
            spans: self.spans.load(Relaxed),
            unsampled: self.unsampled.load(Relaxed),
            metrics: self.metrics.load(Relaxed),
            kernel_drops: drops.filter(|drops| !drops.is_empty()).map(|drops| drops.iter().sum()),
            receive_buffer,
        }
    }
}
