//! `--local`: an example runs itself as a function and shows its traces.

use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xray_core::{Entropy, Sampled, SegmentId, ThreadEntropy, TraceHeader, TraceId};
use xray_test::{FakeDaemon, picture};

use crate::{Function, Invocation, Outcome, RuntimeApi};

/// True when this program was called with `--local`, or by somebody who is no runtime API.
pub fn wanted() -> bool {
    std::env::args().any(|argument| argument == "--local") || std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none()
}

/// Runs this program again without arguments, as Lambda would, and invokes it; prints answers and traces.
///
/// In a process of its own, because a function learns from variables where it is, and those belong to the process.
/// The platform's own segments are not in the picture: they are sent by the platform, and here there is none.
///
/// # Errors
///
/// If the function does not start, or does not answer all invocations within half a minute.
pub fn run(events: impl IntoIterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let (api, daemon) = (RuntimeApi::start()?, FakeDaemon::start()?);
    let function = Function::start(std::env::current_exe()?, &api, daemon.address(), |_| {})?;
    let events: Vec<String> = events.into_iter().collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    for event in &events {
        let root = TraceId::new(u32::try_from(now)?, &ThreadEntropy);
        let segment = SegmentId::from_u64(ThreadEntropy.next_u64());
        api.invoke(
            Invocation::new(event).trace(TraceHeader::new(root).with_parent(segment).with_sampled(Sampled::Yes)),
        );
    }
    let answers = api.answers(events.len(), PATIENCE).map_err(|came| format!("only {} answers came", came.len()))?;
    // All documents are sent before the answers; reading them may take a moment more.
    let documents = daemon.wait_for(events.len(), PATIENCE)?;
    function.kill()?;
    for answer in answers {
        let outcome = if answer.outcome == Outcome::Response { "answered" } else { "failed" };
        println!("invocation {} {outcome}: {}", answer.invocation, answer.body);
    }
    println!("\n{}", picture(&documents));
    Ok(())
}

const PATIENCE: Duration = Duration::from_secs(30);
