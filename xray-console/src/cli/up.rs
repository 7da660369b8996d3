//! `xrc up`: a console until it is interrupted.

use std::io::IsTerminal;
use std::net::{Ipv4Addr, Ipv6Addr};

use xray_console::client::{Client, Local};
use xray_console::intake::Counters;
use xray_console::sampling::{GetSamplingRules, SamplingRuleRecord, ServedRules};
use xray_console::store::DEFAULT_BOUND;
use xray_console::{Console, ConsoleBuilder, StartError};

use super::args::{Global, Tail, Up};
use super::failure::{Done, Failure};
use super::log::{Level, Log};
use super::output::{Output, counted};
use super::tail::tail;

pub(crate) async fn run(options: &Up, global: &Global, to: &mut Output) -> Done {
    let (builder, log) = builder(options, global)?;
    let made = (options.expose && global.token().is_none()).then(made);
    let token = global.token().or_else(|| made.clone());
    let builder = match &token {
        Some(token) => builder.expose(token),
        None => builder,
    };
    let console = builder.start().map_err(|error| refused(&error))?;
    greet(&console, options, made.as_deref(), &log);
    let shows = !options.no_tail && queries(options) && std::io::stdout().is_terminal();
    let client = Client::Local(Local::new(console.address()).with_token(token));
    let all = Tail { expression: None, limit: None };
    tokio::select! {
        done = tail(&client, &all, false, to), if shows => done?,
        () = watched(&console, &log) => {}
        () = interrupted() => {}
    }
    let counters = console.intake().counters();
    log.say(Level::Info, &received(&counters));
    #[cfg(feature = "relay")]
    super::relay::told(&console, &log);
    Ok(())
}

/// What came, and what became of it.
fn received(counters: &Counters) -> String {
    let mut line = format!("{} received", counted(counters.documents, "document"));
    if counters.duplicates > 0 {
        line += &format!(" ({} again, in the place of the one before)", counters.duplicates);
    }
    line += &format!(", {} refused, {} dropped", counters.refused, counters.dropped);
    if let Some(drops) = counters.kernel_drops.filter(|drops| *drops > 0) {
        line += &format!(", {} dropped by the kernel", counted(drops, "datagram"));
    }
    line
}

