//! The local rules a layer decides by: given by the program, or read from a file that may change.

use std::path::PathBuf;
use std::sync::Arc;

use crate::sampling::{LocalSampler, Rules, RulesError};
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
