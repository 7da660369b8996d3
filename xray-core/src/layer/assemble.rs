//! What a builder's settings come to: rules, emitter, delivery and recorder, put together.
//!
//! Nothing is refused half-way: a setting that is wrong is told, and its default used, so that all that is wrong is told
//! at once.

use std::cell::RefCell;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};

use super::builder::Builder;
use super::callsite::Callsites;
use super::rules::{self, Chosen};
use super::table::SpanTable;
use super::{SegmentLayer, Shared};
use crate::clock::Clock;
#[cfg(any(feature = "central-sampling", not(feature = "udp")))]
use crate::config::Origin;
#[cfg(feature = "central-sampling")]
use crate::config::Sampling;
use crate::config::{Config, ConfigError, Settings};
use crate::diagnostics::{Code, Diagnostics};
use crate::document::writer::Stamp;
use crate::emit::Emit;
use crate::emit::outlet::Outlet;
use crate::node::{Behaviour, Delivery, Recorder};
#[cfg(feature = "central-sampling")]
use crate::sampling::CentralSampler;
#[cfg(feature = "central-sampling")]
use crate::sampling::central::Report;
use crate::stats::Stats;
#[cfg(feature = "origins")]
use crate::{diagnostics::without_tracing, origin};

impl Builder {
    /// The layer, and what is wrong with the settings.
    pub(super) fn assemble(self) -> (SegmentLayer, Vec<ConfigError>) {
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
