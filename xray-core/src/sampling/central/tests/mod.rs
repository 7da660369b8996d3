//! The sampler as a whole.

mod http;
mod server;
