//! `xrc up --relay`: the flags of the official daemon where they mean the same, and the spool's.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgAction, Args};
use xray_console::Console;
use xray_console::relay::{RelayConfig, RelayCounters, Report};
use xray_console::text::escape;

use super::args::{DEFAULT_ADDRESS, Global, address};
use super::daemon::{self, Daemon};
use super::failure::Failure;
use super::flags;
use super::log::{Level, Log};
use super::output::counted;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Relay (the letters are those of the X-Ray daemon)")]
pub(crate) struct Relay {
    /// Pass segments and sampling calls on to AWS X-Ray, as the X-Ray daemon does.
    #[arg(long)]
    pub(crate) relay: bool,
    /// The region, as --region; else AWS_REGION, that of the ECS task, the shared configuration or the EC2 instance.
    #[arg(short = 'n', value_name = "REGION", requires = "relay")]
    relay_region: Option<String>,
    /// Listen here by UDP; --addr without.
    #[arg(short, long, value_name = "HOST:PORT", requires = "relay", value_parser = address)]
    bind: Option<SocketAddr>,
    /// Listen here by TCP; --addr without.
    #[arg(short = 't', long, value_name = "HOST:PORT", requires = "relay", value_parser = address)]
    bind_tcp: Option<SocketAddr>,
    /// Do not ask ECS or EC2 for a region.
    #[arg(short = 'o', long, requires = "relay", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = flags::boolean)]
    local_mode: Option<bool>,
    /// Assume this role.
    #[arg(short, long, value_name = "ARN", requires = "relay")]
    role_arn: Option<String>,
    /// What this runs on, told to AWS with the counts of segments.
    #[arg(short = 'a', long, value_name = "ARN", requires = "relay")]
    resource_arn: Option<String>,
    /// Send by this proxy; HTTPS_PROXY without.
    #[arg(short, long, value_name = "URL", requires = "relay")]
    proxy_address: Option<String>,
    /// As --memory, from 3 on. What waits for AWS is on disk, not in memory: --spool-memory.
    #[arg(short = 'm', long, value_name = "MB", requires = "relay", conflicts_with = "memory")]
    buffer_memory: Option<u32>,
    /// The X-Ray daemon's configuration file; /etc/amazon/xray/cfg.yaml, if it is there, without.
    #[arg(short, long, value_name = "FILE", requires = "relay")]
    config: Option<PathBuf>,
    /// Say what there is to say in this file; a new one is begun at 50 MB, and one old one kept.
    #[arg(short = 'f', long, value_name = "FILE", requires = "relay")]
    log_file: Option<PathBuf>,
    /// How much is said: dev, debug, info and prod all there is; warn, what does not go well; error, what is lost.
    #[arg(short, long, value_name = "LEVEL", requires = "relay", value_parser = daemon::level)]
    log_level: Option<Level>,
    /// Send here instead of to the region's endpoint.
    #[arg(long, value_name = "URL", requires = "relay")]
    endpoint: Option<String>,
    /// Calls under way at once; 8 by default.
    #[arg(long, value_name = "N", requires = "relay")]
    concurrency: Option<u8>,
    /// Folder that keeps segments until AWS has answered for them; by default in this user's state folder.
    #[arg(long, value_name = "FOLDER", requires = "relay")]
    spool: Option<PathBuf>,
    /// What the spool may take, in megabytes; beyond it the oldest segments are dropped.
    #[arg(long, value_name = "MB", requires = "relay", default_value_t = 256)]
    spool_memory: u32,
    /// Answer queries nevertheless.
    #[arg(long, requires = "relay")]
    pub(crate) queries: bool,
    /// Print version.
    #[arg(short = 'v', hide = true, action = ArgAction::Version)]
    _version: Option<bool>,
}

/// How a relay is to run, of all that says so.
pub(crate) struct Settings {
    pub(crate) config: RelayConfig,
    pub(crate) tcp: SocketAddr,
    pub(crate) udp: SocketAddr,
    /// Megabytes.
    pub(crate) memory: Option<u32>,
}

impl Relay {
    /// What the configuration file says; nothing where nothing is to be passed on.
    pub(crate) fn file(&self) -> Result<Daemon, Failure> {
        let place = Path::new(daemon::PLACE);
        match &self.config {
            _ if !self.relay => Ok(Daemon::default()),
            Some(file) => Daemon::read(file).map_err(Failure::usage),
            None if place.exists() => Daemon::read(place).map_err(Failure::usage),
            None => Ok(Daemon::default()),
        }
    }

    /// Where to say what there is to say.
    pub(crate) fn log(&self, file: &Daemon) -> Result<Log, Failure> {
        let level = self.log_level.or(file.log_level).unwrap_or_default();
        match self.log_file.as_ref().or(file.log_file.as_ref()) {
            None => Ok(Log::new(level)),
            Some(path) => Log::to_file(level, path, file.log_rotation.unwrap_or(true))
                .map_err(|error| Failure::io(format!("{}: {error}", path.display()))),
        }
    }

