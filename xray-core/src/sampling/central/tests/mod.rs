//! The sampler as a whole: its protocol against a real HTTP server, and through days against a model of the service.

mod http;
mod model;
mod server;
