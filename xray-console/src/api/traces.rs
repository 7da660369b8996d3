//! Segments in; traces and their summaries out.

use serde::{Deserialize, Serialize};
use xray_core::document::Document;

use crate::Trace;
use crate::intake::{Sender, UnprocessedTraceSegment};
use crate::query::{Cursor, TraceSummary};
use crate::store::{Row, TimeRangeType, Window};

use super::check::{count, times};
use super::{Api, ApiError, Empty, Operation, page};

/// Documents in one PutTraceSegments. Source: the message of AWS X-Ray, "Exceeding maximum segment count: 50".
const DOCUMENTS: usize = 50;
/// Summaries in a page. AWS does not publish its own.
const SUMMARIES: usize = 100;
/// Ids in one request. AWS takes 5; more is a convenience.
const IDS: usize = 100;
/// A page of traces ends with the trace that reaches this size, bytes of documents.
const TRACES_PAGE: usize = 4 * 1024 * 1024;

/// Brings segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTraceSegments {
    /// Segment documents, each JSON in a string; at most 50.
    pub trace_segment_documents: Vec<String>,
}

/// What became of segments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTraceSegmentsAnswer {
    /// Those refused, and why; the others were taken.
    #[serde(default)]
    pub unprocessed_trace_segments: Vec<UnprocessedTraceSegment>,
}

/// Tells how a daemon fares.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PutTelemetryRecords {
    /// What happened, by time.
    pub telemetry_records: Vec<TelemetryRecord>,
    /// Where the daemon runs.
    #[serde(rename = "EC2InstanceId", skip_serializing_if = "Option::is_none")]
    pub ec2_instance_id: Option<String>,
    /// Where the daemon runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Where the daemon runs.
    #[serde(rename = "ResourceARN", skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
}

/// What a daemon did since it last told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TelemetryRecord {
    /// Seconds since the epoch.
    pub timestamp: f64,
    /// Segments that came to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_received_count: Option<i64>,
    /// Segments it passed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_sent_count: Option<i64>,
    /// Segments it had no room for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_spillover_count: Option<i64>,
    /// Segments it could not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segments_rejected_count: Option<i64>,
    /// How often the service could not be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_connection_errors: Option<BackendConnectionErrors>,
}

/// How often the service could not be reached, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BackendConnectionErrors {
    /// It did not answer in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_count: Option<i64>,
    /// It refused the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_refused_count: Option<i64>,
    /// It answered 4xx.
    #[serde(rename = "HTTPCode4XXCount", skip_serializing_if = "Option::is_none")]
    pub http_code_4xx_count: Option<i64>,
    /// It answered 5xx.
    #[serde(rename = "HTTPCode5XXCount", skip_serializing_if = "Option::is_none")]
    pub http_code_5xx_count: Option<i64>,
    /// Its name was not found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_host_count: Option<i64>,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_count: Option<i64>,
}

