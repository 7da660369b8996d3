//! The trace header, `X-Amzn-Trace-Id`: reading what peers send, writing what all of them understand.
//!
//! ```text
//! Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1|b:2
//! ```
//!
//! The same text travels in HTTP requests, in the SQS attribute `AWSTraceHeader` and in Lambda's
//! `_X_AMZN_TRACE_ID`. Reading is as tolerant as the most tolerant official SDK, writing as plain as the
//! least tolerant one needs: `Root;Parent;Sampled;data`, no spaces, no empty elements.
//!
//! | on input | what happens |
//! |---|---|
//! | spaces around parts, keys and values; empty parts; parts without `=` | ignored |
//! | `Root`, `Parent`, `Sampled`, `Self` in any case | understood |
//! | a key twice | the last one counts |
//! | `Root` missing or not a trace id | an error, which still tells `Sampled` |
//! | `Parent` not 16 hex digits; `Sampled` not `0`, `1` or `?` | counts as absent |
//! | `Self` (a load balancer's own id) | dropped |
//! | any other key (`Lineage` and what may come) | carried on, in order, within [`TraceHeader::MAX_DATA`] bytes |
//! | more than [`TraceHeader::MAX_READ`] bytes | the rest is not read |
//!
//! No input panics, and none costs more memory than `MAX_DATA`. Without data nothing is allocated.
//!
//! Source: X-Ray Developer Guide, "Tracing header"; the parsers of the official SDKs.

mod data;
mod incoming;
mod parse;
mod trace_header;
mod traceparent;

pub use incoming::{Incoming, Malformed};
pub use parse::ParseTraceHeaderError;
pub use trace_header::{Sampled, TraceHeader};

/// Name of the HTTP header, in lower case as the `http` crate wants it.
pub const NAME: &str = "x-amzn-trace-id";

/// Name of the system attribute that an SQS message carries the trace header in.
pub const MESSAGE_ATTRIBUTE: &str = "AWSTraceHeader";

/// Name of the W3C header that [`Incoming::read`] falls back to, in lower case.
pub const TRACEPARENT: &str = "traceparent";
