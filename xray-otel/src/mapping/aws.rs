//! The `aws` block of a call.

use serde_json::{Map, Value as Json};
use xray_core::document::{Aws, Document};

use super::attributes::{Reader, cut};
use super::rest;
use crate::losses::Losses;

/// Texts: names of attributes, and the key they go under.
const TEXTS: &[(&[&str], &str)] = &[
    (&["aws.account_id", "cloud.account.id"], "account_id"),
    (&["aws.region", "cloud.region"], "region"),
    (&["aws.request_id", "aws.requestId"], "request_id"),
    (&["aws.queue_url", "aws.queue.url", "aws.sqs.queue.url", "messaging.url"], "queue_url"),
    (&["aws.sns.topic.arn", "aws.topic_arn"], "topic_arn"),
    (&["aws.function_name", "faas.invoked_name"], "function_name"),
    (&["aws.s3.bucket"], "bucket_name"),
    (&["aws.s3.key"], "key"),
    (&["aws.log_type"], "log_type"),
];

pub(super) fn describe(document: &mut Document, reader: &mut Reader<'_>, losses: &mut Losses) {
    let is_aws = document.namespace.as_deref() == Some("aws");
    let mut aws = Map::new();
    let operation = reader.text(&["aws.operation"]);
    let method = if is_aws { reader.text(&["rpc.method", "messaging.operation.name"]) } else { None };
    // `DynamoDB/PutItem` in newer conventions.
    let method = method.map(|method| method.rsplit_once('/').map_or(method, |(_, operation)| operation));
    if let Some(operation) = operation.or(method) {
        insert(&mut aws, "operation", operation, losses);
    }
    for (names, key) in TEXTS {
        if let Some(text) = reader.text(names) {
            insert(&mut aws, key, text, losses);
        }
    }
    let tables = reader.texts(&["aws.table_names", "aws.dynamodb.table_names", "aws.table_name", "aws.table.name"]);
    match tables.as_deref() {
        Some([table]) => insert(&mut aws, "table_name", table, losses),
        Some(tables) => {
            let tables = tables.iter().take(TABLES).map(|table| Json::String(short(table, losses)));
            aws.insert("table_names".to_owned(), Json::Array(tables.collect()));
        }
        None => {}
    }
    if let Some(names) = reader.texts(&["aws.resource_names"]) {
        let names = names.iter().take(TABLES).map(|name| Json::String(short(name, losses)));
        aws.insert("resource_names".to_owned(), Json::Array(names.collect()));
    }
    if let Some(retries) = reader.int(&["aws.xray.retries", "aws.retries"]).filter(|retries| *retries >= 0) {
        aws.insert("retries".to_owned(), retries.into());
    }
    restore(&mut aws, reader);
    if !aws.is_empty() {
        document.aws = Some(Aws(aws));
    }
}

/// Keys that had been X-Ray's before they became an attribute, as JSON text.
pub(super) fn restore(aws: &mut Map<String, Json>, reader: &mut Reader<'_>) {
    let Some(members) = reader.take(&["aws.xray.aws"], |value| rest::object(value.as_str()?)) else { return };
    for (key, value) in members {
        match (aws.get_mut(&key), value) {
            (Some(Json::Object(there)), Json::Object(more)) => there.extend(more),
            (Some(_), _) => {}
            (None, value) => {
                aws.insert(key, value);
            }
        }
    }
}

fn insert(aws: &mut Map<String, Json>, key: &str, text: &str, losses: &mut Losses) {
    aws.insert(key.to_owned(), Json::String(short(text, losses)));
}

fn short(text: &str, losses: &mut Losses) -> String {
    cut(text, SHORT_CHARS, losses).into_owned()
}

/// Longest of these texts, characters. Source: X-Ray Developer Guide, "Segment documents" (250, unless it says more).
const SHORT_CHARS: usize = 250;
/// Most tables of one call that are kept. Source: DynamoDB's `BatchGetItem`, 100 items of as many tables.
const TABLES: usize = 100;
