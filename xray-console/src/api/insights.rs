//! Insights: there are none here. X-Ray finds them by watching an account for anomalies over weeks; a console on a
//! developer's machine does not. Lists are empty; an insight asked for by id is none.
//!
//! Source: X-Ray API Reference, "GetInsightSummaries", "GetInsight", "GetInsightEvents", "GetInsightImpactGraph".

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check::{range, times};
use super::{Api, ApiError, Operation, page};

/// Asks for the insights of a group. There are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightSummaries {
    /// `ACTIVE`, `CLOSED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub states: Option<Vec<InsightState>>,
    /// The group, by ARN.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// The group, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Seconds since the epoch.
    pub start_time: f64,
    /// Seconds since the epoch.
    pub end_time: f64,
    /// 1–100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Whether an insight goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum InsightState {
    /// It does.
    Active,
    /// It is over.
    Closed,
}

/// Always empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightSummariesAnswer {
    /// None here; AWS X-Ray's as they come.
    pub insight_summaries: Vec<Value>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Asks for an insight. Refused: there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsight {
    /// Its id.
    pub insight_id: String,
}

/// Never given here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightAnswer {
    /// AWS X-Ray's as it comes.
    pub insight: Value,
}

/// Asks for the history of an insight. Refused: there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightEvents {
    /// The insight's id.
    pub insight_id: String,
    /// 1–50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Never given here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightEventsAnswer {
    /// AWS X-Ray's as they come.
    pub insight_events: Vec<Value>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Asks for the services an insight touches. Refused: there is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightImpactGraph {
    /// The insight's id.
    pub insight_id: String,
    /// Seconds since the epoch.
    pub start_time: f64,
    /// Seconds since the epoch.
    pub end_time: f64,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Never given here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetInsightImpactGraphAnswer {
    /// AWS X-Ray's as they come.
    pub services: Vec<Value>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

fn none() -> ApiError {
    ApiError::invalid("there is no insight of this id; this console finds none")
}

impl Operation for GetInsightSummaries {
    type Answer = GetInsightSummariesAnswer;
    const NAME: &'static str = "GetInsightSummaries";
    const PATH: &'static str = "/InsightSummaries";

    fn answer(self, api: &Api) -> Result<GetInsightSummariesAnswer, ApiError> {
        times(self.start_time, self.end_time)?;
        range("MaxResults", self.max_results.unwrap_or(1), 1, 100)?;
        if self.group_name.is_some() || self.group_arn.is_some() {
            api.state().groups.get(self.group_name.as_deref(), self.group_arn.as_deref())?;
        }
        match page::place::<GetInsightSummaries>(self.next_token.as_deref())? {
            None => Ok(GetInsightSummariesAnswer::default()),
            Some(_) => Err(page::refused::<GetInsightSummaries>()),
        }
    }
}

impl Operation for GetInsight {
    type Answer = GetInsightAnswer;
    const NAME: &'static str = "GetInsight";
    const PATH: &'static str = "/Insight";

    fn answer(self, _: &Api) -> Result<GetInsightAnswer, ApiError> {
        Err(none())
    }
}

impl Operation for GetInsightEvents {
    type Answer = GetInsightEventsAnswer;
    const NAME: &'static str = "GetInsightEvents";
    const PATH: &'static str = "/InsightEvents";

    fn answer(self, _: &Api) -> Result<GetInsightEventsAnswer, ApiError> {
        range("MaxResults", self.max_results.unwrap_or(1), 1, 50)?;
        Err(none())
    }
}

impl Operation for GetInsightImpactGraph {
    type Answer = GetInsightImpactGraphAnswer;
    const NAME: &'static str = "GetInsightImpactGraph";
    const PATH: &'static str = "/InsightImpactGraph";

    fn answer(self, _: &Api) -> Result<GetInsightImpactGraphAnswer, ApiError> {
        times(self.start_time, self.end_time)?;
        Err(none())
    }
}
