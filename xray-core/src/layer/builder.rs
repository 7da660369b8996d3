//! From settings to a layer.

use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::callsite::Callsites;
use super::rules::{self, Chosen, Source};
use super::table::SpanTable;
use super::{SegmentLayer, Shared};
use crate::clock::{Clock, SystemClock};
#[cfg(any(feature = "central-sampling", not(feature = "udp")))]
use crate::config::Origin;
#[cfg(feature = "central-sampling")]
use crate::config::Sampling;
use crate::config::{Config, ConfigError, ContextMissing, LateCapture, Settings, SpanFields};
use crate::diagnostics::{Code, Diagnostic, Diagnostics, DiagnosticsLevel, messages};
use crate::document::writer::Stamp;
use crate::emit::Emit;
use crate::emit::outlet::Outlet;
use crate::entropy::{Entropy, ThreadEntropy};
use crate::node::{Behaviour, Delivery, Recorder, Trust};
#[cfg(feature = "central-sampling")]
use crate::sampling::CentralSampler;
#[cfg(feature = "central-sampling")]
use crate::sampling::central::Report;
use crate::sampling::{Rules, Sample};
use crate::stats::Stats;
#[cfg(feature = "origins")]
use crate::{diagnostics::without_tracing, origin};

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
    settings: Settings,
    environment: bool,
    emitter: Option<Arc<dyn Emit>>,
    sampler: Option<Arc<dyn Sample>>,
    rules: Option<Source>,
    clock: Arc<dyn Clock>,
    /// It is not the machine's.
    own_clock: bool,
    entropy: Arc<dyn Entropy>,
    handler: Option<Handler>,
    synchronous: bool,
    service_version: Option<String>,
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
    /// are no central ones. [`CentralSampler`] can be told more.
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

    /// Takes the diagnostics (XR001 and so on) instead of standard error. Called on a thread of ours, in a synchronous
    /// layer also on yours, with `tracing` switched off.
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

    fn assemble(self) -> (SegmentLayer, Vec<ConfigError>) {
        let environment = self.environment;
        let (config, mut refused) = read(environment, self.settings);
        if !config.enabled.value {
            return (SegmentLayer { shared: None }, refused);
        }
        let in_lambda = config.in_lambda.value;
        let chosen = rules::choose(&config, self.rules, self.sampler, &self.clock, &self.entropy, &mut refused);
        let Chosen { sampler, reload, warnings, rules } = chosen;
        let mut explanation = config.explain();
        explanation.push_str(&rules);
        let stats = Arc::new(Stats::new());
        let mut diagnostics = Diagnostics::new(Arc::clone(&self.clock), config.diagnostics.value);
        if let Some(handler) = self.handler {
            diagnostics = diagnostics.with_handler(handler);
        }
        let diagnostics = Arc::new(diagnostics);
        #[cfg(feature = "central-sampling")]
        let sampler = if is_central(&config) {
            explanation
                .push_str("central sampling: the rules above decide while there are none of the X-Ray service\n");
            let central =
                CentralSampler::with_sources(&config.daemon.value, Arc::clone(&self.clock), Arc::clone(&self.entropy));
            let central = central
                .with_fallback_sampler(sampler)
                .with_report(Report { stats: Arc::clone(&stats), diagnostics: Arc::clone(&diagnostics) });
            Arc::new(central)
        } else {
            sampler
        };
        let emitter = match self.emitter {
            Some(emitter) => emitter,
            None => match daemon(&config, &self.clock) {
                Ok(emitter) => emitter,
                Err(error) => {
                    refused.push(error);
                    return (SegmentLayer { shared: None }, refused);
                }
            },
        };
        let outlet = Outlet::new(emitter, Arc::clone(&stats), Arc::clone(&diagnostics), config.daemon.origin);
        let origin = config.origin.value.as_deref();
        let detect = !in_lambda && origin == Some(Config::AUTO);
        let service_version = self.service_version.as_deref();
        let stamp = Stamp::new(service_version, origin.filter(|origin| *origin != Config::AUTO));
        let delivery = Delivery::new(
            &config.service.value,
            outlet,
            stats,
            diagnostics,
            Arc::clone(&self.clock),
            stamp,
            config.in_progress_after.value,
        )
        .with_reload(reload);
        let behaviour = Behaviour {
            trust: config.trust.value,
            context_missing: config.context_missing.value,
            in_lambda,
            collect_sql: config.sql_queries.value,
            late: config.late_capture_in_effect().value,
            root_spans: config.root_spans.value,
            stream_after: u32::try_from(config.stream_after.value).unwrap_or(u32::MAX),
        };
        let background = !(self.synchronous || in_lambda);
        let clock = self.own_clock.then_some(self.clock);
        let recorder =
            Recorder::new(&config.service.value, behaviour, clock, self.entropy, sampler, delivery, background);
        if detect {
            #[cfg(feature = "origins")]
            detect_origin(&recorder, self.service_version, environment);
        }
        for warning in warnings {
            recorder.report_each(Code::Xr025, || warning);
        }
        let shared = Shared {
            recorder: Arc::new(recorder),
            spans: SpanTable::new(),
            callsites: Callsites::new(config.span_fields.value),
            subscriber: Mutex::new(None),
            explanation,
        };
        (SegmentLayer { shared: Some(shared.published()) }, refused)
    }
}

