//! Messages through `process` and `batch`, and through a real SQS client.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a failed test is a panic

mod batch;
#[cfg(all(feature = "aws-sdk", feature = "lambda-events"))]
mod crates;
#[cfg(feature = "aws-sdk")]
mod interceptor;
mod lambda;
mod process;
mod support;
