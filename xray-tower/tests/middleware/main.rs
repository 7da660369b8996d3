//! The middlewares as an application meets them: what is recorded, what goes over the wire, and that
//! nothing of the host's own behaviour changes.

// Helpers of tests may unwrap as tests do; the lint's own exception knows only `#[test]` functions.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod beside;
mod caller;
mod client;
mod ending;
mod failing;
mod filtered;
mod front_page;
mod grpc;
mod interleaved;
mod loopback;
mod outcomes;
mod propagation;
#[cfg(feature = "reqwest")]
mod reqwest;
mod status;
mod support;
