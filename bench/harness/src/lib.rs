//! What every measured program shares: the work it does, the commands it is driven by, and the counters.
//!
//! Our worker and those of the peers are this with another [`Subject`], so that they do the same work at the same call
//! sites and are counted alike. The parent's side is `xray-bench`.

pub mod http;
pub mod work;

mod commands;
mod counters;
mod workload;

use std::error::Error;
use std::process::ExitCode;

pub use commands::run;
pub use workload::Workload;

/// How a measured or measuring program ends: what went wrong goes to standard error.
pub fn ended(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What is measured: a way to record requests, installed for the whole process.
pub trait Subject: Sync {
    /// A request that stays open.
    type Open;

    /// One request from beginning to end.
    fn request(&self);

    /// A request with one span open below it and one closed.
    fn open(&self) -> Self::Open;

    /// Sends what ended. Never measured.
    fn flush(&self) {}

    /// Requests between two flushes.
    fn batch(&self) -> usize {
        BATCH
    }

    /// Spans or documents that have left the library so far.
    fn left(&self) -> u64 {
        0
    }

    /// How many of those a request is.
    fn per_request(&self) -> u64 {
        1
    }

    /// The application of W4.
    fn app(&self) -> axum::Router {
        http::orders()
    }

    /// A command of its own; `None` if it has none of this name.
    fn answer(&self, _command: &str, _count: usize) -> Option<String> {
        None
    }
}

/// Few enough that no queue of ours or the peers' overflows: 50 requests of 11 spans, and the smallest takes 2,048.
const BATCH: usize = 50;
