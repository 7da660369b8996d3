//! `xrc up --relay`: the flags of the official daemon where they mean the same, and the spool's.

use std::path::PathBuf;

use clap::Args;
use xray_console::Console;
use xray_console::relay::RelayConfig;
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

/// What went on, and what did not and why, when the console ends.
pub(crate) fn told(console: &Console) {
    let Some(relay) = console.relay() else { return };
    let counters = relay.counters();
    eprintln!(
        "relay: {} sent to AWS X-Ray, {} refused, {} dropped, {} wait in the spool for the next start",
        counters.sent, counters.refused, counters.dropped, counters.waiting
    );
    for report in relay.reports() {
        let id = report.id.as_deref().unwrap_or("a segment");
        eprintln!("relay: {}: {}: {}", escape(id), escape(&report.code), escape(&report.message));
    }
}