/// Whether the service's rules decide. Rules that an operator gives win over a program that only asks for central ones;
/// `all` and `none` win in any case: that is how a developer records everything.
#[cfg(feature = "central-sampling")]
fn is_central(config: &Config) -> bool {
    let (sampling, rules) = (&config.sampling, &config.sampling_rules);
    let absolute = |rules: &String| ["all", "none"].iter().any(|word| rules.trim().eq_ignore_ascii_case(word));
    let by_operator = matches!(rules.origin, Origin::Variable(_));
    let overruled = by_operator && (sampling.origin == Origin::Code || rules.value.as_ref().is_some_and(absolute));
    sampling.value == Sampling::Central && !overruled && !config.in_lambda.value
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Finds out where the program runs while it goes on. A thread that cannot be started leaves the origin unknown.
#[cfg(feature = "origins")]
fn detect_origin(recorder: &Recorder, service_version: Option<String>, environment: bool) {
    let delivery = Arc::downgrade(&recorder.delivery);
    let ask = move || {
        let lookup = |name: &str| environment.then(|| std::env::var(name).ok()).flatten();
        // The HTTP client speaks through `log`, which some programs lead back into `tracing`.
        let found = without_tracing(|| origin::detect(&origin::Sources::new(&lookup)));
        if let Some(delivery) = delivery.upgrade() {
            delivery.set_stamp(Stamp::new(service_version.as_deref(), found.name).with_aws(&found.aws));
        }
    };
    let _ = std::thread::Builder::new().name("xray-origin".to_owned()).spawn(ask);
}

/// The settings in effect, and what is wrong with them: a variable that is not text, too.
fn read(environment: bool, settings: Settings) -> (Config, Vec<ConfigError>) {
    let not_unicode = RefCell::new(Vec::new());
    let lookup = |name: &str| {
        let value = if environment { std::env::var_os(name)? } else { return None };
        let refuse = |value: OsString| not_unicode.borrow_mut().extend(ConfigError::not_unicode(name, &value));
        value.into_string().map_err(refuse).ok()
    };
    let (config, mut refused) = Config::from_lookup_lossy(&lookup, settings);
    refused.extend(not_unicode.take());
    (config, refused)
}

#[cfg(feature = "udp")]
fn daemon(config: &Config, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Emit>, ConfigError> {
    Ok(Arc::new(crate::emit::Udp::new(config.daemon.value.clone()).with_clock(Arc::clone(clock))))
}

#[cfg(not(feature = "udp"))]
fn daemon(config: &Config, _: &Arc<dyn Clock>) -> Result<Arc<dyn Emit>, ConfigError> {
    Err(ConfigError::Value {
        setting: "emitter",
        origin: Origin::Code,
        value: config.daemon.value.to_string(),
        expected: "an emitter of the program's, or the feature `udp` of xray-core",
    })
}

#[cfg(all(test, feature = "central-sampling"))]
mod tests {
    use super::*;

    #[test]
    fn the_operators_word_decides_whose_rules_do() {
        let central = |asked: bool, variables: &[(&str, &str)]| {
            let lookup = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let sampling = asked.then_some(Sampling::Central);
            is_central(&Config::from_lookup(&lookup, Settings { sampling, ..Settings::default() }).unwrap())
        };
        let by_variable = ("XRAY_SAMPLING", "central");
        let cases = [
            (false, &[][..], false),
            (true, &[], true),
            (true, &[("XRAY_SAMPLING", "local")], false),
            (true, &[("XRAY_SAMPLING_RULES", "rules.json")], false),
            (false, &[by_variable], true),
            (false, &[by_variable, ("XRAY_SAMPLING_RULES", "rules.json")], true),
            (false, &[by_variable, ("XRAY_SAMPLING_RULES", " ALL ")], false),
            (false, &[by_variable, ("XRAY_SAMPLING_RULES", "none")], false),
            (false, &[by_variable, ("LAMBDA_TASK_ROOT", "/var/task")], false),
            (true, &[("LAMBDA_TASK_ROOT", "/var/task")], false),
        ];
        for (asked, variables, expected) in cases {
            assert_eq!(central(asked, variables), expected, "{asked} {variables:?}");
        }
    }
}
