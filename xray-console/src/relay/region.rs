//! The region of whatever this runs on, where nobody said one.
//!
//! Source: aws-xray-daemon 3.6.6, `pkg/conn`. It asks the shared configuration in local mode only; asked first of all,
//! it spares machines outside of AWS the wait for an instance's answer.

use std::io::Read;
use std::path::Path;

use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::proxy::ProxyConfig;
use serde::Deserialize;

use super::{RelayConfig, client};

/// Bytes of a container's metadata that are read.
const METADATA: u64 = 1_000_000;

/// None if nobody tells; the instance is waited for five seconds, the AWS SDK's own limit.
pub(super) async fn found(config: &RelayConfig) -> Option<String> {
    let container = config.ecs_metadata.as_deref().filter(|_| !config.local_mode);
    if let Some(region) = container.and_then(of_container) {
        return Some(region);
    }
    // The instance is asked over plain HTTP at an address of its own, which no proxy knows.
    let provider = ProviderConfig::without_region().with_http_client(client::http(ProxyConfig::disabled()));
    let mut shared = ProfileFileRegionProvider::builder().configure(&provider);
    if let Some(profile) = &config.profile {
        shared = shared.profile_name(profile);
    }
    let shared = shared.build();
    let mut region = shared.region().await;
    if region.is_none() && !config.local_mode {
        region = ImdsRegionProvider::builder().configure(&provider).build().region().await;
    }
    region.map(|region| region.as_ref().to_owned()).filter(|region| !region.is_empty())
}

/// The region in the ARN of the container's task.
fn of_container(file: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "TaskARN")]
        task_arn: String,
    }
    let mut text = String::new();
    std::fs::File::open(file).ok()?.take(METADATA).read_to_string(&mut text).ok()?;
    let metadata: Metadata = serde_json::from_str(&text).ok()?;
    metadata.task_arn.split(':').nth(3).filter(|region| !region.is_empty()).map(str::to_owned)
}
