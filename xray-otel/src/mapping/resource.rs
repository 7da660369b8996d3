//! What a resource says of a segment: where it ran, and what made it.

use serde_json::{Map, Value as Json};
use xray_core::document::{Aws, Document, Service};

use super::attributes::{Reader, json};
use super::{Mapping, rest};
use crate::losses::Losses;
use crate::span::Resource;

pub(super) fn describe(
    document: &mut Document,
    resource: &Resource,
    span: &mut Reader<'_>,
    mapping: &Mapping,
    losses: &mut Losses,
) {
    let mut reader = Reader::new(&resource.attributes);
    let reader = &mut reader;
    reader.text(&["service.name"]);
    document.origin = span.text(&["aws.xray.origin"]).map(str::to_owned).or_else(|| origin(reader));
    document.resource_arn = span.text(&["aws.xray.resource_arn"]).map(str::to_owned);
    let mut aws = Map::new();
    blocks(&mut aws, document.origin.as_deref(), reader);
    logs(&mut aws, reader);
    xray(&mut aws, reader);
    for (names, key) in [
        (&["cloud.account.id"][..], "account_id"),
        (&["faas.invoked_arn", "aws.lambda.invoked_arn"], "function_arn"),
        (&["faas.invocation_id", "aws.request_id", "aws.requestId"], "request_id"),
    ] {
        if let Some(text) = span.text(names).or_else(|| reader.text(names)) {
            aws.insert(key.to_owned(), text.into());
        }
    }
    super::aws::restore(&mut aws, span);
    if !aws.is_empty() {
        document.aws = Some(Aws(aws));
    }
    let own = span.text(&["aws.xray.service_version"]);
    if let Some(version) =
        own.or_else(|| reader.text(&["service.version"])).or_else(|| reader.text(&["container.image.tag"]))
    {
        let mut service = Service::default();
        service.version = Some(version.to_owned());
        document.service = Some(service);
    }
    for (key, value) in reader.rest() {
        let key = format!("otel.resource.{key}");
        if mapping.indexes(&key) {
            if let Some(value) = rest::scalar(&key, value, losses) {
                document.annotations.insert(rest::annotation_key(&key, losses), value);
                continue;
            }
        }
        let value = json(&key, value, losses);
        rest::metadata(document, "default", &key, value);
    }
}

/// The sampling rule that chose the trace.
pub(super) fn name_rule(document: &mut Document, rule: &str) {
    let aws = document.aws.get_or_insert_default();
    let xray = aws.0.entry("xray").or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(xray) = xray {
        xray.insert("sampling_rule_name".to_owned(), rule.into());
    }
}

fn origin(reader: &mut Reader<'_>) -> Option<String> {
    let provider = reader.text(&["cloud.provider"]);
    if provider.is_some_and(|provider| provider != "aws") {
        return None;
    }
    let launch = reader.text(&["aws.ecs.launchtype"]);
    let origin = match reader.text(&["cloud.platform"])? {
        "aws_app_runner" | "aws_apprunner" => "AWS::AppRunner::Service",
        "aws_ec2" => "AWS::EC2::Instance",
        "aws_ecs" => match launch {
            Some(launch) if launch.eq_ignore_ascii_case("fargate") => "AWS::ECS::Fargate",
            Some(launch) if launch.eq_ignore_ascii_case("ec2") => "AWS::ECS::EC2",
            _ => "AWS::ECS::Container",
        },
        "aws_eks" => "AWS::EKS::Container",
        "aws_elastic_beanstalk" => "AWS::ElasticBeanstalk::Environment",
        "aws_lambda" => "AWS::Lambda::Function",
        _ => return None,
    };
    Some(origin.to_owned())
}

/// Blocks: name, and of each member its key and the attribute it comes from.
type Block = (&'static str, &'static [(&'static str, &'static str)]);

const BLOCKS: &[Block] = &[
    (
        "ec2",
        &[
            ("instance_id", "host.id"),
            ("instance_size", "host.type"),
            ("ami_id", "host.image.id"),
            ("availability_zone", "cloud.availability_zone"),
        ],
    ),
    (
        "ecs",
        &[
            ("container", "container.name"),
            ("container_id", "container.id"),
            ("container_arn", "aws.ecs.container.arn"),
            ("task_arn", "aws.ecs.task.arn"),
            ("task_family", "aws.ecs.task.family"),
            ("cluster_arn", "aws.ecs.cluster.arn"),
            ("availability_zone", "cloud.availability_zone"),
        ],
    ),
    ("eks", &[("cluster_name", "k8s.cluster.name"), ("pod", "k8s.pod.name"), ("container_id", "container.id")]),
];

