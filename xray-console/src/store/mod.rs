//! The trace store: documents by trace, in memory, within a bound.

mod window;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use xray_core::document::Document;

use crate::Trace;

pub use window::{TimeRangeType, Window};

/// All documents received, by trace.
#[derive(Debug, Default)]
pub struct Store {
    traces: Mutex<BTreeMap<String, Vec<Document>>>,
}

impl Store {
    /// Keeps a document. One without a trace id belongs nowhere and is not kept.
    pub fn put(&self, document: Document) {
        if let Some(id) = document.trace_id.clone() {
            self.lock().entry(id).or_default().push(document);
        }
    }

    /// The trace of this id (`1-{8 hex digits}-{24 hex digits}`) as far as it is known.
    pub fn trace(&self, id: &str) -> Option<Trace> {
        let documents = self.lock().get(id)?.clone();
        Some(Trace::assemble(id, documents))
    }

    /// Shows every trace of the window to `visit`, the newest first, until it answers false.
    pub fn scan(&self, window: &Window, mut visit: impl FnMut(&Trace) -> bool) {
        let ids: Vec<String> = self.lock().keys().rev().cloned().collect();
        for trace in ids.iter().filter_map(|id| self.trace(id)) {
            if window.holds(&trace) && !visit(&trace) {
                return;
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Document>>> {
        self.traces.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
