//! Trace retrieval: at AWS the way to traces that were not indexed; here every trace is at hand, so a retrieval is
//! complete as soon as it is started, and reads the store when it is listed.
//!
//! Source: X-Ray API Reference, "StartTraceRetrieval", "ListRetrievedTraces": at most 100 ids, 5 traces and 100 spans
//! a page, 60 minutes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::check::{count, length, times};
use super::{Api, ApiError, Empty, Operation, page};

/// Ids in one retrieval.
const IDS: usize = 100;
/// Traces in a page.
const TRACES: usize = 5;
/// Spans of a trace in a page; a longer trace goes on in the next one.
const SPANS: usize = 100;
/// Retrievals remembered; the oldest is forgotten. Ours to choose.
const MOST: usize = 100;
/// Seconds until a retrieval is forgotten.
const LIFE: f64 = 3_600.0;

/// Starts to retrieve traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartTraceRetrieval {
    /// At most 100.
    pub trace_ids: Vec<String>,
    /// Seconds since the epoch, included: traces that were not active then are left out.
    pub start_time: f64,
    /// Seconds since the epoch, included.
    pub end_time: f64,
}

/// What to ask with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StartTraceRetrievalAnswer {
    /// Good for 60 minutes; of the last 100 retrievals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval_token: Option<String>,
}

/// In what form traces are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TraceFormat {
    /// Segment documents.
    #[default]
    Xray,
    /// OpenTelemetry spans. Not given here.
    Otel,
}

/// How far a retrieval is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RetrievalStatus {
    /// Not begun.
    Scheduled,
    /// Under way.
    Running,
    /// Done.
    #[default]
    Complete,
    /// Broken off.
    Failed,
    /// Broken off on request.
    Cancelled,
    /// Broken off for it took too long.
    Timeout,
}

/// Gives retrieved traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRetrievedTraces {
    /// From [`StartTraceRetrieval`].
    pub retrieval_token: String,
    /// `XRAY` if absent; `OTEL` is refused here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_format: Option<TraceFormat>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of retrieved traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRetrievedTracesAnswer {
    /// How far the retrieval is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval_status: Option<RetrievalStatus>,
    /// In what form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_format: Option<TraceFormat>,
    /// At most 5.
    #[serde(default)]
    pub traces: Vec<RetrievedTrace>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A retrieved trace, or a part of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrievedTrace {
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// At most 100.
    #[serde(default)]
    pub spans: Vec<Span>,
}

/// A segment of a retrieved trace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Span {
    /// 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// Breaks a retrieval off: it gives nothing from then on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CancelTraceRetrieval {
    /// From [`StartTraceRetrieval`].
    pub retrieval_token: String,
}

/// The last retrievals, oldest first.
#[derive(Debug, Default)]
pub(super) struct Retrievals {
    started: VecDeque<Retrieval>,
    count: u64,
}

#[derive(Clone, Debug)]
struct Retrieval {
    token: String,
    ids: Vec<String>,
    start: f64,
    end: f64,
    since: f64,
    cancelled: bool,
}

impl Retrievals {
    fn get(&mut self, token: &str, now: f64) -> Result<&mut Retrieval, ApiError> {
        length("RetrievalToken", token, 0, 1_020)?;
        let mut started = self.started.iter_mut();
        let found = started.find(|retrieval| retrieval.token == token && now - retrieval.since <= LIFE);
        found.ok_or_else(|| ApiError::not_found("there is no retrieval with this RetrievalToken", token))
    }
}

impl Api {
    /// Ids of the traces that a retrieval finds; none if it was cancelled.
    pub(super) fn retrieved(&self, token: &str) -> Result<(RetrievalStatus, Vec<String>), ApiError> {
        let retrieval = self.state().retrievals.get(token, self.now())?.clone();
        if retrieval.cancelled {
            return Ok((RetrievalStatus::Cancelled, Vec::new()));
        }
        let active = |id: &String| {
            let row = self.store().row(id)?;
            let start = row.facts.start_time()?;
            let end = row.facts.end_time().unwrap_or(start);
            Some(start <= retrieval.end && end >= retrieval.start)
        };
        let found = retrieval.ids.iter().filter(|id| active(id) == Some(true)).cloned().collect();
        Ok((RetrievalStatus::Complete, found))
    }
}

