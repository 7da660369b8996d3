//! What X-Ray's API does not have: two operations of the console's own, called as X-Ray's are.
//!
//! AWS X-Ray answers neither, so no command that works against both needs them.

use serde::{Deserialize, Serialize};

use super::operation::Route;
use super::{Api, ApiError, Empty, Operation};
use crate::intake::{Counters, SenderCounts, Trouble};

/// Both, by path.
pub(super) static ROUTES: [Route; 2] = [Route::query::<ClearTraces>(), Route::query::<GetIntake>()];

/// Forgets all traces. Groups, sampling rules and all else that was put stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearTraces {}

/// Asks what came in and from whom, and what was refused, repaired or dropped, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetIntake {}

/// What came in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetIntakeAnswer {
    /// Counts since the start.
    pub counters: Counters,
    /// Who sent, the last to send first.
    #[serde(default)]
    pub senders: Vec<SenderCounts>,
    /// What went wrong lately, newest first.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
}

impl Operation for ClearTraces {
    type Answer = Empty;
    const NAME: &'static str = "ClearTraces";
    const PATH: &'static str = "/ClearTraces";

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        api.store().clear();
        Ok(Empty {})
    }
}

impl Operation for GetIntake {
    type Answer = GetIntakeAnswer;
    const NAME: &'static str = "GetIntake";
    const PATH: &'static str = "/Intake";

    fn answer(self, api: &Api) -> Result<GetIntakeAnswer, ApiError> {
        let intake = api.intake();
        Ok(GetIntakeAnswer { counters: intake.counters(), senders: intake.senders(), troubles: intake.troubles() })
    }
}
