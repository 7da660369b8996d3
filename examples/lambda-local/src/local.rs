//! `--local`: an example runs in its platform's place as well, in one process.

use std::env;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xray_core::document::Document;
use xray_core::{Entropy, Sampled, SegmentId, ThreadEntropy, TraceHeader, TraceId};
use xray_test::picture;

use crate::function::VARIABLES;
use crate::{Invocation, Outcome, RuntimeApi};

type Failure = Box<dyn Error + Send + Sync>;

/// Stands in for the platform where this program was called with `--local`, or by nobody's runtime API; in Lambda it
/// does nothing. For the first line of a function's `main`.
///
/// A runtime API and an X-Ray daemon's socket are then on threads of this process. They invoke the function, which goes on
/// in `main` as it would in Lambda, with `events`, print its answers and traces, and end the process. The platform's
/// own segments are not in the picture: there is no platform.
///
/// A function learns from variables where it is, and a program cannot safely set its own. So it first starts itself anew
/// with them: in its own place where the system can do that (Unix), elsewhere as a child. Other variables stay as they are, so
/// that theirs can be tried: `POWERTOOLS_SERVICE_NAME=payment cargo run -p lambda-http -- --local`.
///
/// # Errors
///
/// If the program cannot be started anew, or the system gives no sockets.
pub fn stand_in(events: impl FnOnce() -> Vec<String>) -> Result<(), Failure> {
    let attempt: Option<u32> = env::var(ATTEMPT).ok().and_then(|text| text.parse().ok());
    let Some(attempt) = attempt else {
        let wanted = env::args().any(|argument| argument == "--local") || env::var_os(API).is_none();
        return if wanted { start_anew(1) } else { Ok(()) };
    };
    match listen() {
        Ok((api, daemon)) => {
            let events = events();
            thread::spawn(move || {
                // It panics where nobody reads on (`| head`); without an end here the function would wait for ever.
                let outcome = std::panic::catch_unwind(|| drive(&api, &daemon, &events));
                let well =
                    outcome.is_ok_and(|outcome| outcome.inspect_err(|error| eprintln!("Error: {error}")).is_ok());
                process::exit(i32::from(!well));
            });
            Ok(())
        }
        // Another program took a port in between.
        Err(_) if attempt < ATTEMPTS => start_anew(attempt + 1),
        Err(error) => Err(error),
    }
}

/// Starts this program again as the function `my-lambda`, with the addresses at which it will listen itself.
fn start_anew(attempt: u32) -> Result<(), Failure> {
    let (api, daemon) = (TcpListener::bind(FREE)?.local_addr()?, UdpSocket::bind(FREE)?.local_addr()?);
    let mut command = Command::new(env::current_exe()?);
    command
        .args(env::args_os().skip(1))
        .envs(VARIABLES.iter().copied())
        .env(API, api.to_string())
        .env(DAEMON, daemon.to_string())
        .env(ATTEMPT, attempt.to_string());
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut command).into());
    #[cfg(not(unix))]
    process::exit(command.status()?.code().unwrap_or(1));
}

/// Opens what the variables say.
fn listen() -> Result<(RuntimeApi, UdpSocket), Failure> {
    let address = |name: &str| -> Result<SocketAddr, Failure> { Ok(env::var(name)?.parse()?) };
    let api = RuntimeApi::listen(TcpListener::bind(address(API)?)?)?;
    Ok((api, UdpSocket::bind(address(DAEMON)?)?))
}

fn drive(api: &RuntimeApi, daemon: &UdpSocket, events: &[String]) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    for event in events {
        let root = TraceId::new(u32::try_from(now)?, &ThreadEntropy);
        let segment = SegmentId::from_u64(ThreadEntropy.next_u64());
        api.invoke(
            Invocation::new(event).trace(TraceHeader::new(root).with_parent(segment).with_sampled(Sampled::Yes)),
        );
    }
    let answers = api
        .answers(events.len(), PATIENCE)
        .map_err(|came| format!("{} of {} answers came within {PATIENCE:?}", came.len(), events.len()))?;
    let documents = received(daemon)?;
    for answer in answers {
        let outcome = if answer.outcome == Outcome::Response { "answered" } else { "failed" };
        println!("invocation {} {outcome}: {}", answer.invocation, answer.body);
    }
    if documents.is_empty() {
        return Err("no document was sent: does a variable switch X-Ray off?".into());
    }
    println!("\n{}", picture(&documents));
    Ok(())
}

/// What was sent: all of it before the answers, so it is here by now.
fn received(daemon: &UdpSocket) -> Result<Vec<Document>, Failure> {
    daemon.set_nonblocking(true)?;
    let mut buffer = vec![0; 65_536];
    let mut documents = Vec::new();
    loop {
        match daemon.recv(&mut buffer) {
            Ok(length) => {
                documents.push(Document::parse_datagram(buffer.get(..length).unwrap_or_default())?);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(documents),
            Err(error) => return Err(error.into()),
        }
    }
}

const API: &str = "AWS_LAMBDA_RUNTIME_API";
const DAEMON: &str = "AWS_XRAY_DAEMON_ADDRESS";
/// Ours: the how manieth start this is.
const ATTEMPT: &str = "LAMBDA_LOCAL_ATTEMPT";
const ATTEMPTS: u32 = 5;
const FREE: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const PATIENCE: Duration = Duration::from_secs(30);
