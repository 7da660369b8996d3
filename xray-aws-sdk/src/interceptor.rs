//! The interceptor: what each hook of an SDK call does for its subsegment.
//!
//! | hook | what happens |
//! |---|---|
//! | before execution | table, queue, topic, bucket, function are asked for |
//! | before serialization | the subsegment opens beneath the innermost node |
//! | before the retry loop | the trace header is set, and so stands on every attempt |
//! | before and after an attempt | attempts are counted, and shown as children on request |
//! | after execution | status, ids, error and cause are written, and the subsegment ends |
//!
//! Every hook answers `Ok`: an error from one would fail the host's call.

use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeSerializationInterceptorContextRef,
    BeforeTransmitInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{DisableInterceptor, Intercept};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::config_bag::ConfigBag;
use xray_core::{TraceHeader, header};

use crate::call::Call;
use crate::operation::Operation;
use crate::outcome;
use crate::resource::Members;

/// The interceptor for an AWS SDK client, with the usual settings: see the [crate's page](crate).
///
/// # Examples
///
/// ```
/// # use aws_types as aws_config;
/// fn queues(shared: &aws_config::SdkConfig) -> aws_sdk_sqs::Client {
///     let config = aws_sdk_sqs::config::Builder::from(shared).interceptor(xray_aws_sdk::interceptor());
///     aws_sdk_sqs::Client::from_conf(config.build())
/// }
/// ```
pub fn interceptor() -> XrayInterceptor {
    XrayInterceptor { members: Members::resources(), attempts: false }
}

/// The header that an SDK call under way carries, for interceptors that pass the trace on by other ways too (a message
/// attribute, a field of an event).
///
/// There from the hook `modify_before_serialization` on, for interceptors that were registered after ours. `None` where
/// the call has no subsegment: outside a trace, without our interceptor, when presigning.
///
/// # Examples
///
/// ```
/// use aws_smithy_types::config_bag::ConfigBag;
///
/// assert!(xray_aws_sdk::trace_header(&ConfigBag::base()).is_none());
/// ```
pub fn trace_header(cfg: &ConfigBag) -> Option<TraceHeader> {
    Call::of(cfg)?.trace_header()
}

/// Makes a subsegment of each call of an AWS SDK client. Made by [`interceptor()`].
///
/// It goes to the client (`Config::builder().interceptor(…)`). Given to a single call
/// (`.customize().interceptor(…)`) it works too, but comes too late to learn the table, queue, topic, bucket or function.
#[derive(Clone, Debug)]
#[must_use = "an interceptor does nothing until a client has it"]
pub struct XrayInterceptor {
    members: Members,
    attempts: bool,
}

impl XrayInterceptor {
    /// Whether each attempt is shown as a child of the call, `attempt 1`, `attempt 2`, with a status and cause of its
    /// own. Default: no; a call that was retried then tells the number of retries only.
    pub fn attempts(mut self, show: bool) -> Self {
        self.attempts = show;
        self
    }

    /// Records further members of the inputs, by their names in the service's model: `capture(["StreamName", "Prefix"])`
    /// becomes `stream_name` and `prefix` in the `aws` block, for every operation that has such a member.
    ///
    /// Text at the top level of an input only. Default: the names of tables, indexes, queues, topics, buckets and functions.
    /// What is named here leaves the process: object keys and message bodies may say more than a trace should.
    pub fn capture(mut self, members: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        for member in members {
            self.members.add(member.as_ref());
        }
        self
    }
}

impl XrayInterceptor {
    /// Opens the call's subsegment, unless it was opened before.
    fn open(&self, cfg: &mut ConfigBag) {
        if Call::of(cfg).is_some() || is_presigning(cfg) {
            return;
        }
        let opened = Operation::of(cfg).and_then(|operation| operation.open(|aws| self.members.record(cfg, aws)));
        if let Some(node) = opened {
            cfg.interceptor_state().store_put(Call::new(node, self.attempts));
        }
    }
}

impl Intercept for XrayInterceptor {
    fn name(&self) -> &'static str {
        "XrayInterceptor"
    }

    fn read_before_execution(
        &self,
        _context: &BeforeSerializationInterceptorContextRef<'_>,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if xray_core::current().is_recording() {
            self.members.ask(cfg);
        }
        Ok(())
    }

    /// Not before: an interceptor of a client does not know the operation in the hook above. Nothing waits in between.
    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.open(cfg);
        Ok(())
    }

    /// A header that is there already was set by the host, on purpose; the SDK's own comes later and gives way to ours.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.request_mut().headers_mut();
        if !headers.contains_key(header::NAME)
            && let Some(value) = trace_header(cfg)
        {
            insert(headers, &value);
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(call), Some(attempts)) = (Call::of(cfg), cfg.load::<RequestAttempts>()) {
            call.begin_attempt(attempts.attempts());
        }
        Ok(())
    }

    /// In each attempt: the SDK copies headers to a further attempt, not extensions.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        context.request_mut().add_extension(Intercepted);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(attempt) = Call::of(cfg).and_then(Call::take_attempt) {
            outcome::record(&attempt, context);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A call that failed before it could open its subsegment (no endpoint for its input) is told all the same.
        if matches!(context.output_or_error(), Some(Err(_))) {
            self.open(cfg);
        }
        if let Some(node) = Call::of(cfg).and_then(Call::take) {
            outcome::record(&node, context);
        }
        Ok(())
    }
}

/// Sets the trace header. It is visible ASCII; were it refused, the call would go out as it was.
pub(crate) fn insert(headers: &mut Headers, value: &TraceHeader) {
    let mut text = Vec::new();
    value.write_to(&mut text);
    let text = String::from_utf8(text);
    let _ = text.map(|text| headers.try_insert(header::NAME, text));
}

/// On a request whose call an interceptor looks after: the wrapped HTTP client then leaves it alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intercepted;

/// Whether a URL is being made for somebody else to use later: nothing is called, and a header would be part of it.
///
/// The SDK then turns its invocation id off, and says why in the switch, which has no other way to be read.
fn is_presigning(cfg: &ConfigBag) -> bool {
    let switch = cfg.load::<DisableInterceptor<InvocationIdInterceptor>>();
    switch.is_some_and(|switch| format!("{switch:?}").contains("presigning"))
}
