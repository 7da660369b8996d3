//! An operation of X-Ray's API: its request, its answer, and where it is sent.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::intake::Sender;

use super::{Api, ApiError};

/// One operation: the value is the request.
///
/// Requests and answers are written and read alike, so the same types serve whoever answers and whoever asks. Member
/// names are the model's; what it marks as required is a plain field, the rest an `Option` that is left out when none.
///
/// # Examples
///
/// ```
/// use xray_console::api::{GetGroups, Operation};
///
/// assert_eq!(GetGroups::PATH, "/Groups");
/// assert_eq!(serde_json::to_string(&GetGroups::default())?, "{}");
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait Operation: Serialize + DeserializeOwned + Send + 'static {
    /// What is answered.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// The operation's name in X-Ray's model.
    const NAME: &'static str;

    /// Where it is posted to; one segment, not always the name.
    const PATH: &'static str;

    /// Whether it changes what is kept beside the traces: groups, sampling rules, tags, policies, settings. A store in a
    /// file takes that along, and has it on disk before there is an answer.
    const CHANGES: bool = false;

    /// Answers it, from what this console holds.
    ///
    /// # Errors
    ///
    /// [`ApiError`], one of those that X-Ray's model names for the operation.
    fn answer(self, api: &Api) -> Result<Self::Answer, ApiError>;

    /// The same, where it matters who asks.
    ///
    /// # Errors
    ///
    /// As [`answer`](Operation::answer).
    fn answer_to(self, _from: Sender, api: &Api) -> Result<Self::Answer, ApiError> {
        self.answer(api)
    }
}

/// An answer without members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// Who may call an operation, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What SDKs and daemons call: segments in, sampling rules out. They send no token and call sidecars by name.
    Intake,
    /// What people and their tools call.
    Query,
    /// What a browser shows: a query that a link on any page may lead to.
    #[cfg(feature = "web")]
    Page,
}

type Call = fn(&Api, Sender, &[u8]) -> Result<Vec<u8>, ApiError>;

/// An operation as the server finds it: by path, its types left behind.
pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    /// Reads the request's body, answers with the answer's.
    pub(crate) call: Call,
}

impl Route {
    pub(crate) const fn intake<O: Operation>() -> Route {
        Route { name: O::NAME, path: O::PATH, kind: Kind::Intake, call: call::<O> }
    }

    pub(crate) const fn query<O: Operation>() -> Route {
        Route { name: O::NAME, path: O::PATH, kind: Kind::Query, call: call::<O> }
    }
}

fn call<O: Operation>(api: &Api, from: Sender, body: &[u8]) -> Result<Vec<u8>, ApiError> {
    // Operations without members are called with nothing, with `""` and with `{}`.
    let body = if matches!(body.trim_ascii(), b"" | b"\"\"" | b"null") { b"{}" } else { body };
    let request: O = serde_json::from_slice(body)
        .map_err(|error| ApiError::invalid(format!("the body is no {} request: {error}", O::NAME)))?;
    let answer = request.answer_to(from, api).and_then(|answer| api.kept::<O>(answer))?;
    serde_json::to_vec(&answer).map_err(|error| ApiError::internal(format!("the answer cannot be written: {error}")))
}
