//! Lambda's runtime API on this machine.
//!
//! A Lambda function in Rust is a program that asks an HTTP server for its next invocation and posts its answer there.
//! [`RuntimeApi`] is such a server; [`Function`] is a program started with the variables that the platform sets.
//! Tests use both to see what a function really sends. [`stand_in`] shows an example's traces without an AWS account.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

mod api;
mod function;
mod local;
mod request;
mod segments;

pub use api::{Answer, Invocation, Outcome, RuntimeApi};
pub use function::Function;
pub use local::stand_in;
pub use segments::sent_by_lambda;
