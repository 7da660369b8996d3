//! EC2: instance metadata, version 2 alone (a token first, then the identity document).
//!
//! Version 1, which needs no token, is not asked: hosts switch it off, and what tricks a program into a plain GET would
//! read it too. `AWS_EC2_METADATA_DISABLED=true` is obeyed.
//!
//! Source: EC2 User Guide, "Instance identity documents", "Use IMDSv2".

use serde_json::Map;

use super::{Detected, Sources, answer, copy, metadata};

/// The link-local address of the service.
pub(super) const ENDPOINT: &str = "http://169.254.169.254";
/// What the AWS SDKs read another address from.
pub(super) const ENDPOINT_VARIABLE: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";

pub(super) fn ask(sources: &Sources<'_>) -> Option<Detected> {
    if sources.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return None;
    }
    let host = sources.instance_metadata.trim_end_matches('/');
    let token = metadata::put(&format!("{host}/latest/api/token"), ("X-aws-ec2-metadata-token-ttl-seconds", "60"))?;
    let url = format!("{host}/latest/dynamic/instance-identity/document");
    let identity = metadata::json(&url, &[("X-aws-ec2-metadata-token", &token)])?;
    let mut block = Map::new();
    copy(
        &identity,
        &[
            ("instanceId", "instance_id"),
            ("instanceType", "instance_size"),
            ("imageId", "ami_id"),
            ("availabilityZone", "availability_zone"),
        ],
        &mut block,
    );
    block.contains_key("instance_id").then(|| {
        let mut origin = answer("AWS::EC2::Instance", "ec2", block);
        copy(&identity, &[("accountId", "account_id")], &mut origin.aws);
        origin
    })
}
