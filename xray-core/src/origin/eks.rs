//! EKS: a pod whose service account's token was issued by EKS.
//!
//! The cluster's own API would tell its name, over TLS with the cluster's authority; a TLS stack for one name is not worth
//! its weight, so the name is that of `k8s.cluster.name` in `OTEL_RESOURCE_ATTRIBUTES`, which deployments set for others.
//! With it comes the log group of Container Insights.
//!
//! Source: EKS User Guide, on service accounts (the issuer of their tokens); X-Ray Developer Guide, "AWS resource data".

use serde_json::{Map, Value};

use super::{Detected, Sources, answer, container_id, log_group, text};

pub(super) fn ask(sources: &Sources<'_>) -> Option<Detected> {
    sources.variable("KUBERNETES_SERVICE_HOST")?;
    let token = sources.file("/var/run/secrets/kubernetes.io/serviceaccount/token")?;
    let claims: Value = serde_json::from_slice(&base64url(token.trim().split('.').nth(1)?)?).ok()?;
    let issuer = claims.get("iss").and_then(Value::as_str)?;
    if !issuer.starts_with("https://oidc.eks") {
        return None;
    }
    let mut block = Map::new();
    block.extend(sources.hostname().map(|name| ("pod".to_owned(), name)));
    block.extend(container_id(sources).map(|id| ("container_id".to_owned(), id)));
    let cluster = cluster(sources);
    block.extend(cluster.as_deref().and_then(text).map(|name| ("cluster_name".to_owned(), name)));
    let mut origin = answer("AWS::EKS::Container", "eks", block);
    let group = cluster.map(|name| format!("/aws/containerinsights/{name}/application"));
    if let Some(group) = group.and_then(|group| text(&group)) {
        origin.aws.insert("cloudwatch_logs".to_owned(), log_group(group, None));
    }
    Some(origin)
}

fn cluster(sources: &Sources<'_>) -> Option<String> {
    let attributes = sources.variable("OTEL_RESOURCE_ATTRIBUTES")?;
    let mut pairs = attributes.split(',').filter_map(|pair| pair.split_once('='));
    let (_, name) = pairs.find(|(key, _)| key.trim() == "k8s.cluster.name")?;
    Some(name.trim().to_owned())
}

/// The bytes of a part of a token: base64 with `-` and `_`, without padding. The signature is nobody's business here.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}
