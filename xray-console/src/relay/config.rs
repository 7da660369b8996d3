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
/// | `local_mode` | `-o --local-mode`, `LocalMode` | |
/// | `role_arn` | `-r --role-arn`, `RoleARN` | |
/// | `profile` | `Profile` | `AWS_PROFILE`, by the AWS SDK |
/// | `proxy` | `-p --proxy-address`, `ProxyAddress` | `HTTPS_PROXY`, `NO_PROXY` |
/// | `endpoint` | `Endpoint` | `AWS_ENDPOINT_URL_XRAY`, `AWS_ENDPOINT_URL`, by the AWS SDK |
/// | `resource_arn` | `-a --resource-arn`, `ResourceARN` | |
/// | `concurrency` | `Concurrency` | |
/// | `hostname`, `instance_id` | | `AWS_HOSTNAME`, `AWS_INSTANCE_ID` |
///
/// Credentials are found as the AWS SDK finds them. A region that is neither given nor in `AWS_REGION` is that of the ECS
/// task (`ECS_CONTAINER_METADATA_FILE`, not in local mode), of the shared configuration, or of the EC2 instance (not in
/// local mode).
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
    pub(super) local_mode: bool,
    pub(super) ecs_metadata: Option<PathBuf>,
    pub(super) role_arn: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) proxy: Option<String>,
    pub(super) no_proxy: Option<String>,
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
            local_mode: false,
            ecs_metadata: None,
            role_arn: None,
            profile: None,
            proxy: None,
            no_proxy: None,
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

    /// With what the environment says: `AWS_REGION`, `HTTPS_PROXY`, `NO_PROXY` (these two in small letters as well),
    /// `AWS_HOSTNAME`, `AWS_INSTANCE_ID`, and `ECS_CONTAINER_METADATA_FILE` if `ECS_ENABLE_CONTAINER_METADATA` is `true`.
    pub fn with_environment(mut self, variable: impl Fn(&str) -> Option<String>) -> RelayConfig {
        let set = |names: &[&str], before: Option<String>| {
            names.iter().filter_map(|name| variable(name)).find(|value| !value.is_empty()).or(before)
        };
        self.region = set(&["AWS_REGION"], self.region);
        self.proxy = set(&["HTTPS_PROXY", "https_proxy"], self.proxy);
        self.no_proxy = set(&["NO_PROXY", "no_proxy"], self.no_proxy);
        self.hostname = set(&["AWS_HOSTNAME"], self.hostname);
        self.instance_id = set(&["AWS_INSTANCE_ID"], self.instance_id);
        if set(&["ECS_ENABLE_CONTAINER_METADATA"], None).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            self.ecs_metadata = set(&["ECS_CONTAINER_METADATA_FILE"], None).map(PathBuf::from);
        }
        self
    }

    /// In this region.
    pub fn with_region(mut self, region: impl Into<String>) -> RelayConfig {
        self.region = Some(region.into());
        self
    }

    /// Without looking for a region in the metadata of a container or an instance, which takes seconds where there are none.
    pub fn with_local_mode(mut self, local: bool) -> RelayConfig {
        self.local_mode = local;
        self
    }

    /// With the credentials of this profile of the shared configuration.
    pub fn with_profile(mut self, profile: impl Into<String>) -> RelayConfig {
        self.profile = Some(profile.into());
        self
    }

    /// By this proxy, a URL such as `http://proxy.example.com:3128`, for what goes over HTTPS: AWS X-Ray and credentials,
    /// not the metadata of containers and instances. Hosts of `NO_PROXY` are not asked by it.
    pub fn with_proxy(mut self, url: impl Into<String>) -> RelayConfig {
        self.proxy = Some(url.into());
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
