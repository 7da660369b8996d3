//! From settings to a layer.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::SegmentLayer;
use super::rules::Source;
use crate::clock::{Clock, SystemClock};
#[cfg(feature = "origins")]
use crate::config::Config;
#[cfg(feature = "central-sampling")]
use crate::config::Sampling;
use crate::config::{ConfigError, ContextMissing, LateCapture, Settings, SpanFields};
use crate::diagnostics::{Code, Diagnostic, DiagnosticsLevel, messages};
use crate::emit::Emit;
use crate::entropy::{Entropy, ThreadEntropy};
use crate::node::Trust;
use crate::sampling::{Rules, Sample};

/// A layer for this service, configured by the environment. What is wrong there is told (XR025) and its default used.
///
/// Sends to the daemon at `AWS_XRAY_DAEMON_ADDRESS`, or 127.0.0.1:2000; samples by `XRAY_SAMPLING_RULES`, or one request a
/// second and 5 % of the rest. [`SETTINGS`](crate::SETTINGS) is the table of variables.
///
/// # Examples
///
/// ```
/// use tracing_subscriber::prelude::*;
///
/// let subscriber = tracing_subscriber::registry().with(xray_core::layer("orders")).with(tracing_subscriber::fmt::layer());
/// # drop(subscriber);
/// ```
pub fn layer(service: impl Into<String>) -> SegmentLayer {
    Builder::new(service.into()).build_lossy()
}

/// As [`layer()`], with an error where a setting is wrong.
///
/// # Errors
///
/// [`ConfigError`] names the variable, its value and what is expected; for sampling rules also file, rule and field.
///
/// # Examples
///
/// ```
/// let layer = xray_core::try_layer("orders")?;
/// println!("{}", layer.explain());
/// # Ok::<(), xray_core::ConfigError>(())
/// ```
pub fn try_layer(service: impl Into<String>) -> Result<SegmentLayer, ConfigError> {
    Builder::new(service.into()).build()
}

/// What diagnostics are handed to instead of standard error.
type Handler = Box<dyn Fn(&Diagnostic) + Send + Sync>;

/// Settings of a [`SegmentLayer`]. Made by [`SegmentLayer::builder`].
///
/// Variables of the environment win over what is set here, as operators of X-Ray's SDKs expect; see
/// [`Builder::without_environment`].
///
/// # Examples
///
/// ```
/// use xray_core::{JsonLines, SegmentLayer, SpanFields};
///
/// let layer = SegmentLayer::builder("orders")
///     .emitter(JsonLines::new(std::io::stdout()))
///     .span_fields(SpanFields::Only(vec!["order_id".into()]))
///     .build()?;
/// # drop(layer);
/// # Ok::<(), xray_core::ConfigError>(())
/// ```
#[must_use = "a layer is made by `build`"]
pub struct Builder {
    pub(super) settings: Settings,
    pub(super) environment: bool,
    pub(super) emitter: Option<Arc<dyn Emit>>,
    pub(super) sampler: Option<Arc<dyn Sample>>,
    pub(super) rules: Option<Source>,
    pub(super) clock: Arc<dyn Clock>,
    /// It is not the machine's.
    pub(super) own_clock: bool,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) handler: Option<Handler>,
    pub(super) synchronous: bool,
    pub(super) service_version: Option<String>,
}

impl Builder {
    pub(super) fn new(service: String) -> Builder {
        Builder {
            settings: Settings { service: Some(service), ..Settings::default() },
            environment: true,
            emitter: None,
            sampler: None,
            rules: None,
            clock: Arc::new(SystemClock),
            own_clock: false,
            entropy: Arc::new(ThreadEntropy),
            handler: None,
            synchronous: false,
            service_version: None,
        }
    }

    /// Where documents go, instead of to the daemon.
    pub fn emitter(mut self, emitter: impl Emit) -> Self {
        self.emitter = Some(Arc::new(emitter));
        self
    }

    /// The daemon's address: `host:port`, or `udp:host:port tcp:host:port`.
    pub fn daemon_address(mut self, address: impl Into<String>) -> Self {
        self.settings.daemon = Some(address.into());
        self
    }

