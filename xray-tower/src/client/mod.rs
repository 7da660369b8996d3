//! A subsegment for every request that an HTTP client sends.
//!
//! [`client()`] makes the layer; its methods are the settings. The subsegment has the namespace
//! `remote`, is named for the host, and carries its id to the other side in `X-Amzn-Trace-Id`, so that
//! the segment there becomes its child. It ends with the response's head: the body stays the client's
//! own type, and reading it is the caller's time. A gRPC status is therefore seen where the response
//! has no body ("trailers-only", how gRPC servers answer at once with an error), not in trailers.

mod future;
mod layer;
#[cfg(feature = "reqwest")]
mod reqwest;
mod service;

pub use future::ResponseFuture;
pub use layer::{ClientSubsegmentLayer, client};
pub use service::ClientSubsegment;
