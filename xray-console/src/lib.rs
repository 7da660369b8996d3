//! AWS X-Ray on your own machine.
//!
//! For developers who want to see the traces of a program at once, without an account: what the X-Ray daemon, the
//! service behind it and its console do, in one process. As a library it is embedded in tests and examples; the
//! program `xrc` is this library behind a command line.
//!
//! Data moves one way:
//!
//! ```text
//! datagram, PutTraceSegments ─▶ store (documents by trace) ─▶ trace (assembled) ─▶ filter, summary, graph, timeline
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod api;
pub mod client;
mod console;
pub mod demo;
pub mod filter;
pub mod graph;
pub mod intake;
pub mod layout;
pub mod query;
#[cfg(feature = "relay")]
#[cfg_attr(docsrs, doc(cfg(feature = "relay")))]
pub mod relay;
pub mod sampling;
pub mod store;
pub mod text;
pub mod timeline;
pub mod trace;

pub use console::{Console, ConsoleBuilder, StartError};
pub use filter::{Filter, FilterError};
pub use intake::Intake;
pub use store::Store;
pub use trace::Trace;
