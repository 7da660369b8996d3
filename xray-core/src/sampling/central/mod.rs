//! Rules of the X-Ray service: what is set in the console holds for every instance within minutes.
//!
//! [`CentralSampler`] asks the service for its rules through the daemon, reports how many requests each rule saw, and is
//! allotted its share of each rule's reservoir. Until there are rules, and an hour after the last ones were had, local
//! rules decide.
//!
//! | where | what |
//! |---|---|
//! | [`sampler`] | the decision, on the host's threads: no lock, no allocation, no wait |
//! | [`rule_set`], [`state`], [`boost`] | the rules of one refresh, what changes about each, how their requests went |
//! | [`poller`] | what to ask next and what an answer changes: no thread, no socket, no clock |
//! | [`wire`] | the JSON |
//! | [`worker`], [`client`] | one thread, one HTTP client |
//!
//! Source: X-Ray API Reference, GetSamplingRules and GetSamplingTargets; the official SDKs.

mod boost;
mod client;
mod poller;
mod rule_set;
mod sampler;
mod skipped;
mod state;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

pub use sampler::CentralSampler;
pub(crate) use sampler::Report;
