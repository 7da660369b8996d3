//! AWS SDK clients with our interceptor, against a service that answers in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a failed test is a panic

mod attempts;
mod cancel;
mod client;
mod concurrency;
mod faults;
mod front_page;
mod lambda;
mod presigned;
mod support;
mod trace_header;
mod wrapped;
