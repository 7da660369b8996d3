//! X-Ray's API: all 38 operations, as requests and answers, answered from this console, and served over HTTP.
//!
//! Each operation is a type that is its request ([`Operation`]). [`Api::call`] answers it within the process; the server
//! answers it to any X-Ray client (SDKs, boto3, the AWS CLI): protocol `rest-json`, version 2016-04-12, a POST to one
//! path for each operation. Signatures are neither asked for nor checked. Members a request has beyond the model are
//! ignored.
//!
//! # What differs from AWS X-Ray
//!
//! - The four operations on insights answer that there are none.
//! - What is put into settings, groups, rules, tags and policies is kept and given back as long as the process lives,
//!   longer where the store has a file; of it only groups, sampling rules and their reservoirs have an effect.
//! - ARNs name region `local` and account `000000000000`.
//! - Trace retrieval is complete at once, and gives X-Ray's format only: all traces are segments here, those that came as
//!   OpenTelemetry spans too, and what AWS makes of segments when it is asked for `OTEL` is not published.
//! - Lone subsegments whose parent never came are given by `BatchGetTraces`, after the segments. AWS X-Ray shows nothing
//!   of them.
//! - Time ranges may be of any length, and `Sampling` leaves nothing out.
//!
//! Besides them there are two operations of the console's own: [`ClearTraces`] and [`GetIntake`].
//!
//! Source: X-Ray API Reference.

mod body;
pub(crate) mod check;
mod error;
mod filters;
mod graphs;
mod groups;
mod guard;
mod insights;
mod kept;
mod operation;
mod own;
pub(crate) mod page;
mod policies;
mod retrieval;
mod server;
mod settings;
mod tags;
mod traces;

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xray_core::Clock;

use crate::sampling::{self, Sampling, ServedRules};
use crate::{Intake, Store};

pub use crate::intake::UnprocessedTraceSegment;
pub use error::{ApiError, ApiErrorKind};
pub use graphs::{
    GetRetrievedTracesGraph, GetRetrievedTracesGraphAnswer, GetServiceGraph, GetServiceGraphAnswer,
    GetTimeSeriesServiceStatistics, GetTimeSeriesServiceStatisticsAnswer, GetTraceGraph, GetTraceGraphAnswer,
    RetrievedService,
};
pub use groups::{
    CreateGroup, DeleteGroup, GetGroup, GetGroups, GetGroupsAnswer, Group, GroupAnswer, InsightsConfiguration,
    UpdateGroup,
};
pub use insights::{
    GetInsight, GetInsightAnswer, GetInsightEvents, GetInsightEventsAnswer, GetInsightImpactGraph,
    GetInsightImpactGraphAnswer, GetInsightSummaries, GetInsightSummariesAnswer, InsightState,
};
pub use operation::{Empty, Operation};
pub use own::{ClearTraces, GetIntake, GetIntakeAnswer};
pub use policies::{
    DeleteResourcePolicy, ListResourcePolicies, ListResourcePoliciesAnswer, PutResourcePolicy, PutResourcePolicyAnswer,
    ResourcePolicy,
};
pub use retrieval::{
    CancelTraceRetrieval, ListRetrievedTraces, ListRetrievedTracesAnswer, RetrievalStatus, RetrievedTrace, Span,
    StartTraceRetrieval, StartTraceRetrievalAnswer, TraceFormat,
};
pub use settings::{
    CloudWatchLogsConfiguration, EncryptionConfig, EncryptionConfigAnswer, EncryptionType, GetEncryptionConfig,
    GetIndexingRules, GetIndexingRulesAnswer, GetTraceSegmentDestination, IndexingRule, IndexingRuleValue,
    Probabilistic, PutEncryptionConfig, TraceSegmentDestination, TraceSegmentDestinationAnswer, UpdateIndexingRule,
    UpdateIndexingRuleAnswer, UpdateTraceSegmentDestination,
};
pub use tags::{ListTagsForResource, ListTagsForResourceAnswer, Tag, TagResource, UntagResource};
pub use traces::{
    BackendConnectionErrors, BatchGetTraces, BatchGetTracesAnswer, GetTraceSummaries, GetTraceSummariesAnswer,
    PutTelemetryRecords, PutTraceSegments, PutTraceSegmentsAnswer, SamplingStrategy, SegmentDocument, TelemetryRecord,
    TraceDocuments,
};

pub(crate) use guard::Guard;
pub(crate) use server::{Server, WORKERS};
#[cfg(feature = "web")]
pub(crate) use {body::Body, guard::Caller, operation::Kind};

use graphs::Graphs;
use groups::Groups;
use kept::Kept;
use operation::Route;
use policies::Policies;
use retrieval::Retrievals;
use settings::Settings;
use tags::Tags;

/// What operations are answered from. Made by [`Console`](crate::Console).
pub struct Api {
    intake: Intake,
    clock: Arc<dyn Clock>,
    sampling: Sampling,
    upstream: Option<Box<dyn Upstream>>,
    state: Mutex<State>,
}