impl Operation for StartTraceRetrieval {
    type Answer = StartTraceRetrievalAnswer;
    const NAME: &'static str = "StartTraceRetrieval";
    const PATH: &'static str = "/StartTraceRetrieval";

    fn answer(self, api: &Api) -> Result<StartTraceRetrievalAnswer, ApiError> {
        count("TraceIds", &self.trace_ids, IDS)?;
        times(self.start_time, self.end_time)?;
        let now = api.now();
        let mut state = api.state();
        let retrievals = &mut state.retrievals;
        retrievals.count += 1;
        let token = format!("retrieval-{}", retrievals.count);
        retrievals.started.push_back(Retrieval {
            token: token.clone(),
            ids: self.trace_ids,
            start: self.start_time,
            end: self.end_time,
            since: now,
            cancelled: false,
        });
        if retrievals.started.len() > MOST {
            retrievals.started.pop_front();
        }
        Ok(StartTraceRetrievalAnswer { retrieval_token: Some(token) })
    }
}

impl Operation for ListRetrievedTraces {
    type Answer = ListRetrievedTracesAnswer;
    const NAME: &'static str = "ListRetrievedTraces";
    const PATH: &'static str = "/ListRetrievedTraces";

    fn answer(self, api: &Api) -> Result<ListRetrievedTracesAnswer, ApiError> {
        if self.trace_format == Some(TraceFormat::Otel) {
            return Err(ApiError::invalid("TraceFormat OTEL is not given here; ask for XRAY"));
        }
        let (status, ids) = api.retrieved(&self.retrieval_token)?;
        let (start, mut span) = match page::place::<ListRetrievedTraces>(self.next_token.as_deref())? {
            None => (0, 0),
            Some(place) => read_place(&place).ok_or_else(page::refused::<ListRetrievedTraces>)?,
        };
        let mut answer = ListRetrievedTracesAnswer {
            retrieval_status: Some(status),
            trace_format: Some(TraceFormat::Xray),
            ..ListRetrievedTracesAnswer::default()
        };
        let (mut place, mut left) = (start, SPANS);
        for id in ids.iter().skip(start) {
            let whole = api.trace(id).unwrap_or_default();
            let of_trace = whole.segments.len();
            let spans = whole.segments.into_iter().skip(span).take(left);
            let spans: Vec<Span> = spans.map(|segment| Span { id: segment.id, document: segment.document }).collect();
            (left, span) = (left - spans.len(), span + spans.len());
            answer.traces.push(RetrievedTrace { id: whole.id, duration: whole.duration, spans });
            if span < of_trace {
                break; // the page is full in the middle of the trace
            }
            (place, span) = (place + 1, 0);
            if answer.traces.len() == TRACES || left == 0 {
                break;
            }
        }
        if place < ids.len() {
            answer.next_token = Some(page::token::<ListRetrievedTraces>(&format!("{place}.{span}")));
        }
        Ok(answer)
    }
}

/// Trace and span, by number.
fn read_place(place: &str) -> Option<(usize, usize)> {
    let (trace, span) = place.split_once('.')?;
    Some((trace.parse().ok()?, span.parse().ok()?))
}

impl Operation for CancelTraceRetrieval {
    type Answer = Empty;
    const NAME: &'static str = "CancelTraceRetrieval";
    const PATH: &'static str = "/CancelTraceRetrieval";

    fn answer(self, api: &Api) -> Result<Empty, ApiError> {
        let now = api.now();
        api.state().retrievals.get(&self.retrieval_token, now)?.cancelled = true;
        Ok(Empty {})
    }
}
