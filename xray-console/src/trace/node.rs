//! Which node of the service map a segment counts for.
//!
//! A node is a name and a type. A service that sends segments is named by them, its type is their `origin`. What was
//! only seen from a caller is named for the resource called: a table, a queue, a topic, a bucket, a function, else the
//! service or host.
//!
//! Source: X-Ray API Reference, "ServiceId" and "GetServiceGraph"; where they are silent the choice is ours, see DESIGN.md.

use serde_json::Value;
use xray_core::document::Document;

/// The type of the node in which messages wait.
const QUEUE: &str = "AWS::SQS::Queue";

/// A node of the service map, as `ServiceId` of X-Ray's API has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Node {
    /// The name shown.
    pub name: String,
    /// The type: an `origin` such as `AWS::ECS::Container`, `AWS::DynamoDB::Table`, `remote`, `Database::SQL`; none for
    /// a service that does not say where it runs.
    pub kind: Option<String>,
    /// The AWS account, where the documents tell it.
    pub account: Option<String>,
}

impl Node {
    /// The node of a segment that its service sent.
    pub fn of_segment(segment: &Document) -> Node {
        Node { name: segment.name.clone(), kind: segment.origin.clone(), account: account(segment) }
    }

    /// The queue that a subsegment called; none if it called anything else.
    pub(crate) fn of_queue(call: &Document) -> Option<Node> {
        let queue = Some(call).filter(|call| call.namespace.as_deref() == Some("aws")).map(Node::of_call);
        queue.filter(|node| node.kind.as_deref() == Some(QUEUE))
    }

    /// The node that a subsegment of namespace `aws` or `remote` speaks of.
    pub fn of_call(subsegment: &Document) -> Node {
        Node::of_called(subsegment, subsegment.namespace.as_deref() == Some("aws"))
    }

    /// The node that a subsegment speaks of, or the segment that was made from it, if that is an AWS service's or not.
    pub(super) fn of_called(subsegment: &Document, is_aws: bool) -> Node {
        let account = account(subsegment);
        let node = |name: &str, kind: &str| Node {
            name: name.to_owned(),
            kind: Some(kind.to_owned()),
            account: account.clone(),
        };
        if !is_aws {
            let kind = if subsegment.sql.is_some() { "Database::SQL" } else { "remote" };
            return node(&subsegment.name, kind);
        }
        let text = |key: &str| subsegment.aws.as_ref().and_then(|aws| aws.text(key));
        // `resource_names` is for services without a member of their own. A call that names several is about none of them.
        let resource = |key: &str| text(key).or_else(|| only(subsegment.aws.as_ref()?.0.get("resource_names")?));
        match service_of(&subsegment.name) {
            "DynamoDB" => match resource("table_name") {
                Some(table) => node(table, "AWS::DynamoDB::Table"),
                None => node("DynamoDB", "AWS::DynamoDB"),
            },
            "SQS" => match resource("queue_url").and_then(last_part) {
                Some(queue) => node(queue, QUEUE),
                None => node("SQS", "AWS::SQS"),
            },
            "SNS" => node("SNS", "AWS::SNS"),
            "S3" => match resource("bucket_name") {
                Some(bucket) => node(bucket, "AWS::S3::Bucket"),
                None => node("S3", "AWS::S3"),
            },
            "Lambda" => match resource("function_name").and_then(function_name) {
                Some(function) => node(function, "AWS::Lambda"),
                None => node("Lambda", "AWS::Lambda"),
            },
            other => node(other, &format!("AWS::{other}")),
        }
    }
}

fn account(document: &Document) -> Option<String> {
    Some(document.aws.as_ref()?.text("account_id")?.to_owned())
}

/// The service in the spelling of X-Ray's types; SDKs differ in case (`dynamodb`, `DynamoDB`).
fn service_of(name: &str) -> &str {
    const KNOWN: [&str; 5] = ["DynamoDB", "SQS", "SNS", "S3", "Lambda"];
    KNOWN.into_iter().find(|known| known.eq_ignore_ascii_case(name)).unwrap_or(name)
}

/// What follows the last slash of a URL.
fn last_part(url: &str) -> Option<&str> {
    url.rsplit('/').next().filter(|part| !part.is_empty())
}

/// The name in a function's name or ARN, either of which may end with a version or an alias.
fn function_name(function: &str) -> Option<&str> {
    let name = function.rsplit_once("function:").map_or(function, |(_, name)| name);
    name.split(':').next().filter(|name| !name.is_empty())
}

/// The text in a list of one.
fn only(list: &Value) -> Option<&str> {
    match list.as_array()?.as_slice() {
        [one] => one.as_str(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_for_the_resource_they_name() {
        for (subsegment, expected) in [
            (
                r#"{"name":"dynamodb","namespace":"aws","aws":{"table_name":"orders"}}"#,
                ("orders", "AWS::DynamoDB::Table"),
            ),
            (r#"{"name":"DynamoDB","namespace":"aws","aws":{}}"#, ("DynamoDB", "AWS::DynamoDB")),
            (r#"{"name":"SQS","namespace":"aws","aws":{"queue_url":"http://q/1/jobs"}}"#, ("jobs", "AWS::SQS::Queue")),
            (
                r#"{"name":"DynamoDB","namespace":"aws","aws":{"resource_names":["orders"]}}"#,
                ("orders", "AWS::DynamoDB::Table"),
            ),
            (
                r#"{"name":"DynamoDB","namespace":"aws","aws":{"resource_names":["a","b"]}}"#,
                ("DynamoDB", "AWS::DynamoDB"),
            ),
            (r#"{"name":"SNS","namespace":"aws","aws":{"topic_arn":"arn:x"}}"#, ("SNS", "AWS::SNS")),
            (r#"{"name":"Lambda","namespace":"aws","aws":{"function_name":"pay"}}"#, ("pay", "AWS::Lambda")),
            (
                r#"{"name":"Lambda","namespace":"aws","aws":{"function_name":"arn:aws:lambda:x:1:function:pay:live"}}"#,
                ("pay", "AWS::Lambda"),
            ),
            (r#"{"name":"KMS","namespace":"aws"}"#, ("KMS", "AWS::KMS")),
            (r#"{"name":"api.stripe.com","namespace":"remote"}"#, ("api.stripe.com", "remote")),
            (r#"{"name":"ledger@db","namespace":"remote","sql":{"user":"a"}}"#, ("ledger@db", "Database::SQL")),
        ] {
            let node = Node::of_call(&Document::parse(subsegment).unwrap());
            assert_eq!((node.name.as_str(), node.kind.as_deref().unwrap()), expected, "{subsegment}");
        }
    }
}
