//! What a call works on: table, queue, topic, bucket, function, from members of its input.
//!
//! The SDK copies top-level text members that were asked for by their Smithy name, and only those: a list of names is
//! allowed, nothing else of an input is read. `BatchGetItem` names its tables in a map and is shown without one.

use std::sync::Arc;

use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::telemetry::{CapturedTelemetryAttributes, RequestedTelemetryAttributes};
use xray_core::AwsBlock;

/// A member of an input, and the key of the `aws` block that it becomes.
#[derive(Clone, Debug)]
struct Member {
    name: Arc<str>,
    key: Arc<str>,
    /// Written as `resource_names` too: the service map names the node after it.
    names_resource: bool,
}

/// Which members of an input are recorded.
#[derive(Clone, Debug)]
pub(crate) struct Members {
    members: Vec<Member>,
    request: RequestedTelemetryAttributes,
}

impl Members {
    /// Those that X-Ray's own SDKs record and that name what is called.
    pub(crate) fn resources() -> Members {
        let mut members = Members { members: Vec::new(), request: RequestedTelemetryAttributes::default() };
        for (name, key, names_resource) in RESOURCES {
            members.push(name, key, names_resource);
        }
        members
    }

    /// Adds a member under its name in snake case.
    pub(crate) fn add(&mut self, name: &str) {
        if !self.request.should_capture(name) {
            self.push(name, &snake_case(name), false);
        }
    }

    fn push(&mut self, name: &str, key: &str, names_resource: bool) {
        self.members.push(Member { name: name.into(), key: key.into(), names_resource });
        self.request.capture_only([name]);
    }

    /// Asks the SDK for them, beside what the host asked for itself. Not for the SDK's metrics: their label values
    /// must be few.
    pub(crate) fn ask(&self, cfg: &mut ConfigBag) {
        let request = match cfg.load::<RequestedTelemetryAttributes>() {
            None => self.request.clone(),
            Some(theirs) => {
                let mut both = theirs.clone();
                both.capture_only(
                    self.members.iter().map(|member| &member.name).filter(|name| !theirs.should_capture(name)),
                );
                both
            }
        };
        cfg.interceptor_state().store_put(request);
    }

    /// Writes what the SDK copied.
    pub(crate) fn record(&self, cfg: &ConfigBag, aws: &mut AwsBlock<'_>) {
        let Some(captured) = cfg.load::<CapturedTelemetryAttributes>() else { return };
        for member in &self.members {
            // One or two are there: comparing is a tenth of hashing each name.
            let Some((_, value)) = captured.iter().find(|(name, _)| *name == &*member.name) else { continue };
            let value = if member.names_resource { plain_name(value) } else { value };
            aws.text(&member.key, value);
            if member.names_resource {
                aws.value("resource_names", [value]);
            }
        }
    }
}

/// The name in an ARN of a table (`…:table/orders`) or function (`…:function:orders:live`); others stay as they are.
///
/// One table called by name here and by ARN there is one node of the service map.
fn plain_name(value: &str) -> &str {
    // Most are called by name: to look for a byte takes a tenth of looking for both marks.
    if !value.bytes().any(|byte| byte == b':') {
        return value;
    }
    let named =
        |mark, end| value.split_once(mark).map(|(_, rest): (&str, &str)| rest.split(end).next().unwrap_or(rest));
    named(":table/", '/').or_else(|| named(":function:", ':')).filter(|name| !name.is_empty()).unwrap_or(value)
}

/// `QueueUrl` as `queue_url`, `VPCId` as `vpc_id`.
fn snake_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut letters = name.chars().peekable();
    let mut before: Option<char> = None;
    while let Some(letter) = letters.next() {
        let word_ends = before.is_some_and(|before| !before.is_uppercase());
        let word_begins = before.is_some() && letters.peek().is_some_and(|after| after.is_lowercase());
        if letter.is_uppercase() && (word_ends || word_begins) {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
        before = Some(letter);
    }
    out
}

/// Member, key, whether it is the resource's name. Source: the parameter lists of AWS's X-Ray SDKs.
const RESOURCES: [(&str, &str, bool); 7] = [
    ("TableName", "table_name", true),
    ("IndexName", "index_name", false),
    ("QueueUrl", "queue_url", false),
    ("QueueName", "queue_name", false),
    ("TopicArn", "topic_arn", false),
    ("Bucket", "bucket_name", true),
    ("FunctionName", "function_name", true),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_of_arns() {
        assert_eq!(plain_name("orders"), "orders");
        assert_eq!(plain_name("arn:aws:dynamodb:eu-central-1:123456789012:table/orders/index/by_day"), "orders");
        assert_eq!(plain_name("arn:aws:lambda:eu-central-1:123456789012:function:charge:live"), "charge");
        assert_eq!(plain_name("123456789012:function:charge"), "charge");
        assert_eq!(
            plain_name("arn:aws:dynamodb:eu-central-1:123456789012:table/"),
            "arn:aws:dynamodb:eu-central-1:123456789012:table/"
        );
    }

    #[test]
    fn members_become_keys() {
        for (name, key) in [
            ("QueueUrl", "queue_url"),
            ("Key", "key"),
            ("StateMachineArn", "state_machine_arn"),
            ("StreamARN", "stream_arn"),
            ("SSECustomerKeyMD5", "sse_customer_key_md5"),
            ("", ""),
        ] {
            assert_eq!(snake_case(name), key);
        }
    }

    #[test]
    fn what_the_host_asked_for_stays_asked_for() {
        let mut cfg = ConfigBag::base();
        cfg.interceptor_state().store_put(RequestedTelemetryAttributes::new(["Bucket", "Key"]));
        let mut members = Members::resources();
        members.add("Prefix");
        members.ask(&mut cfg);
        let asked = cfg.load::<RequestedTelemetryAttributes>().unwrap();
        assert!(asked.should_emit("Bucket") && asked.should_emit("Key"));
        assert!(asked.should_capture("Prefix") && !asked.should_emit("Prefix"));
        assert!(asked.should_capture("TableName") && !asked.should_emit("TableName"));
        assert!(!asked.should_capture("MessageBody"));
    }
}
