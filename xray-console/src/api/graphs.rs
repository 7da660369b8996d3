//! The service graph: of a time, of single traces, by periods.
//!
//! A graph of many pages is kept until its last page has been asked for, so that its numbers stay the same on all of
//! them; the last [`KEPT`] such graphs are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::graph::{Selector, Service, ServiceGraph, TimeSeries, TimeSeriesServiceStatistics};
use crate::store::{Row, TimeRangeType, Window};

use super::check::{count, times};
use super::filters::selector;
use super::retrieval::RetrievalStatus;
use super::{Api, ApiError, Operation, page};

/// Services in a page. AWS does not publish its own.
const SERVICES: usize = 1_000;
/// Periods in a page. AWS does not publish its own.
const PERIODS: usize = 1_000;
/// Ids in one request. AWS takes 5; more is a convenience.
const IDS: usize = 100;
/// Graphs of many pages that are kept; the oldest goes.
const KEPT: usize = 8;
/// How far links lead on to traces that were not asked for themselves.
const LINKED: usize = 1_000;

/// Asks for the graph of all traces that began in a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceGraph {
    /// Seconds since the epoch, included.
    pub start_time: f64,
    /// Seconds since the epoch, not included.
    pub end_time: f64,
    /// Of the traces of this group only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Of the traces of this group only.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetServiceGraphAnswer {
    /// As it was asked, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<f64>,
    /// As it was asked, seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<f64>,
    /// The nodes, each with the edges that leave it.
    #[serde(default)]
    pub services: Vec<Service>,
    /// Never here: a group's expression counts for all time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains_old_group_versions: Option<bool>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Asks for the graph of single traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceGraph {
    /// `1-{8 hex digits}-{24 hex digits}`; at most 100 here, 5 at AWS. Those of which nothing is known are passed over.
    pub trace_ids: Vec<String>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of a graph.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTraceGraphAnswer {
    /// The nodes, each with the edges that leave it.
    #[serde(default)]
    pub services: Vec<Service>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Asks for the graph of retrieved traces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRetrievedTracesGraph {
    /// From [`StartTraceRetrieval`](super::StartTraceRetrieval).
    pub retrieval_token: String,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of the graph of retrieved traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRetrievedTracesGraphAnswer {
    /// How far the retrieval is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieval_status: Option<RetrievalStatus>,
    /// The nodes.
    #[serde(default)]
    pub services: Vec<RetrievedService>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A node of the graph of retrieved traces.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RetrievedService {
    /// The node, with the edges that leave it; links are edges here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
}

/// Asks for statistics by periods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTimeSeriesServiceStatistics {
    /// Seconds since the epoch, included.
    pub start_time: f64,
    /// Seconds since the epoch, not included.
    pub end_time: f64,
    /// Of the traces of this group only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// Of the traces of this group only.
    #[serde(rename = "GroupARN", skip_serializing_if = "Option::is_none")]
    pub group_arn: Option<String>,
    /// Whose: `service(…)`, `edge(…)` or `id(…)`, 1–500 characters; all edges, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity_selector_expression: Option<String>,
    /// Seconds: 60, if absent, or 300; here any number from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<i64>,
    /// Forecasts too. There are none here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast_statistics: Option<bool>,
    /// From the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// A page of statistics by periods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetTimeSeriesServiceStatisticsAnswer {
    /// In order of time; periods without a request are left out.
    #[serde(default)]
    pub time_series_service_statistics: Vec<TimeSeriesServiceStatistics>,
    /// Never here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains_old_group_versions: Option<bool>,
    /// For the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// Graphs of which not every page has been asked for, oldest first.
#[derive(Debug, Default)]
pub(super) struct Graphs {
    kept: VecDeque<(u64, Vec<Service>)>,
    count: u64,
}

impl Api {
    /// A page of the graph that `make` makes, unless the token says that it has been made.
    fn graph_page<O: Operation>(
        &self,
        token: Option<&str>,
        make: impl FnOnce(&Api) -> Result<ServiceGraph, ApiError>,
    ) -> Result<(Vec<Service>, Option<String>), ApiError> {
        let (number, start) = match page::place::<O>(token)? {
            None => {
                let services = make(self)?.services();
                if services.len() <= SERVICES {
                    return Ok((services, None));
                }
                let graphs = &mut self.state().graphs;
                graphs.count += 1;
                graphs.kept.push_back((graphs.count, services));
                if graphs.kept.len() > KEPT {
                    graphs.kept.pop_front();
                }
                (graphs.count, 0)
            }
            Some(place) => {
                let place = place.split_once('.').and_then(|(graph, at)| Some((graph.parse().ok()?, at.parse().ok()?)));
                place.ok_or_else(page::refused::<O>)?
            }
        };
        let graphs = &mut self.state().graphs;
        let at = graphs.kept.iter().position(|(known, _)| *known == number);
        let Some((at, (_, services))) = at.and_then(|at| Some((at, graphs.kept.get(at)?))) else {
            return Err(ApiError::invalid("NextToken leads to a graph that is no longer kept; ask from the beginning"));
        };
        let page = services.iter().skip(start).take(SERVICES).cloned().collect();
        let end = start.saturating_add(SERVICES);
        let next = (end < services.len()).then(|| page::token::<O>(&format!("{number}.{end}")));
        if next.is_none() {
            graphs.kept.remove(at);
        }
        Ok((page, next))
    }

    /// The graph of single traces, with the ends of their links.
    fn graph_of(&self, ids: &[String]) -> ServiceGraph {
        let mut graph = ServiceGraph::default();
        let mut seen = std::collections::BTreeSet::new();
        for row in ids.iter().filter(|id| seen.insert(id.as_str())).filter_map(|id| self.store().row(id)) {
            graph.add(&row.part);
        }
        self.follow_links(&mut graph);
        graph
    }

    /// The graph of the traces of a time that are meant, and how many they are.
    #[cfg(feature = "web")]
    pub(crate) fn map(&self, window: &Window, is_meant: impl Fn(&Row) -> bool) -> (Vec<Service>, u64) {
        let (mut graph, mut count) = (ServiceGraph::default(), 0);
        self.store().scan(window, |row| {
            if is_meant(row) {
                graph.add(&row.part);
                count += 1;
            }
            true
        });
        self.follow_links(&mut graph);
        (graph.services(), count)
    }

    fn follow_links(&self, graph: &mut ServiceGraph) {
        let linked: Vec<String> = graph.unresolved().take(LINKED).map(str::to_owned).collect();
        for row in linked.iter().filter_map(|id| self.store().row(id)) {
            graph.resolve(&row.part);
        }
    }

    /// Shows each trace that began in the time, and is of the group if one is named.
    fn each_row(
        &self,
        (start, end): (f64, f64),
        name: Option<&str>,
        arn: Option<&str>,
        mut visit: impl FnMut(&Row),
    ) -> Result<(), ApiError> {
        let expression = match (name, arn) {
            (None, None) => None,
            _ => self.state().groups.get(name, arn)?.filter_expression.clone(),
        };
        let filter = self.filter(expression.as_deref())?;
        self.store().scan(&Window { start, end, kind: TimeRangeType::TraceId }, |row| {
            if filter(row) {
                visit(row);
            }
            true
        });
        Ok(())
    }
}

impl Operation for GetServiceGraph {
    type Answer = GetServiceGraphAnswer;
    const NAME: &'static str = "GetServiceGraph";
    const PATH: &'static str = "/ServiceGraph";

    fn answer(self, api: &Api) -> Result<GetServiceGraphAnswer, ApiError> {
        times(self.start_time, self.end_time)?;
        let (services, next_token) = api.graph_page::<GetServiceGraph>(self.next_token.as_deref(), |api| {
            let mut graph = ServiceGraph::default();
            let (name, arn) = (self.group_name.as_deref(), self.group_arn.as_deref());
            api.each_row((self.start_time, self.end_time), name, arn, |row| graph.add(&row.part))?;
            api.follow_links(&mut graph);
            Ok(graph)
        })?;
        Ok(GetServiceGraphAnswer {
            start_time: Some(self.start_time),
            end_time: Some(self.end_time),
            services,
            contains_old_group_versions: Some(false),
            next_token,
        })
    }
}

impl Operation for GetTraceGraph {
    type Answer = GetTraceGraphAnswer;
    const NAME: &'static str = "GetTraceGraph";
    const PATH: &'static str = "/TraceGraph";

    fn answer(self, api: &Api) -> Result<GetTraceGraphAnswer, ApiError> {
        count("TraceIds", &self.trace_ids, IDS)?;
        let make = |api: &Api| Ok(api.graph_of(&self.trace_ids));
        let (services, next_token) = api.graph_page::<GetTraceGraph>(self.next_token.as_deref(), make)?;
        Ok(GetTraceGraphAnswer { services, next_token })
    }
}

impl Operation for GetRetrievedTracesGraph {
    type Answer = GetRetrievedTracesGraphAnswer;
    const NAME: &'static str = "GetRetrievedTracesGraph";
    const PATH: &'static str = "/GetRetrievedTracesGraph";

    fn answer(self, api: &Api) -> Result<GetRetrievedTracesGraphAnswer, ApiError> {
        let (status, ids) = api.retrieved(&self.retrieval_token)?;
        let make = |api: &Api| Ok(api.graph_of(&ids));
        let (services, next_token) = api.graph_page::<GetRetrievedTracesGraph>(self.next_token.as_deref(), make)?;
        let services = services.into_iter().map(|service| RetrievedService { service: Some(service) }).collect();
        Ok(GetRetrievedTracesGraphAnswer { retrieval_status: Some(status), services, next_token })
    }
}

impl Operation for GetTimeSeriesServiceStatistics {
    type Answer = GetTimeSeriesServiceStatisticsAnswer;
    const NAME: &'static str = "GetTimeSeriesServiceStatistics";
    const PATH: &'static str = "/TimeSeriesServiceStatistics";

    fn answer(self, api: &Api) -> Result<GetTimeSeriesServiceStatisticsAnswer, ApiError> {
        times(self.start_time, self.end_time)?;
        let period = u32::try_from(self.period.unwrap_or(60)).ok().filter(|period| *period > 0);
        let period = period
            .ok_or_else(|| ApiError::invalid("Period is no whole number of seconds from 1; expected 60 or 300"))?;
        let selector = match &self.entity_selector_expression {
            None => Selector::Edges,
            Some(text) => selector(text)?,
        };
        let mut series = TimeSeries::new(self.start_time, self.end_time, period, selector);
        let (name, arn) = (self.group_name.as_deref(), self.group_arn.as_deref());
        api.each_row((self.start_time, self.end_time), name, arn, |row| series.add(&row.part))?;
        let start = page::index::<GetTimeSeriesServiceStatistics>(self.next_token.as_deref())?;
        let (time_series_service_statistics, next_token) =
            page::by_index::<GetTimeSeriesServiceStatistics, _>(series.statistics(), start, PERIODS);
        Ok(GetTimeSeriesServiceStatisticsAnswer {
            time_series_service_statistics,
            contains_old_group_versions: Some(false),
            next_token,
        })
    }
}
