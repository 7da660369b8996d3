//! What a layer decides by: rules given by a variable or the program, read from a file that may change, or a sampler of
//! the program's.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{Config, ConfigError, Origin};
use crate::diagnostics::messages;
use crate::node::Reload;
use crate::sampling::{LocalSampler, Rules, RulesError, Sample};
use crate::{Clock, Entropy};

/// Where rules come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Rules(Box<Rules>),
    File(PathBuf),
}

impl Source {
    /// From the text of a setting: a word, JSON, or a path.
    pub(super) fn from_setting(text: &str) -> Result<Source, RulesError> {
        match Rules::path_in_setting(text) {
            Some(path) => Ok(Source::File(path.into())),
            None => Rules::from_setting(text).map(|rules| Source::Rules(Box::new(rules))),
        }
    }

    pub(super) fn open(self, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<LocalSampler, RulesError> {
        let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
        match self {
            Source::Rules(rules) => Ok(LocalSampler::new(*rules, clock, entropy)),
            Source::File(path) => LocalSampler::from_file(path, clock, entropy),
        }
    }
}

/// What decides, and what there is to say about it.
pub(super) struct Chosen {
    pub(super) sampler: Arc<dyn Sample>,
    /// Where its rules stand in a file.
    pub(super) reload: Option<Reload>,
    pub(super) warnings: Vec<String>,
    /// The rules that it begins with, a line each; empty of a sampler of the program's.
    pub(super) rules: String,
}

/// A variable wins over code, also over a sampler. Rules that cannot be used are refused, and the default rule decides.
pub(super) fn choose(
    config: &Config,
    code: Option<Source>,
    sampler: Option<Arc<dyn Sample>>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    refused: &mut Vec<ConfigError>,
) -> Chosen {
    let (source, origin) = match &config.sampling_rules.value {
        Some(setting) => (Some(Source::from_setting(setting)), config.sampling_rules.origin),
        None => (code.map(Ok), Origin::Code),
    };
    let opened = source.map(|source| source.and_then(|source| source.open(clock, entropy)));
    let local = opened.transpose().unwrap_or_else(|error| {
        refused.push(ConfigError::Rules { origin, source: Box::new(error) });
        None
    });
    match (local, sampler) {
        (None, Some(sampler)) => Chosen { sampler, reload: None, warnings: Vec::new(), rules: String::new() },
        (local, _) => {
            let default = || LocalSampler::new(Rules::default(), Arc::clone(clock), Arc::clone(entropy));
            by_rules(config, local.unwrap_or_else(default), clock.monotonic())
        }
    }
}

fn by_rules(config: &Config, local: LocalSampler, now: u64) -> Chosen {
    let local = Arc::new(local);
    let rules = local.rules();
    let mut warnings: Vec<String> = rules.warnings().iter().map(|warning| messages::rules_warning(warning)).collect();
    let unused = rules.rules().iter().filter(|rule| rule.is_late() && !config.late_capture_in_effect().value.rules);
    warnings.extend(unused.map(|rule| messages::late_rules_unused(rule.name(), config.in_lambda.value)));
    let reload = local.file().map(|_| Reload::new(Arc::clone(&local), config.reload_after.value, now));
    let since = if reload.is_some() { "at the start, before any change of the file" } else { "in effect" };
    Chosen { sampler: local, reload, warnings, rules: format!("sampling rules {since}:\n{rules}\n") }
}
