//! `xrc up`: a console until it is interrupted.

use std::io::IsTerminal;

use xray_console::client::{Client, Local};

use xray_console::sampling::ServedRules;
use xray_console::store::DEFAULT_BOUND;
use xray_console::{Console, ConsoleBuilder, StartError};

use super::args::{Global, Tail, Up};
use super::failure::{Done, Failure};
use super::output::Output;
use super::tail::tail;

pub(crate) async fn run(options: &Up, global: &Global, to: &mut Output) -> Done {
    let builder = builder(options, global)?.address(global.addr);
    let builder = match global.token() {
        Some(token) => builder.expose(token),
        None => builder,
    };
    let console = builder.start().map_err(|error| refused(&error))?;
    let address = console.address();
    eprintln!("xrc {}  listening  udp and tcp {address}", env!("CARGO_PKG_VERSION"));
    eprintln!("           store      {}", store(options));
    eprintln!("           sampling   {}", sampling(options));
    eprintln!("waiting for segments. Try:  xrc demo     or run your app: AWS_XRAY_DAEMON_ADDRESS={address}");
    if address.ip().is_loopback() {
        eprintln!(
            "           in a container: AWS_XRAY_DAEMON_ADDRESS=host.docker.internal:{0}, and start me with --addr 0.0.0.0:{0}",
            address.port()
        );
    }
    let shows = !options.no_tail && queries(options) && std::io::stdout().is_terminal();
    let client = Client::Local(Local::new(address).with_token(global.token()));
    let all = Tail { expression: None, limit: None };
    tokio::select! {
        done = tail(&client, &all, false, to), if shows => done?,
        () = watched(&console) => {}
        () = interrupted() => {}
    }
    let counters = console.intake().counters();
    eprintln!("{} documents received, {} refused, {} dropped", counters.documents, counters.refused, counters.dropped);
    #[cfg(feature = "relay")]
    super::relay::told(&console);
    Ok(())
}

/// Whether the console answers what is asked of it, such as the traces that came.
fn queries(options: &Up) -> bool {
    #[cfg(feature = "relay")]
    return !options.relay.relay || options.relay.queries;
    #[cfg(not(feature = "relay"))]
    {
        let _ = options;
        true
    }
}

/// Tells of the relay's trouble as it happens; never ends.
async fn watched(console: &Console) {
    #[cfg(feature = "relay")]
    super::relay::watch(console).await;
    #[cfg(not(feature = "relay"))]
    let _ = console;
    std::future::pending().await
}

/// Whether segments go on to AWS X-Ray.
fn relays(options: &Up) -> bool {
    #[cfg(feature = "relay")]
    return options.relay.relay;
    #[cfg(not(feature = "relay"))]
    {
        let _ = options;
        false
    }
}

/// As the options of `up` say.
fn builder(options: &Up, global: &Global) -> Result<ConsoleBuilder, Failure> {
    let mut builder = Console::builder();
    let bound = options
        .memory
        .map_or(DEFAULT_BOUND, |megabytes| usize::try_from(megabytes).unwrap_or(usize::MAX).saturating_mul(1_000_000));
    builder = builder.bound(bound);
    #[cfg(feature = "db")]
    if let Some(file) = &options.db {
        let store = xray_console::Store::open(file, bound).map_err(|error| Failure::io(with_causes(&error)))?;
        builder = builder.store(store);
    }
    if let Some(file) = &options.sampling {
        let rules = ServedRules::from_file(file).map_err(|error| Failure::usage(with_causes(&error)))?;
        builder = builder.sampling_rules(rules);
    }
    #[cfg(feature = "relay")]
    if let Some(config) = options.relay.config(global)? {
        builder = builder.relay(config).queries(options.relay.queries);
    }
    #[cfg(not(feature = "relay"))]
    let _ = global;
    Ok(builder)
}

fn store(options: &Up) -> String {
    let megabytes = options.memory.unwrap_or(256);
    let kept = format!("memory, {megabytes} MB at most");
    #[cfg(feature = "db")]
    let file = options.db.as_deref();
    #[cfg(not(feature = "db"))]
    let file: Option<&std::path::Path> = None;
    let kept = file.map_or(kept.clone(), |file| format!("{kept}, and the file {}", file.display()));
    match (relays(options), file) {
        (true, _) => format!("{kept}; segments go on to AWS X-Ray by a spool on disk"),
        (false, Some(_)) => kept,
        (false, None) => format!("{kept}; nothing is written to disk or sent anywhere"),
    }
}

fn sampling(options: &Up) -> String {
    if relays(options) {
        return "clients are given the rules of AWS X-Ray".to_owned();
    }
    match &options.sampling {
        Some(file) => format!("clients are given the rules of {}", file.display()),
        None => "clients are told to record every request (--sampling FILE for rules)".to_owned(),
    }
}

/// Says who holds a port, and what to do.
pub(crate) fn refused(error: &StartError) -> Failure {
    let message = with_causes(error);
    match error {
        StartError::InUse { address, .. } => {
            let other = address.port().checked_add(1).unwrap_or(2001);
            let ip = address.ip();
            Failure::io(format!(
                "{message}, such as --addr {ip}:{other}, and set AWS_XRAY_DAEMON_ADDRESS={ip}:{other} for the program"
            ))
        }
        _ => Failure::io(message),
    }
}

/// The message and those of its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}

/// Until somebody asks the program to end.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    // Without a signal to wait for, the program ends by being killed.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