    /// Sampling rules. Of this and [`Builder::sampler`] the later holds.
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(Source::Rules(Box::new(rules)));
        self.sampler = None;
        self
    }

    /// Sampling rules in a JSON file, which is read again when it changes: see
    /// [`reload_rules_every`](Builder::reload_rules_every). A new version that cannot be used is told (XR028), and the
    /// rules in force stay. Of this, [`Builder::rules`] and [`Builder::sampler`] the last holds.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::SegmentLayer;
    ///
    /// let refused = SegmentLayer::builder("orders").without_environment().rules_file("no/such/file.json").build();
    /// assert!(format!("{:?}", refused.unwrap_err()).contains("no/such/file.json"));
    /// ```
    pub fn rules_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.rules = Some(Source::File(path.into()));
        self.sampler = None;
        self
    }

    /// How often a file of rules, from code or a variable, is looked at for changes: every 10 s unless said, zero for
    /// never. A synchronous layer has no thread to do it: see [`SegmentLayer::reload_rules`].
    pub fn reload_rules_every(mut self, time: Duration) -> Self {
        self.settings.reload_after = Some(time);
        self
    }

    /// What is kept, for how it ends, of requests that were not sampled: what rules on the response ask for, unless
    /// said. Never in AWS Lambda.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use xray_core::{LateCapture, SegmentLayer};
    ///
    /// let late = LateCapture::rules().with_faults().with_slower_than(Duration::from_secs(2));
    /// let layer = SegmentLayer::builder("orders").late_capture(late).build()?;
    /// # Ok::<(), xray_core::ConfigError>(())
    /// ```
    pub fn late_capture(mut self, late: LateCapture) -> Self {
        self.settings.late_capture = Some(late);
        self
    }

    /// Records everything: for development, tests and staging.
    pub fn sample_all(self) -> Self {
        self.rules(Rules::all())
    }

    /// Decides by other means than rules. Of this and [`Builder::rules`] the later holds.
    pub fn sampler(mut self, sampler: impl Sample) -> Self {
        self.sampler = Some(Arc::new(sampler));
        self.rules = None;
        self.settings.sampling = None;
        self
    }

    /// Decides by the rules of the X-Ray service, asked for through the daemon; what [`Builder::rules`] says holds while
    /// there are none. In AWS Lambda the platform decides, and this does nothing. Of this and [`Builder::sampler`] the
    /// later holds.
    ///
    /// `XRAY_SAMPLING=central` does the same, and `XRAY_SAMPLING=local` undoes it. `XRAY_SAMPLING_RULES` undoes it too, for
    /// development and staging; beside `XRAY_SAMPLING=central` only `all` and `none` do, and other rules hold while there
    /// are no central ones. [`CentralSampler`](crate::sampling::CentralSampler) can be told more.
    ///
    /// # Examples
    ///
    /// ```
    /// let layer = xray_core::SegmentLayer::builder("orders").central_sampling().build()?;
    /// # drop(layer);
    /// # Ok::<(), xray_core::ConfigError>(())
    /// ```
    #[cfg(feature = "central-sampling")]
    #[cfg_attr(docsrs, doc(cfg(feature = "central-sampling")))]
    pub fn central_sampling(mut self) -> Self {
        self.settings.sampling = Some(Sampling::Central);
        self.sampler = None;
        self
    }

    /// How far incoming headers are believed.
    pub fn trust(mut self, trust: Trust) -> Self {
        self.settings.trust = Some(trust);
        self
    }

    /// What happens to a subsegment that is asked for where no segment is open.
    pub fn context_missing(mut self, strategy: ContextMissing) -> Self {
        self.settings.context_missing = Some(strategy);
        self
    }

    /// Which fields of spans and events leave the process, besides `annotation.*` and `metadata.*`.
    pub fn span_fields(mut self, fields: SpanFields) -> Self {
        self.settings.span_fields = Some(fields);
        self
    }

    /// Records the text of database queries (`db.statement`, `db.query.text`), which may hold parameters.
    pub fn collect_sql_queries(mut self, collect: bool) -> Self {
        self.settings.sql_queries = Some(collect);
        self
    }

    /// Whether a span with nothing above it opens a segment of its own. On unless said.
    pub fn root_spans(mut self, open: bool) -> Self {
        self.settings.root_spans = Some(open);
        self
    }

    /// Finished subsegments of a segment beyond which they are sent early: 100 unless said.
    pub fn stream_after(mut self, subsegments: usize) -> Self {
        self.settings.stream_after = Some(subsegments);
        self
    }

    /// How long something is open before it is announced as in progress: 5 s unless said, zero for never.
    pub fn in_progress_after(mut self, time: Duration) -> Self {
        self.settings.in_progress_after = Some(time);
        self
    }

    /// The version of the service, written to each segment.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = Some(version.into());
        self
    }

    /// What the service runs on, as `AWS::ECS::Container`: the type of its node in the service map, and what sampling
    /// rules call its service type.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.settings.origin = Some(origin.into());
        self
    }

    /// Asks the machine what the service runs on: EC2, ECS, EKS or Elastic Beanstalk. `XRAY_ORIGIN=auto` does the same.
    ///
    /// Asked on a thread of its own, with short time-outs, and not at all in AWS Lambda. Segments that end before the
    /// answer is there (mostly a few milliseconds) say nothing of it; where there is none, none ever does.
    ///
    /// The segments then carry `origin`, and in `aws` the instance, the container or the pod, and the log group:
    ///
    /// ```json
    /// {"origin": "AWS::ECS::Container",
    ///  "aws": {"ecs": {"container": "ip-10-0-0-7", "task_family": "orders", "launch_type": "FARGATE"},
    ///          "cloudwatch_logs": [{"log_group": "/ecs/orders"}]}}
    /// ```
    ///
    /// EKS does not tell the cluster's name without TLS; it is that of `k8s.cluster.name` in `OTEL_RESOURCE_ATTRIBUTES`.
    #[cfg(feature = "origins")]
    #[cfg_attr(docsrs, doc(cfg(feature = "origins")))]
    pub fn detect_origin(mut self) -> Self {
        self.settings.origin = Some(Config::AUTO.to_owned());
        self
    }

    /// Documents leave on the thread that ends them, instead of on the sender thread. For AWS Lambda, where it is set
    /// by itself, and for tests.
    pub fn synchronous(mut self) -> Self {
        self.synchronous = true;
        self
    }

    /// Another source of time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self.own_clock = true;
        self
    }

    /// Another source of ids and sampling draws.
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.entropy = Arc::new(entropy);
        self
    }

    /// Takes the diagnostics (XR001 and so on) instead of standard error. Called on a thread of ours; in a synchronous
    /// layer, and by a flush or shutdown, also on yours; with `tracing` switched off.
    pub fn on_diagnostic(mut self, handler: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        self.handler = Some(Box::new(handler));
        self
    }

    /// How much is told.
    pub fn diagnostics(mut self, level: DiagnosticsLevel) -> Self {
        self.settings.diagnostics = Some(level);
        self
    }

    /// Whether this is AWS Lambda, where the platform owns the segment; told by `LAMBDA_TASK_ROOT` unless said.
    pub fn lambda(mut self, lambda: bool) -> Self {
        self.settings.in_lambda = Some(lambda);
        self
    }

    /// `false` switches everything off: the layer then does nothing, at no cost.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.settings.enabled = Some(enabled);
        self
    }

    /// Reads no variables: for tests, and for libraries that bring a layer of their own.
    pub fn without_environment(mut self) -> Self {
        self.environment = false;
        self
    }

    /// Makes the layer.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], for the first setting that is wrong.
    pub fn build(self) -> Result<SegmentLayer, ConfigError> {
        let (layer, refused) = self.assemble();
        refused.into_iter().next().map_or(Ok(layer), Err)
    }

    /// Makes the layer; what is wrong is told (XR025) and its default used.
    pub fn build_lossy(self) -> SegmentLayer {
        let (layer, refused) = self.assemble();
        if let Some(shared) = &layer.shared {
            for error in refused {
                shared.recorder.report_each(Code::Xr025, || messages::setting_refused(&error));
            }
        }
        layer
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}
