//! A segment for every request that an HTTP service answers.
//!
//! [`server()`] makes the layer; its methods are the settings. The segment opens when the request comes
//! in, is the parent of everything recorded while it is worked on, and ends when the response's body
//! has been delivered, has failed or was given up.

mod body;
mod future;
mod layer;
mod service;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::{EndOn, ServerSegmentLayer, server};
pub use service::ServerSegment;