    /// None if nothing is to be passed on.
    pub(crate) fn settings(&self, file: Daemon, global: &Global) -> Result<Option<Settings>, Failure> {
        if !self.relay {
            return Ok(None);
        }
        let environment = |name: &str| std::env::var(name).ok();
        let spool = match &self.spool {
            Some(folder) => folder.clone(),
            None => state_folder(environment)
                .ok_or_else(|| Failure::usage("no folder for the spool: say --spool FOLDER"))?,
        };
        let memory = self.buffer_memory.filter(|megabytes| *megabytes > 0).or(file.buffer_memory);
        if memory.is_some_and(|megabytes| megabytes < 3) {
            return Err(Failure::usage("-m --buffer-memory: expected 3 MB or more, or 0 for the default"));
        }
        let mut config = RelayConfig::new(spool)
            .with_environment(environment)
            .with_local_mode(self.local_mode.or(file.local_mode).unwrap_or(false))
            .with_spool_bound(u64::from(self.spool_memory) * 1_000_000);
        if let Some(calls) = self.concurrency.or(file.concurrency) {
            config = config.with_concurrency(calls.into());
        }
        // The flag, else what the file says.
        type Set = fn(RelayConfig, String) -> RelayConfig;
        let texts: [(Option<&String>, Option<String>, Set); 6] = [
            (self.relay_region.as_ref().or(global.region.as_ref()), file.region, RelayConfig::with_region),
            (self.role_arn.as_ref(), file.role_arn, RelayConfig::with_role_arn),
            (self.resource_arn.as_ref(), file.resource_arn, RelayConfig::with_resource_arn),
            (self.proxy_address.as_ref(), file.proxy, RelayConfig::with_proxy),
            (self.endpoint.as_ref(), file.endpoint, RelayConfig::with_endpoint),
            (None, file.profile, RelayConfig::with_profile),
        ];
        for (flag, said, set) in texts {
            if let Some(value) = flag.cloned().or(said) {
                config = set(config, value);
            }
        }
        // An address that was given goes before the file's, as all flags do.
        let own = (global.addr != DEFAULT_ADDRESS).then_some(global.addr);
        let tcp = self.bind_tcp.or(own).or(file.tcp).unwrap_or(DEFAULT_ADDRESS);
        let udp = self.bind.or(own).or(file.udp).unwrap_or(DEFAULT_ADDRESS);
        Ok(Some(Settings { config, tcp, udp, memory }))
    }
}

/// Where programs of this user keep what should outlive them.
fn state_folder(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_STATE_HOME").or_else(|| set("LOCALAPPDATA"));
    let folder = folder.or_else(|| Some(set("HOME")?.join(".local").join("state")))?;
    Some(folder.join("xrc").join("spool"))
}

/// Says while it runs what does not go on: looked at every ten seconds, told when it has changed.
pub(crate) async fn watch(console: &Console, log: &Log) {
    let Some(relay) = console.relay() else { return };
    let mut before = relay.counters();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = relay.counters();
        for (level, line) in news(&before, &now, &relay.reports()) {
            log.say(level, &line);
        }
        before = now;
    }
}

/// What to say of ten seconds.
fn news(before: &RelayCounters, now: &RelayCounters, reports: &[Report]) -> Vec<(Level, String)> {
    let mut lines = Vec::new();
    if now.waiting > 0 && now.retries > before.retries && now.sent == before.sent {
        let waiting = counted(now.waiting, "document");
        lines.push((Level::Warn, format!("relay: AWS X-Ray takes nothing at present; {waiting} in the spool")));
    }
    if now.dropped > before.dropped {
        let dropped = counted(now.dropped - before.dropped, "document");
        lines.push((Level::Error, format!("relay: {dropped} dropped, for the spool has no room")));
    }
    let refused = now.refused - before.refused;
    if refused > 0 {
        lines.push((Level::Error, format!("relay: AWS X-Ray refused {}", counted(refused, "document"))));
        let newest = reports.iter().rev().take(usize::try_from(refused).unwrap_or(usize::MAX).min(SHOWN));
        lines.extend(newest.map(|report| (Level::Error, line(report))));
    }
    lines
}

fn line(report: &Report) -> String {
    let id = report.id.as_deref().unwrap_or("a segment");
    format!("relay: {}: {}: {}", escape(id), escape(&report.code), escape(&report.message))
}

/// What went on, and what did not and why, when the console ends.
pub(crate) fn told(console: &Console, log: &Log) {
    let Some(relay) = console.relay() else { return };
    let counters = relay.counters();
    let whole = format!(
        "relay: {} sent to AWS X-Ray, {} refused, {} dropped, {} wait in the spool for the next start",
        counters.sent, counters.refused, counters.dropped, counters.waiting
    );
    log.say(Level::Info, &whole);
    for report in relay.reports() {
        log.say(Level::Error, &line(&report));
    }
}

/// Between two looks.
const LOOK: Duration = Duration::from_secs(10);
/// Refusals shown of one look.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_and_refusals_are_told_and_a_quiet_relay_says_nothing() {
        let said = |before: &RelayCounters, now: &RelayCounters, reports: &[Report]| {
            news(before, now, reports).into_iter().map(|(level, line)| format!("{level:?} {line}")).collect::<Vec<_>>()
        };
        let quiet = RelayCounters::default();
        assert_eq!(said(&quiet, &quiet, &[]), [""; 0]);

        let mut outage = quiet;
        (outage.received, outage.retries, outage.waiting) = (7, 3, 7);
        assert_eq!(
            said(&quiet, &outage, &[]),
            ["Warn relay: AWS X-Ray takes nothing at present; 7 documents in the spool"]
        );
        let mut slow = outage;
        slow.sent = 2;
        assert_eq!(said(&quiet, &slow, &[]), [""; 0], "it goes on, only slowly");

        let mut refused = quiet;
        (refused.refused, refused.dropped) = (1, 2);
        let mut report = Report::default();
        report.code = "InvalidName".to_owned();
        report.message = "a\u{1b}[31m".to_owned();
        assert_eq!(
            said(&quiet, &refused, &[report]),
            [
                "Error relay: 2 documents dropped, for the spool has no room",
                "Error relay: AWS X-Ray refused 1 document",
                r"Error relay: a segment: InvalidName: a\x1b[31m",
            ]
        );
    }
}
