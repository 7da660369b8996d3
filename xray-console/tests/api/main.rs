//! X-Ray's API as clients meet it: over HTTP, on a free port.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

mod hostile;
mod http;
mod operations;
mod otlp;
#[cfg(feature = "web")]
mod pages;
mod sampling;
