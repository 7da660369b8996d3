//! What a call is: its service's name in the service map, its operation, where it goes; and which calls are ours to show.

use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::region::Region;
use xray_core::{AwsBlock, Namespace, Node, subsegment};

/// Service, operation and region of one call.
///
/// The service is the SDK id of its model (`DynamoDB`, `SQS`, `Route 53`), which is the name that X-Ray shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation<'a> {
    pub(crate) service: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
}

impl<'a> Operation<'a> {
    /// From the SDK's own state; `None` before the operation is known.
    pub(crate) fn of(cfg: &'a ConfigBag) -> Option<Operation<'a>> {
        let metadata = cfg.load::<Metadata>()?;
        let region = cfg.load::<Region>().map(AsRef::as_ref);
        Some(Operation { service: metadata.service(), name: Some(metadata.name()), region })
    }

    /// Opens the call's subsegment beneath the innermost node, with what `describe` adds. `None` for a call that has none
    /// by intention.
    pub(crate) fn open(&self, describe: impl FnOnce(&mut AwsBlock<'_>)) -> Option<Node> {
        if self.is_xrays_own() || (self.is_poll() && !xray_core::current().is_active()) {
            return None;
        }
        let call = subsegment(self.service).namespace(Namespace::Aws);
        Some(call.open_with(|call| {
            call.aws(|aws| {
                for (key, value) in [("operation", self.name), ("region", self.region)] {
                    if let Some(value) = value {
                        aws.text(key, value);
                    }
                }
                describe(aws);
            });
        }))
    }

    /// Sending a trace must not make one.
    fn is_xrays_own(&self) -> bool {
        let sends = ["PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets"];
        same_id(self.service, "XRay") && self.name.is_some_and(|name| sends.contains(&name))
    }

    /// A consumer asks for messages before there is a segment to work on them in: nothing is missing.
    fn is_poll(&self) -> bool {
        self.service == "SQS" && self.name == Some("ReceiveMessage")
    }
}

/// Whether two spellings (`X-Ray`, `xray`) mean the same service.
pub(crate) fn same_id(one: &str, other: &str) -> bool {
    fn letters(id: &str) -> impl Iterator<Item = u8> {
        id.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::telemetry::CapturedTelemetryAttributes;
    use xray_core::document::Document;
    use xray_core::segment;
    use xray_test::{Captured, ManualClock, SeededEntropy};

    use super::*;
    use crate::resource::Members;

    /// The subsegment of a call whose input has this member, or none.
    fn call(service: &'static str, operation: &'static str, member: &str, value: &str) -> Option<Document> {
        let mut cfg = ConfigBag::base();
        let mut captured = CapturedTelemetryAttributes::new();
        captured.insert(member, value);
        cfg.interceptor_state().store_put(captured).store_put(Metadata::new(operation, service));
        let xray = Captured::new(ManualClock::at(0.0), SeededEntropy::new(1));
        xray.run(|| {
            segment("web")
                .open()
                .in_scope(|| Operation::of(&cfg).unwrap().open(|aws| Members::resources().record(&cfg, aws)));
        });
        let [web] = xray.documents();
        web.subsegments.into_iter().next()
    }

    #[test]
    fn each_service_has_its_resource() {
        let function = "arn:aws:lambda:eu-central-1:123456789012:function:charge";
        for (service, operation, member, value, expected) in [
            (
                "SNS",
                "Publish",
                "TopicArn",
                "arn:aws:sns:x:1:t",
                r#"{"operation":"Publish","topic_arn":"arn:aws:sns:x:1:t"}"#,
            ),
            (
                "Lambda",
                "Invoke",
                "FunctionName",
                function,
                r#"{"function_name":"charge","operation":"Invoke","resource_names":["charge"]}"#,
            ),
            ("SQS", "CreateQueue", "QueueName", "orders", r#"{"operation":"CreateQueue","queue_name":"orders"}"#),
            ("Route 53", "ListHostedZones", "Marker", "m", r#"{"operation":"ListHostedZones"}"#),
        ] {
            let call = call(service, operation, member, value).unwrap();
            assert_eq!(call.name, service);
            let aws: std::collections::BTreeMap<_, _> = call.aws.as_ref().unwrap().0.iter().collect();
            assert_eq!(serde_json::to_string(&aws).unwrap(), expected);
        }
    }

    #[test]
    fn sending_traces_makes_none() {
        assert!(call("XRay", "PutTraceSegments", "", "").is_none());
        assert!(call("XRay", "GetTraceSummaries", "", "").is_some());
    }
}
