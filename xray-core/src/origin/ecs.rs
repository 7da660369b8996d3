//! ECS and Fargate: task metadata, version 4, at the address that the agent puts into a variable.
//!
//! The log group is that of the `awslogs` driver, so that the console of X-Ray links to the container's log lines.
//!
//! Source: ECS Developer Guide, "Task metadata endpoint version 4".

use serde_json::{Map, Value};

use super::{Detected, Sources, answer, container_id, copy, log_group, metadata, text};

pub(super) fn ask(sources: &Sources<'_>) -> Option<Detected> {
    let url = sources.variable("ECS_CONTAINER_METADATA_URI_V4").filter(|url| url.starts_with("http://"))?;
    let url = url.trim_end_matches('/');
    let container = metadata::json(url, &[]).unwrap_or_default();
    let task = metadata::json(&format!("{url}/task"), &[]).unwrap_or_default();

    let mut block = Map::new();
    block.extend(sources.hostname().map(|name| ("container".to_owned(), name)));
    block.extend(container_id(sources).map(|id| ("container_id".to_owned(), id)));
    copy(&container, &[("DockerId", "container_id"), ("ContainerARN", "container_arn")], &mut block);
    copy(
        &task,
        &[
            ("TaskARN", "task_arn"),
            ("Family", "task_family"),
            ("LaunchType", "launch_type"),
            ("AvailabilityZone", "availability_zone"),
        ],
        &mut block,
    );
    // The cluster is a name on some launch types.
    if task.get("Cluster").and_then(Value::as_str).is_some_and(|cluster| cluster.starts_with("arn:")) {
        copy(&task, &[("Cluster", "cluster_arn")], &mut block);
    }
    let arn = block.get("container_arn").or_else(|| block.get("task_arn")).and_then(Value::as_str);
    let arn = arn.and_then(Arn::read);
    let mut origin = answer("AWS::ECS::Container", "ecs", block.clone());
    if let Some(account) = arn.as_ref().and_then(|arn| text(arn.account)) {
        origin.aws.insert("account_id".to_owned(), account);
    }
    let option = |name: &str| container.get("LogOptions")?.get(name)?.as_str();
    if let Some(group) = option("awslogs-group").and_then(text) {
        let region = option("awslogs-region").or(arn.as_ref().map(|arn| arn.region));
        let arn = arn.as_ref().zip(region).zip(group.as_str()).map(|((arn, region), group)| {
            format!("arn:{}:logs:{region}:{}:log-group:{group}", arn.partition, arn.account)
        });
        origin.aws.insert("cloudwatch_logs".to_owned(), log_group(group, arn));
    }
    Some(origin)
}

/// `arn:{partition}:{service}:{region}:{account}:…`
struct Arn<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Arn<'a> {
    fn read(arn: &'a str) -> Option<Arn<'a>> {
        let mut parts = arn.strip_prefix("arn:")?.split(':');
        let partition = parts.next()?;
        let _service = parts.next()?;
        Some(Arn { partition, region: parts.next()?, account: parts.next()? })
    }
}