fn blocks(aws: &mut Map<String, Json>, origin: Option<&str>, reader: &mut Reader<'_>) {
    let origin = origin.unwrap_or_default();
    for (name, members) in BLOCKS {
        let here = match *name {
            "ec2" => origin == "AWS::EC2::Instance" || origin == "AWS::ECS::EC2",
            "ecs" => origin.starts_with("AWS::ECS::"),
            _ => origin == "AWS::EKS::Container",
        };
        if !here {
            continue;
        }
        // Two blocks may name the same attribute, so what is taken is still looked at.
        let found = members.iter().filter_map(|(key, attribute)| {
            let text = reader.peek(&[attribute])?;
            reader.text(&[attribute]);
            Some(((*key).to_owned(), Json::from(text)))
        });
        let block: Map<String, Json> = found.collect();
        if !block.is_empty() {
            aws.insert((*name).to_owned(), Json::Object(block));
        }
    }
    if origin == "AWS::ElasticBeanstalk::Environment" {
        let mut block = Map::new();
        if let Some(name) = reader.text(&["service.namespace"]) {
            block.insert("environment_name".to_owned(), name.into());
        }
        if let Some(version) = reader.peek(&["service.version"]) {
            block.insert("version_label".to_owned(), version.into());
        }
        if let Some(id) = reader.int(&["service.instance.id"]).filter(|id| *id >= 0) {
            block.insert("deployment_id".to_owned(), id.into());
        }
        if !block.is_empty() {
            aws.insert("elastic_beanstalk".to_owned(), Json::Object(block));
        }
    }
}

fn logs(aws: &mut Map<String, Json>, reader: &mut Reader<'_>) {
    let arns = reader.texts(&["aws.log.group.arns"]).unwrap_or_default();
    let names = reader.texts(&["aws.log.group.names"]).unwrap_or_default();
    let groups: Vec<Json> = match arns.is_empty() {
        false => arns.iter().take(LOG_GROUPS).map(|arn| log_group(group_of(arn), Some(arn))).collect(),
        true => names.iter().take(LOG_GROUPS).map(|name| log_group(Some(name), None)).collect(),
    };
    if !groups.is_empty() {
        aws.insert("cloudwatch_logs".to_owned(), Json::Array(groups));
    }
}

/// `arn:aws:logs:region:account:log-group:NAME:*`
fn group_of(arn: &str) -> Option<&str> {
    let (_, rest) = arn.split_once(":log-group:")?;
    rest.split(':').next().filter(|name| !name.is_empty())
}

fn log_group(name: Option<&str>, arn: Option<&str>) -> Json {
    let named = name.map(|name| ("log_group".to_owned(), Json::from(name)));
    let arn = arn.map(|arn| ("arn".to_owned(), Json::from(arn)));
    Json::Object(named.into_iter().chain(arn).collect())
}

fn xray(aws: &mut Map<String, Json>, reader: &mut Reader<'_>) {
    let mut block = Map::new();
    let sdk = reader.text(&["telemetry.sdk.name"]);
    let language = reader.text(&["telemetry.sdk.language"]);
    let version = reader.text(&["telemetry.sdk.version"]);
    if let Some(sdk) = sdk {
        let sdk = language.map_or_else(|| sdk.to_owned(), |language| format!("{sdk} for {language}"));
        block.insert("sdk".to_owned(), sdk.into());
        if let Some(version) = version {
            block.insert("sdk_version".to_owned(), version.into());
        }
    }
    if reader.text(&["telemetry.auto.version", "telemetry.distro.version"]).is_some() {
        block.insert("auto_instrumentation".to_owned(), true.into());
    }
    if !block.is_empty() {
        aws.insert("xray".to_owned(), Json::Object(block));
    }
}

/// Most log groups that are kept. Ours to choose.
const LOG_GROUPS: usize = 20;