/// Who answers sampling calls instead of this console: AWS X-Ray, by the relay.
pub(crate) trait Upstream: Send + Sync {
    fn rules(&self, request: sampling::GetSamplingRules) -> Result<sampling::GetSamplingRulesAnswer, ApiError>;
    fn targets(&self, request: sampling::GetSamplingTargets) -> Result<sampling::GetSamplingTargetsAnswer, ApiError>;
}

/// What is put and got back.
struct State {
    graphs: Graphs,
    groups: Groups,
    policies: Policies,
    retrievals: Retrievals,
    settings: Settings,
    tags: Tags,
}

impl Api {
    pub(crate) fn new(
        intake: Intake,
        rules: Option<ServedRules>,
        clock: Arc<dyn Clock>,
        upstream: Option<Box<dyn Upstream>>,
    ) -> Api {
        let now = clock.wall().as_secs_f64();
        let kept = Kept::of(intake.store().kept()).unwrap_or_else(|error| {
            let why = format!("groups, sampling rules, tags, policies and settings of before cannot be read: {error}");
            intake.forgot(why);
            Kept::default()
        });
        // Rules that were asked for go before those that were made by calls once.
        let sampling = match (rules, kept.sampling) {
            (None, Some(kept)) => Sampling::of(kept),
            (rules, _) => Sampling::new(rules.unwrap_or_default(), now),
        };
        let state = State {
            graphs: Graphs::default(),
            groups: kept.groups,
            policies: kept.policies,
            retrievals: Retrievals::default(),
            settings: kept.settings.unwrap_or_else(|| Settings::new(now)),
            tags: kept.tags,
        };
        Api { intake, clock, sampling, upstream, state: Mutex::new(state) }
    }

    /// Answers an operation, without HTTP in between.
    ///
    /// # Errors
    ///
    /// [`ApiError`]: what X-Ray's model names for the operation.
    pub fn call<O: Operation>(&self, operation: O) -> Result<O::Answer, ApiError> {
        operation.answer(self).and_then(|answer| self.kept::<O>(answer))
    }

    pub(crate) fn store(&self) -> &Store {
        self.intake.store()
    }

    pub(crate) fn intake(&self) -> &Intake {
        &self.intake
    }

    pub(crate) fn sampling(&self) -> &Sampling {
        &self.sampling
    }

    pub(crate) fn upstream(&self) -> Option<&dyn Upstream> {
        self.upstream.as_deref()
    }

    /// Seconds since the epoch.
    pub(crate) fn now(&self) -> f64 {
        self.clock.wall().as_secs_f64()
    }

    /// Taken before [`Sampling`]'s lock where both are needed, never after it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tags, and with them the state they are in.
    pub(crate) fn tags(&self) -> impl DerefMut<Target = Tags> + '_ {
        struct Held<'a>(MutexGuard<'a, State>);
        impl Deref for Held<'_> {
            type Target = Tags;
            fn deref(&self) -> &Tags {
                &self.0.tags
            }
        }
        impl DerefMut for Held<'_> {
            fn deref_mut(&mut self) -> &mut Tags {
                &mut self.0.tags
            }
        }
        Held(self.state())
    }
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("store", self.store()).finish_non_exhaustive()
    }
}

/// Every operation, by path.
static ROUTES: [Route; 38] = [
    Route::intake::<PutTraceSegments>(),
    Route::intake::<PutTelemetryRecords>(),
    Route::intake::<sampling::GetSamplingRules>(),
    Route::intake::<sampling::GetSamplingTargets>(),
    Route::query::<sampling::GetSamplingStatisticSummaries>(),
    Route::query::<sampling::CreateSamplingRule>(),
    Route::query::<sampling::UpdateSamplingRule>(),
    Route::query::<sampling::DeleteSamplingRule>(),
    Route::query::<GetTraceSummaries>(),
    Route::query::<BatchGetTraces>(),
    Route::query::<GetServiceGraph>(),
    Route::query::<GetTraceGraph>(),
    Route::query::<GetTimeSeriesServiceStatistics>(),
    Route::query::<CreateGroup>(),
    Route::query::<UpdateGroup>(),
    Route::query::<DeleteGroup>(),
    Route::query::<GetGroup>(),
    Route::query::<GetGroups>(),
    Route::query::<GetEncryptionConfig>(),
    Route::query::<PutEncryptionConfig>(),
    Route::query::<GetTraceSegmentDestination>(),
    Route::query::<UpdateTraceSegmentDestination>(),
    Route::query::<GetIndexingRules>(),
    Route::query::<UpdateIndexingRule>(),
    Route::query::<StartTraceRetrieval>(),
    Route::query::<ListRetrievedTraces>(),
    Route::query::<GetRetrievedTracesGraph>(),
    Route::query::<CancelTraceRetrieval>(),
    Route::query::<TagResource>(),
    Route::query::<UntagResource>(),
    Route::query::<ListTagsForResource>(),
    Route::query::<PutResourcePolicy>(),
    Route::query::<ListResourcePolicies>(),
    Route::query::<DeleteResourcePolicy>(),
    Route::query::<GetInsightSummaries>(),
    Route::query::<GetInsight>(),
    Route::query::<GetInsightEvents>(),
    Route::query::<GetInsightImpactGraph>(),
];
