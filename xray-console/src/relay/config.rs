//! Settings of the relay: those of the official daemon where they mean the same.

use std::path::PathBuf;
use std::time::Duration;

/// Bytes of the spool by default.
const SPOOL_BOUND: u64 = 256_000_000;

/// Where to send, and what to keep meanwhile.
///
/// | here | official daemon | environment |
/// |---|---|---|
/// | `region` | `-n --region`, `Region` | `AWS_REGION` |
/// | `role_arn` | `-r --role-arn`, `RoleARN` | |
/// | `endpoint` | `Endpoint` | `AWS_ENDPOINT_URL_XRAY`, `AWS_ENDPOINT_URL`, by the AWS SDK |
/// | `resource_arn` | `-a --resource-arn`, `ResourceARN` | |
/// | `concurrency` | `Concurrency` | |
/// | `hostname`, `instance_id` | | `AWS_HOSTNAME`, `AWS_INSTANCE_ID` |
///
/// Credentials are found as the AWS SDK finds them.
///
/// # Examples
///
/// ```
/// use xray_console::relay::RelayConfig;
///
/// let config = RelayConfig::new("/var/lib/xrc/spool").with_region("eu-west-1").with_spool_bound(1_000_000_000);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RelayConfig {
    pub(super) spool: PathBuf,
    pub(super) spool_bound: u64,
    pub(super) region: Option<String>,
    pub(super) role_arn: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) resource_arn: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) concurrency: usize,
    pub(super) pace: Pace,
    #[cfg(test)]
    pub(super) credentials: Option<aws_sdk_xray::config::Credentials>,
}

/// How long things take; shorter in tests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// A batch that is not full leaves after this.
    pub(super) linger: Duration,
    /// The first pause before a call is made again.
    pub(super) first_pause: Duration,
    /// The longest.
    pub(super) longest_pause: Duration,
    /// An answer is waited for.
    pub(super) answer: Duration,
    /// Between two telemetry records.
    pub(super) telemetry: Duration,
}

impl RelayConfig {
    /// With this folder for the spool; of one process at a time.
    pub fn new(spool: impl Into<PathBuf>) -> RelayConfig {
        RelayConfig {
            spool: spool.into(),
            spool_bound: SPOOL_BOUND,
            region: None,
            role_arn: None,
            endpoint: None,
            resource_arn: None,
            hostname: None,
            instance_id: None,
            concurrency: 8,
            pace: Pace {
                linger: Duration::from_secs(1),
                first_pause: Duration::from_millis(200),
                longest_pause: Duration::from_secs(30),
                answer: Duration::from_secs(10),
                telemetry: Duration::from_secs(60),
            },
            #[cfg(test)]
            credentials: None,
        }
    }

    /// With what the environment says: `AWS_REGION`, `AWS_HOSTNAME`, `AWS_INSTANCE_ID`.
    pub fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> RelayConfig {
        let set = |name: &str, before: Option<String>| variable(name).filter(|value| !value.is_empty()).or(before);
        self.region = set("AWS_REGION", self.region);
        self.hostname = set("AWS_HOSTNAME", self.hostname);
        self.instance_id = set("AWS_INSTANCE_ID", self.instance_id);
        self
    }

    /// In this region.
    pub fn with_region(mut self, region: impl Into<String>) -> RelayConfig {
        self.region = Some(region.into());
        self
    }

    /// As this role.
    pub fn with_role_arn(mut self, arn: impl Into<String>) -> RelayConfig {
        self.role_arn = Some(arn.into());
        self
    }

    /// To this URL instead of the region's.
    pub fn with_endpoint(mut self, url: impl Into<String>) -> RelayConfig {
        self.endpoint = Some(url.into());
        self
    }

    /// Where this runs, for telemetry.
    pub fn with_resource_arn(mut self, arn: impl Into<String>) -> RelayConfig {
        self.resource_arn = Some(arn.into());
        self
    }

    /// Bytes the spool may take, at least 1,000,000.
    pub fn with_spool_bound(mut self, bytes: u64) -> RelayConfig {
        self.spool_bound = bytes.max(1_000_000);
        self
    }

    /// Batches under way at once, at least 1.
    pub fn with_concurrency(mut self, batches: usize) -> RelayConfig {
        self.concurrency = batches.clamp(1, 64);
        self
    }
}
