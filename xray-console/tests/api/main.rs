//! X-Ray's API as clients meet it: over HTTP, on a free port.

mod hostile;
mod http;
mod operations;
mod sampling;
