//! The SQS client's part: the trace header goes out with each message, and comes back with it.
//!
//! The real service makes `AWSTraceHeader` of the request's `X-Amzn-Trace-Id` header, for every message of the request;
//! emulators and proxies do not. Written as an attribute it arrives everywhere, and SQS prefers it to the header.
//! Neither counts towards a message's size or its deduplication, both of which go by the body.
//!
//! Source: X-Ray Developer Guide, "Amazon SQS and AWS X-Ray"; SQS API Reference, `SendMessage`.

use aws_sdk_sqs::operation::receive_message::ReceiveMessageInput;
use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchInput;
use aws_sdk_sqs::types::{MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef,
    FinalizerInterceptorContextMut, FinalizerInterceptorContextRef, Input,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use xray_aws_sdk::XrayInterceptor;

/// The interceptor for an SQS client: that of [`xray_aws_sdk`], and messages that carry the trace header.
///
/// Each call becomes a subsegment and sends the HTTP header, as with `xray_aws_sdk::interceptor()`. Besides,
///
/// | operation | gets |
/// |---|---|
/// | `SendMessage` | the attribute `AWSTraceHeader`, with the subsegment of the send as `Parent` |
/// | `SendMessageBatch` | the same, in each entry |
/// | `ReceiveMessage` | a request for `AWSTraceHeader`, `SentTimestamp` and `ApproximateReceiveCount` |
///
/// What the caller set is not changed. Outside a trace sends get nothing; in one that is not sampled they say `Sampled=0`.
/// A receive asks in any case, and makes no noise outside a trace. No call fails because of it.
///
/// A client that has `xray_aws_sdk::interceptor()` besides, in either order, records each call once all the same.
///
/// # Examples
///
/// ```
/// let config = aws_sdk_sqs::Config::builder()
///     .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
///     .interceptor(xray_sqs::interceptor())
///     .build();
/// let sqs = aws_sdk_sqs::Client::from_conf(config);
/// ```
///
/// With the shared configuration: `aws_sdk_sqs::config::Builder::from(&shared).interceptor(xray_sqs::interceptor())`.
pub fn interceptor() -> SqsInterceptor {
    SqsInterceptor { calls: xray_aws_sdk::interceptor() }
}

/// Records the calls of an SQS client, and lets messages carry the trace header. Made by [`interceptor`].
#[derive(Clone, Debug)]
#[must_use = "an interceptor does nothing until a client has it"]
pub struct SqsInterceptor {
    calls: XrayInterceptor,
}

impl SqsInterceptor {
    /// Records calls with other settings.
    ///
    /// # Examples
    ///
    /// ```
    /// let interceptor = xray_sqs::interceptor().calls(xray_aws_sdk::interceptor().attempts(true));
    /// ```
    pub fn calls(self, calls: XrayInterceptor) -> SqsInterceptor {
        SqsInterceptor { calls }
    }
}

/// Hooks that are the calls' alone: all of them, so that none is missed when those come to use another.
macro_rules! pass_on {
    ($($hook:ident($context:ty)),+ $(,)?) => {$(
        fn $hook(&self, context: $context, parts: &RuntimeComponents, cfg: &mut ConfigBag) -> Result<(), BoxError> {
            self.calls.$hook(context, parts, cfg)
        }
    )+};
}

// `Err` from a hook would fail the caller's request: there is none, here and in the calls' interceptor.
impl Intercept for SqsInterceptor {
    fn name(&self) -> &'static str {
        "XraySqsInterceptor"
    }

    fn read_before_execution(
        &self,
        context: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.calls.read_before_execution(context, cfg)
    }

    /// The last hook in which the input can be changed, and the one in which the call's subsegment opens.
    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        parts: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let opened = self.calls.modify_before_serialization(context, parts, cfg);
        amend(context.input_mut(), cfg);
        opened
    }

    pass_on! {
        read_before_serialization(&BeforeSerializationInterceptorContextRef<'_>),
        read_after_serialization(&BeforeTransmitInterceptorContextRef<'_>),
        modify_before_retry_loop(&mut BeforeTransmitInterceptorContextMut<'_>),
        read_before_attempt(&BeforeTransmitInterceptorContextRef<'_>),
        modify_before_signing(&mut BeforeTransmitInterceptorContextMut<'_>),
        read_before_signing(&BeforeTransmitInterceptorContextRef<'_>),
        read_after_signing(&BeforeTransmitInterceptorContextRef<'_>),
        modify_before_transmit(&mut BeforeTransmitInterceptorContextMut<'_>),
        read_before_transmit(&BeforeTransmitInterceptorContextRef<'_>),
        read_after_transmit(&BeforeDeserializationInterceptorContextRef<'_>),
        modify_before_deserialization(&mut BeforeDeserializationInterceptorContextMut<'_>),
        read_before_deserialization(&BeforeDeserializationInterceptorContextRef<'_>),
        read_after_deserialization(&AfterDeserializationInterceptorContextRef<'_>),
        modify_before_attempt_completion(&mut FinalizerInterceptorContextMut<'_>),
        read_after_attempt(&FinalizerInterceptorContextRef<'_>),
        modify_before_completion(&mut FinalizerInterceptorContextMut<'_>),
        read_after_execution(&FinalizerInterceptorContextRef<'_>),
    }
}

fn amend(input: &mut Input, cfg: &ConfigBag) {
    if let Some(send) = input.downcast_mut::<SendMessageInput>() {
        if let Some(value) = header(cfg) {
            add(&mut send.message_system_attributes, &value);
        }
    } else if let Some(send) = input.downcast_mut::<SendMessageBatchInput>() {
        if let Some(value) = header(cfg) {
            for entry in send.entries.iter_mut().flatten() {
                add(&mut entry.message_system_attributes, &value);
            }
        }
    } else if let Some(receive) = input.downcast_mut::<ReceiveMessageInput>() {
        ask(receive.message_system_attribute_names.get_or_insert_default());
    }
}

type Attributes = std::collections::HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>;

/// The attribute's value: the header of the call's subsegment, in whose name the message is sent.
fn header(cfg: &ConfigBag) -> Option<MessageSystemAttributeValue> {
    let header = xray_aws_sdk::trace_header(cfg)?;
    MessageSystemAttributeValue::builder().data_type("String").string_value(header.to_string()).build().ok()
}

fn add(attributes: &mut Option<Attributes>, value: &MessageSystemAttributeValue) {
    let attributes = attributes.get_or_insert_default();
    attributes.entry(MessageSystemAttributeNameForSends::AwsTraceHeader).or_insert_with(|| value.clone());
}

fn ask(names: &mut Vec<MessageSystemAttributeName>) {
    if names.contains(&MessageSystemAttributeName::All) {
        return;
    }
    for name in [
        MessageSystemAttributeName::AwsTraceHeader,
        MessageSystemAttributeName::SentTimestamp,
        MessageSystemAttributeName::ApproximateReceiveCount,
    ] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
}
