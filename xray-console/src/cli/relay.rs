//! `xrc up --relay`: the flags of the official daemon where they mean the same, and the spool's.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use xray_console::Console;
use xray_console::relay::{RelayConfig, RelayCounters, Report};
use xray_console::text::escape;

use super::args::Global;
use super::failure::Failure;

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Relay")]
pub(crate) struct Relay {
    /// Pass segments and sampling calls on to AWS X-Ray, as the X-Ray daemon does.
    #[arg(long)]
    pub(crate) relay: bool,
    /// The region, as --region; else AWS_REGION.
    #[arg(short = 'n', value_name = "REGION", requires = "relay")]
    relay_region: Option<String>,
    /// Assume this role.
    #[arg(short, long, value_name = "ARN", requires = "relay")]
    role_arn: Option<String>,
    /// What this runs on, told to AWS with the counts of segments.
    #[arg(short = 'a', long, value_name = "ARN", requires = "relay")]
    resource_arn: Option<String>,
    /// Send here instead of to the region's endpoint.
    #[arg(long, value_name = "URL", requires = "relay")]
    endpoint: Option<String>,
    /// Calls under way at once.
    #[arg(long, value_name = "N", requires = "relay", default_value_t = 8)]
    concurrency: u8,
    /// Folder that keeps segments until AWS has answered for them; by default in this user's state folder.
    #[arg(long, value_name = "FOLDER", requires = "relay")]
    spool: Option<PathBuf>,
    /// What the spool may take, in megabytes; beyond it the oldest segments are dropped.
    #[arg(long, value_name = "MB", requires = "relay", default_value_t = 256)]
    spool_memory: u32,
    /// Answer queries nevertheless.
    #[arg(long, requires = "relay")]
    pub(crate) queries: bool,
}

impl Relay {
    /// None if nothing is to be passed on.
    pub(crate) fn config(&self, global: &Global) -> Result<Option<RelayConfig>, Failure> {
        if !self.relay {
            return Ok(None);
        }
        let environment = |name: &str| std::env::var(name).ok();
        let spool = match &self.spool {
            Some(folder) => folder.clone(),
            None => state_folder(environment)
                .ok_or_else(|| Failure::usage("no folder for the spool: say --spool FOLDER"))?,
        };
        let mut config = RelayConfig::new(spool)
            .with_environment(environment)
            .with_concurrency(self.concurrency.into())
            .with_spool_bound(u64::from(self.spool_memory) * 1_000_000);
        if let Some(region) = self.relay_region.as_ref().or(global.region.as_ref()) {
            config = config.with_region(region);
        }
        if let Some(role) = &self.role_arn {
            config = config.with_role_arn(role);
        }
        if let Some(arn) = &self.resource_arn {
            config = config.with_resource_arn(arn);
        }
        if let Some(url) = &self.endpoint {
            config = config.with_endpoint(url);
        }
        Ok(Some(config))
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
pub(crate) async fn watch(console: &Console) {
    let Some(relay) = console.relay() else { return };
    let mut before = relay.counters();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = relay.counters();
        for line in news(&before, &now, &relay.reports()) {
            eprintln!("{line}");
        }
        before = now;
    }
}

/// What to say of ten seconds.
fn news(before: &RelayCounters, now: &RelayCounters, reports: &[Report]) -> Vec<String> {
    let mut lines = Vec::new();
    if now.waiting > 0 && now.retries > before.retries && now.sent == before.sent {
        lines.push(format!("relay: AWS X-Ray takes nothing at present; {} documents wait in the spool", now.waiting));
    }
    if now.dropped > before.dropped {
        lines.push(format!("relay: {} documents dropped, for the spool has no room", now.dropped - before.dropped));
    }
    let refused = usize::try_from(now.refused - before.refused).unwrap_or(usize::MAX);
    if refused > 0 {
        lines.push(format!("relay: AWS X-Ray refused {refused} documents"));
        lines.extend(reports.iter().rev().take(refused.min(SHOWN)).map(line));
    }
    lines
}

fn line(report: &Report) -> String {
    let id = report.id.as_deref().unwrap_or("a segment");
    format!("relay: {}: {}: {}", escape(id), escape(&report.code), escape(&report.message))
}

/// What went on, and what did not and why, when the console ends.
pub(crate) fn told(console: &Console) {
    let Some(relay) = console.relay() else { return };
    let counters = relay.counters();
    eprintln!(
        "relay: {} sent to AWS X-Ray, {} refused, {} dropped, {} wait in the spool for the next start",
        counters.sent, counters.refused, counters.dropped, counters.waiting
    );
    for report in relay.reports() {
        eprintln!("{}", line(&report));
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
        let quiet = RelayCounters::default();
        assert_eq!(news(&quiet, &quiet, &[]), [""; 0]);

        let mut outage = quiet;
        (outage.received, outage.retries, outage.waiting) = (7, 3, 7);
        assert_eq!(
            news(&quiet, &outage, &[]),
            ["relay: AWS X-Ray takes nothing at present; 7 documents wait in the spool"]
        );
        let mut slow = outage;
        slow.sent = 2;
        assert_eq!(news(&quiet, &slow, &[]), [""; 0], "it goes on, only slowly");

        let mut refused = quiet;
        (refused.refused, refused.dropped) = (1, 2);
        let mut report = Report::default();
        report.code = "InvalidName".to_owned();
        report.message = "a\u{1b}[31m".to_owned();
        assert_eq!(
            news(&quiet, &refused, &[report]),
            [
                "relay: 2 documents dropped, for the spool has no room",
                "relay: AWS X-Ray refused 1 documents",
                r"relay: a segment: InvalidName: a\x1b[31m",
            ]
        );
    }
}
