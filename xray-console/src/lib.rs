//! AWS X-Ray on your own machine.
//!
//! For developers who want to see the traces of a program at once, without an account: what the X-Ray daemon, the
//! service behind it and its console do, in one process. As a library it is embedded in tests and examples; the
//! program `xrc` is this library behind a command line.
//!
//! ```
//! use xray_console::api::{GetTraceSummaries, PutTraceSegments};
//! use xray_console::{Console, Trace, text};
//!
//! let console = Console::start()?; // UDP and TCP on a free port of this machine, until it is dropped
//! let daemon = console.address(); // for the program under test: AWS_XRAY_DAEMON_ADDRESS
//! # drop(daemon);
//!
//! // What a program sends by UDP can be put by call, too.
//! let segment = r#"{"name": "shop", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
//!                   "start_time": 1465510280.5, "end_time": 1465510281.0, "fault": true}"#;
//! console.call(PutTraceSegments { trace_segment_documents: vec![segment.to_owned()], ..Default::default() })?;
//!
//! let query = GetTraceSummaries {
//!     start_time: 1465510200.0,
//!     end_time: 1465510300.0,
//!     filter_expression: Some(r#"service("shop") { fault }"#.to_owned()),
//!     ..Default::default()
//! };
//! let found = console.call(query)?.trace_summaries;
//! let trace: Trace = console.store().trace(&found[0].id).ok_or("evicted")?;
//! assert_eq!(trace.segments[0].node.name, "shop");
//! print!("{}", text::show(&trace, &text::ShowOptions::default(), text::Style::new(100)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Data moves one way:
//!
//! ```text
//! datagram, call, OTLP ─▶ intake ─▶ store (documents by trace) ─▶ trace (assembled) ─▶ filter, summary, graph, timeline
//! ```
//!
//! Memory is bounded by [`store`], what comes in by [`intake`]; [`api`] says what differs from AWS X-Ray, and
//! [`filter`] has the language.
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `cli` (default) | the program `xrc` |
//! | `db` (default) | traces in one SQLite file, kept across restarts |
//! | `relay` (default) | segments on to AWS X-Ray; the reading commands against AWS X-Ray |
//! | `web` (default) | pages for a browser, on the same port: traces, map, live, sampling, diagnostics |
//!
//! Without any: intake, store, API, queries and text, to embed with `default-features = false`.
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
#[cfg(feature = "web")]
mod web;

pub use console::{Console, ConsoleBuilder, StartError};
pub use filter::{Filter, FilterError};
pub use intake::Intake;
pub use store::Store;
pub use trace::Trace;

/// The program in the page on the console runs.
#[cfg(doctest)]
#[doc = include_str!("../../docs/console.md")]
mod page {}
