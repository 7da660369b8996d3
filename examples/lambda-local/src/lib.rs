//! Lambda's runtime API on this machine.
//!
//! A Lambda function in Rust is a program that asks an HTTP server for its next invocation and posts its answer there.
//! [`RuntimeApi`] is such a server; [`Function`] is a program started with the variables that the platform sets.
//! Examples use both to show a function's traces without an AWS account, tests to see what a function really sends.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

mod api;
mod function;
mod local;
mod request;

pub use api::{Answer, Invocation, Outcome, RuntimeApi};
pub use function::Function;
pub use local::{run, wanted};
