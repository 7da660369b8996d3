//! X-Ray's API as clients meet it: over HTTP, on a free port.

mod hostile;#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // helpers, too

mod http;
mod operations;
mod sampling;