/// Asks for the traces of a time, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceSummaries {
    /// Seconds since the epoch, included.
    pub start_time: f64,
    /// Seconds since the epoch, not included.
    pub end_time: f64,
    /// What of a trace has to lie in the range: its beginning, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_range_type: Option<TimeRangeType>,
    /// Leave some out. Here none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<bool>,
    /// How some are left out. Here none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_strategy: Option<SamplingStrategy>,
    /// Which traces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter_expression: Option<String>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// How some summaries are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SamplingStrategy {
    /// `PartialScan` or `FixedRate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// A page of summaries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceSummariesAnswer {
    /// Newest first.
    #[serde(default)]
    pub trace_summaries: Vec<TraceSummary>,
    /// When the page was made, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_time: Option<f64>,
    /// Traces looked at for this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces_processed_count: Option<i64>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Asks for whole traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetTraces {
    /// `1-{8 hex digits}-{24 hex digits}`; at most 100 here, 5 at AWS.
    pub trace_ids: Vec<String>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of whole traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BatchGetTracesAnswer {
    /// In the order in which they were asked for.
    #[serde(default)]
    pub traces: Vec<TraceDocuments>,
    /// Ids of which nothing is known.
    #[serde(default)]
    pub unprocessed_trace_ids: Vec<String>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A trace as its documents. The API calls it `Trace`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TraceDocuments {
    /// `1-{8 hex digits}-{24 hex digits}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds from the start of the earliest segment to the end of the last that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// It is larger than AWS X-Ray would have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_exceeded: Option<bool>,
    /// Whole segments, lone subsegments in their places; here also, at the end, those that have none.
    #[serde(default)]
    pub segments: Vec<SegmentDocument>,
}

/// A segment as its document. The API calls it `Segment`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SegmentDocument {
    /// 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

impl TraceDocuments {
    fn of(trace: &Trace, limit_exceeded: bool) -> TraceDocuments {
        let documents = trace.segments.iter().map(|segment| &segment.document).chain(&trace.orphans);
        TraceDocuments {
            id: Some(trace.id.clone()),
            duration: trace.start_time().zip(trace.end_time()).map(|(start, end)| end - start),
            limit_exceeded: Some(limit_exceeded),
            segments: documents.map(SegmentDocument::of).collect(),
        }
    }

    fn bytes(&self) -> usize {
        self.segments.iter().filter_map(|segment| segment.document.as_ref()).map(String::len).sum()
    }
}

impl SegmentDocument {
    pub(super) fn of(document: &Document) -> SegmentDocument {
        SegmentDocument {
            id: Some(document.id.clone()),
            // Writing to memory cannot fail, and every key is a string.
            document: serde_json::to_string(document).ok(),
        }
    }
}

impl Api {
    /// The trace as its documents, if anything of it is known.
    pub(super) fn trace(&self, id: &str) -> Option<TraceDocuments> {
        let trace = self.store().trace(id)?;
        let limit_exceeded = self.store().info(id).is_some_and(|info| info.limit_exceeded);
        Some(TraceDocuments::of(&trace, limit_exceeded))
    }
}

impl Operation for PutTraceSegments {
    type Answer = PutTraceSegmentsAnswer;
    const NAME: &'static str = "PutTraceSegments";
    const PATH: &'static str = "/TraceSegments";

    fn answer(self, api: &Api) -> Result<PutTraceSegmentsAnswer, ApiError> {
        self.answer_to(Sender::Local("this process"), api)
    }

    fn answer_to(self, from: Sender, api: &Api) -> Result<PutTraceSegmentsAnswer, ApiError> {
        count("TraceSegmentDocuments", &self.trace_segment_documents, DOCUMENTS)?;
        let unprocessed_trace_segments = api.intake().put_segments(&self.trace_segment_documents, from);
        Ok(PutTraceSegmentsAnswer { unprocessed_trace_segments })
    }
}

impl Operation for PutTelemetryRecords {
    type Answer = Empty;
    const NAME: &'static str = "PutTelemetryRecords";
    const PATH: &'static str = "/TelemetryRecords";

    /// Daemons expect no more than that it is taken.
    fn answer(self, _: &Api) -> Result<Empty, ApiError> {
        Ok(Empty {})
    }
}

impl Operation for GetTraceSummaries {
    type Answer = GetTraceSummariesAnswer;
    const NAME: &'static str = "GetTraceSummaries";
    const PATH: &'static str = "/TraceSummaries";

    fn answer(self, api: &Api) -> Result<GetTraceSummariesAnswer, ApiError> {
        times(self.start_time, self.end_time)?;
        let kind = self.time_range_type.unwrap_or_default();
        let window = Window { start: self.start_time, end: self.end_time, kind };
        let place = page::place::<GetTraceSummaries>(self.next_token.as_deref())?;
        let cursor: Option<Cursor> = match place {
            None => None,
            Some(place) => Some(place.parse().map_err(|_| page::refused::<GetTraceSummaries>())?),
        };
        let filter = api.filter(self.filter_expression.as_deref())?;
        let (mut summaries, mut processed, mut last, mut next) = (Vec::new(), 0, None, None);
        api.store().scan(&window, |row| {
            let id = row.id().as_str();
            let start = row.facts.start_time().unwrap_or_default();
            if cursor.as_ref().is_some_and(|cursor| !cursor.is_before(start, id)) {
                return true;
            }
            processed += 1;
            if !filter(row) {
                return true;
            }
            if summaries.len() == SUMMARIES {
                next = last.take();
                return false;
            }
            last = Some((start, id.to_owned()));
            summaries.push(summary(row, &window));
            true
        });
        let next = next
            .map(|(start, id): (f64, String)| page::token::<GetTraceSummaries>(&Cursor::after(start, &id).to_string()));
        Ok(GetTraceSummariesAnswer {
            trace_summaries: summaries,
            approximate_time: Some(api.now()),
            traces_processed_count: Some(processed),
            next_token: next,
        })
    }
}

fn summary(row: &Row, window: &Window) -> TraceSummary {
    let mut summary = TraceSummary::of(row.id().as_str(), &row.facts);
    summary.revision = row.revision();
    summary.matched_event_time = match window.kind {
        TimeRangeType::TraceId => None,
        TimeRangeType::Event => row.facts.start_time().map(|start| start.max(window.start)),
        TimeRangeType::Service => {
            let within = row.facts.segment_ends().filter(|end| window.start <= *end && *end < window.end);
            within.reduce(f64::max)
        }
    };
    summary
}

impl Operation for BatchGetTraces {
    type Answer = BatchGetTracesAnswer;
    const NAME: &'static str = "BatchGetTraces";
    const PATH: &'static str = "/Traces";

    fn answer(self, api: &Api) -> Result<BatchGetTracesAnswer, ApiError> {
        count("TraceIds", &self.trace_ids, IDS)?;
        let start = page::index::<BatchGetTraces>(self.next_token.as_deref())?;
        let mut answer = BatchGetTracesAnswer::default();
        let mut bytes = 0;
        for (index, id) in self.trace_ids.into_iter().enumerate().skip(start) {
            if bytes >= TRACES_PAGE {
                answer.next_token = Some(page::token::<BatchGetTraces>(&index.to_string()));
                break;
            }
            match api.trace(&id) {
                Some(trace) => {
                    bytes += trace.bytes();
                    answer.traces.push(trace);
                }
                None => answer.unprocessed_trace_ids.push(id),
            }
        }
        Ok(answer)
    }
}