/// What is here, and what to do with it.
fn greet(console: &Console, options: &Up, made: Option<&str>, log: &Log) {
    let say = |line: &str| log.say(Level::Info, line);
    let (tcp, udp) = (console.address(), console.udp_address());
    let listening = if tcp == udp { format!("udp and tcp {tcp}") } else { format!("udp {udp}  tcp {tcp}") };
    say(&format!("xrc {}  listening  {listening}", env!("CARGO_PKG_VERSION")));
    #[cfg(feature = "web")]
    if let Some(pages) = console.pages() {
        say(&format!("           pages      {pages}"));
        if let Some((_, rest)) = pages.split_once("//localhost").filter(|_| pages.contains("?token=")) {
            say(&format!("           elsewhere  http://{}{rest}", machine()));
        }
    }
    if let Some(token) = made {
        say(&format!("           token      XRC_TOKEN={token} for xrc elsewhere; the next start makes another"));
    }
    say(&format!("           store      {}", store(options)));
    say(&format!("           sampling   {}", sampling(console, options)));
    if relays(options) {
        return;
    }
    // Where "every address" listens, this machine's own is one; to send to `0.0.0.0` is not for every system.
    let mut here = tcp;
    if here.ip().is_unspecified() {
        here.set_ip(if here.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    say(&format!("waiting for segments. Try:  xrc demo     or run your app: AWS_XRAY_DAEMON_ADDRESS={here}"));
    if tcp.ip().is_loopback() {
        let port = tcp.port();
        say(&format!(
            "           in a container: AWS_XRAY_DAEMON_ADDRESS=host.docker.internal:{port}, \
             and start me with --addr 0.0.0.0:{port}"
        ));
    }
}

/// A token that nobody guesses: 32 hex digits. The keys of the standard library's hashers come from the system's source of
/// randomness, and what they hash to tells nothing about them.
fn made() -> String {
    use std::hash::{BuildHasher, RandomState};
    let part = || RandomState::new().hash_one(std::time::SystemTime::now());
    format!("{:016x}{:016x}", part(), part())
}

/// What this machine calls itself.
#[cfg(feature = "web")]
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
    let name = name.map(|name| name.trim().to_owned()).unwrap_or_default();
    let is_name =
        !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-.".contains(letter));
    if is_name { name } else { "THIS-MACHINE".to_owned() }
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
async fn watched(console: &Console, log: &Log) {
    #[cfg(feature = "relay")]
    super::relay::watch(console, log).await;
    #[cfg(not(feature = "relay"))]
    let _ = (console, log);
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

/// As the options of `up` say; and where it is to say what happens.
fn builder(options: &Up, global: &Global) -> Result<(ConsoleBuilder, Log), Failure> {
    let mut builder = Console::builder().address(global.addr);
    #[cfg(not(feature = "relay"))]
    let (log, memory) = (Log::new(Level::default()), options.memory);
    #[cfg(feature = "relay")]
    let (log, memory) = {
        let file = options.relay.file()?;
        let log = options.relay.log(&file)?;
        let settings = options.relay.settings(file, global)?;
        let memory = options.memory.or(settings.as_ref().and_then(|settings| settings.memory));
        if let Some(settings) = settings {
            builder = builder.relay(settings.config).queries(options.relay.queries).address(settings.tcp);
            if settings.udp != settings.tcp {
                builder = builder.udp_address(settings.udp);
            }
        }
        (log, memory)
    };
    let bound = memory
        .map_or(DEFAULT_BOUND, |megabytes| usize::try_from(megabytes).unwrap_or(usize::MAX).saturating_mul(1_000_000));
    builder = builder.bound(bound);
    #[cfg(feature = "db")]
    if let Some(file) = &options.db {
        let store = xray_console::Store::open(file, bound).map_err(|error| not_opened(file, &error))?;
        builder = builder.store(store);
    }
    if let Some(file) = &options.sampling {
        let rules = ServedRules::from_file(file).map_err(|error| Failure::usage(with_causes(&error)))?;
        if !rules.left_out().is_empty() {
            let names: Vec<String> = rules.left_out().iter().map(|name| format!("{name:?}")).collect();
            let what = "who asks here for rules is not given those on the response";
            let mend = "a program that reads the file itself (XRAY_SAMPLING_RULES) goes by them";
            log.say(Level::Warn, &format!("{}: {what}: {}; {mend}", file.display(), names.join(", ")));
        }
        builder = builder.sampling_rules(rules);
    }
    Ok((builder, log))
}

/// Why a store's file cannot be used: for what is common SQLite has but a number.
#[cfg(feature = "db")]
fn not_opened(file: &std::path::Path, error: &xray_console::store::OpenError) -> Failure {
    let name = file.display();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        _ if file.is_dir() => {
            Failure::io(format!("{name} is a directory; --db takes a file, which is made if it is not there"))
        }
        Some(folder) if !folder.is_dir() => {
            Failure::io(format!("{name}: there is no directory {}; make it first", folder.display()))
        }
        _ => Failure::io(with_causes(error)),
    }
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
        (true, None) if !queries(options) => "none; segments go on to AWS X-Ray by a spool on disk".to_owned(),
        (true, _) => format!("{kept}; segments go on to AWS X-Ray by a spool on disk"),
        (false, Some(_)) => kept,
        (false, None) => format!("{kept}; nothing is written to disk or sent anywhere"),
    }
}

fn sampling(console: &Console, options: &Up) -> String {
    if relays(options) {
        return "clients are given the rules of AWS X-Ray".to_owned();
    }
    if let Some(file) = &options.sampling {
        return format!("clients are given the rules of {}", file.display());
    }
    let rules = console.call(GetSamplingRules::default()).map(|answer| answer.sampling_rule_records);
    let made = |record: &SamplingRuleRecord| record.sampling_rule.as_ref().is_some_and(|rule| rule.fixed_rate < 1.0);
    match rules {
        Ok(rules) if rules.len() > 1 || rules.iter().any(made) => {
            format!("clients are given the {} that calls have made here before", counted(rules.len(), "rule"))
        }
        _ => "clients are told to record every request (--sampling FILE for rules)".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_twice_is_not_said_to_be_lost_and_what_the_kernel_dropped_is() {
        let mut counters = Counters::default();
        assert_eq!(received(&counters), "0 documents received, 0 refused, 0 dropped");
        (counters.documents, counters.duplicates, counters.refused) = (9, 2, 1);
        let line = "9 documents received (2 again, in the place of the one before), 1 refused, 0 dropped";
        assert_eq!(received(&counters), line);
        (counters.documents, counters.duplicates, counters.dropped) = (1, 0, 3);
        counters.kernel_drops = Some(4);
        let line = "1 document received, 1 refused, 3 dropped, 4 datagrams dropped by the kernel";
        assert_eq!(received(&counters), line);
    }
}
