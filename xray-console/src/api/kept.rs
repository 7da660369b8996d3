//! What is put and got back, kept beside the traces where the store has a file.
//!
//! All of it is some kilobytes (25 groups, 25 rules, 50 tags each, 5 policies), so it is written whole.

use serde::{Deserialize, Serialize};

use crate::sampling::RuleSet;

use super::groups::Groups;
use super::policies::Policies;
use super::settings::Settings;
use super::tags::Tags;
use super::{Api, ApiError, Operation, State};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Keep<'a> {
    groups: &'a Groups,
    policies: &'a Policies,
    settings: &'a Settings,
    tags: &'a Tags,
    sampling: RuleSet,
}

/// What was kept by an earlier process. What that one did not know is absent.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Kept {
    pub(super) groups: Groups,
    pub(super) policies: Policies,
    pub(super) settings: Option<Settings>,
    pub(super) tags: Tags,
    pub(super) sampling: Option<RuleSet>,
}

impl Kept {
    /// Of a store; the beginning of an account where there is nothing. An error if it cannot be read.
    pub(super) fn of(json: Option<&str>) -> Result<Kept, serde_json::Error> {
        let kept: Kept = json.map_or_else(|| Ok(Kept::default()), serde_json::from_str)?;
        Ok(Kept { groups: kept.groups.whole(), sampling: kept.sampling.filter(RuleSet::is_whole), ..kept })
    }
}

impl Api {
    /// The answer of an operation, once what it changed is on disk.
    pub(super) fn kept<O: Operation>(&self, answer: O::Answer) -> Result<O::Answer, ApiError> {
        if O::CHANGES && self.store().keeps() {
            {
                // Under the lock, so that changes come to the file in their order.
                let state = self.state();
                let State { groups, policies, settings, tags, .. } = &*state;
                let keep = Keep { groups, policies, settings, tags, sampling: self.sampling().rules() };
                let json = serde_json::to_string(&keep)
                    .map_err(|error| ApiError::internal(format!("what was changed cannot be written: {error}")))?;
                self.store().keep(json);
            }
            self.store().flush().map_err(|error| ApiError::internal(error.to_string()))?;
        }
        Ok(answer)
    }
}
