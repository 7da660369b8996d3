//! Tests that assert a trace.
//!
//! For applications and middleware that use `xray-core`: what a request recorded becomes a picture that a
//! test can compare, a list of documents it can ask, or a list of what X-Ray would refuse.
//!
//! # How to test your traces
//!
//! [`Captured`] is a layer that keeps its documents. Run the code under it, end the segment, and look:
//!
//! ```
//! use std::time::Duration;
//! use xray_core::ResultExt;
//! use xray_test::{Captured, ManualClock, SeededEntropy};
//!
//! #[tracing::instrument(fields(annotation.order_id = id))]
//! fn charge(id: u64, clock: &ManualClock) -> Result<(), std::fmt::Error> {
//!     clock.advance(Duration::from_millis(12));
//!     Err(std::fmt::Error).record_err()
//! }
//!
//! let clock = ManualClock::at(1465510280.514);
//! let xray = Captured::new(clock.clone(), SeededEntropy::new(7));
//! xray.run(|| {
//!     let segment = xray_core::segment("orders").open();
//!     segment.in_scope(|| charge(7, &clock).unwrap_err());
//!     segment.set_http_response(Some(502), None);
//! });
//!
//! assert_eq!(xray.picture(), "orders  segment 502 fault\n└ charge  fault {order_id=7}\n");
//! let [document] = xray.documents();   // exactly one, or the test says what came instead
//! assert_eq!(document.find("charge").unwrap().exceptions()[0].kind.as_deref(), Some("Error"));
//! ```
//!
//! Every document has passed [`validate()`] by then. An axum application is tested the same way: drive its router by
//! `tower::ServiceExt::oneshot` inside [`Captured::run`], or under
//! `tracing::instrument::WithSubscriber::with_subscriber(future, xray.dispatch().clone())`.
//!
//! | to | use |
//! |---|---|
//! | record without sending | [`Captured`] |
//! | fix the times | [`ManualClock`] |
//! | fix the ids and sampling draws | [`SeededEntropy`] |
//! | see the shape of traces | [`picture`], or [`Picture`] for times and ids |
//! | check a document against all that X-Ray demands | [`validate()`] |
//! | test over a real socket | [`FakeDaemon`] |
//!
//! Tests need no sleep, no port of their own and no environment variable, so they run side by side.
#![forbid(unsafe_code)]

#[allow(clippy::panic)] // a failed assertion is a panic
mod capture;
mod clock;
mod daemon;
mod entropy;
mod picture;
mod validate;

pub use capture::Captured;
pub use clock::ManualClock;
pub use daemon::{FakeDaemon, WaitError};
pub use entropy::SeededEntropy;
pub use picture::{Picture, picture};
pub use validate::{Violation, validate};
