//! Clients of X-Ray's API: of a console like this one, and of AWS X-Ray (feature `relay`).
//!
//! What reads traces is written against [`Client`], so it works on the laptop and on AWS alike. Traces come as their
//! documents and are put together here.
//!
//! Limits: an answer has at most 256 MB; connecting may take 2 seconds, an answer 60.

#[cfg(feature = "relay")]
mod aws;
mod local;

use xray_core::document::Document;

use crate::Trace;
use crate::api::{BatchGetTraces, GetServiceGraph, GetTraceGraph, GetTraceSummaries, TraceDocuments};
use crate::graph::Service;
use crate::query::TraceSummary;

#[cfg(feature = "relay")]
#[cfg_attr(docsrs, doc(cfg(feature = "relay")))]
pub use aws::Aws;
pub use local::Local;

/// Who is asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Client {
    /// A console.
    Local(Local),
    /// AWS X-Ray.
    #[cfg(feature = "relay")]
    #[cfg_attr(docsrs, doc(cfg(feature = "relay")))]
    Aws(Box<Aws>),
}

/// Which traces are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Seconds since the epoch, included.
    pub start: f64,
    /// Seconds since the epoch, not included.
    pub end: f64,
    /// Traces that were active in that time, not only those that began in it.
    pub active: bool,
    /// Only those that this filter expression means.
    pub filter: Option<String>,
}

/// Summaries, and of how many traces they are.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Found {
    /// Newest first.
    pub summaries: Vec<TraceSummary>,
    /// Traces that were looked at.
    pub processed: i64,
    /// There are more.
    pub more: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody is there.
    #[error("nobody answers at tcp {address} ({why})")]
    Unreachable {
        /// Who was asked.
        address: std::net::SocketAddr,
        /// What the system says.
        why: String,
    },
    /// What is there is no console.
    #[error("what listens at tcp {address} is no console ({why})")]
    Foreign {
        /// Who was asked.
        address: std::net::SocketAddr,
        /// What it answered instead.
        why: String,
    },
    /// The request was refused. The text came from whoever was asked.
    #[error("{message}")]
    Refused {
        /// The exception's name in X-Ray's model.
        kind: String,
        /// Its message.
        message: String,
    },
    /// AWS could not be asked. The text came from the AWS SDK.
    #[error("AWS X-Ray: {0}")]
    Aws(String),
}

/// Traces of one BatchGetTraces call. Source: AWS takes no more than 5.
const BATCH: usize = 5;

impl Client {
    /// Summaries, newest first, until there are `most` or no more.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn summaries(&self, query: &Query, most: usize) -> Result<Found, ClientError> {
        let mut found = Found::default();
        let mut request = GetTraceSummaries {
            start_time: query.start,
            end_time: query.end,
            time_range_type: query.active.then_some(crate::store::TimeRangeType::Event),
            filter_expression: query.filter.clone(),
            ..GetTraceSummaries::default()
        };
        loop {
            let page = match self {
                Client::Local(local) => local.call(&request).await?,
                #[cfg(feature = "relay")]
                Client::Aws(aws) => aws.summaries(&request).await?,
            };
            found.processed += page.traces_processed_count.unwrap_or(0);
            found.summaries.extend(page.trace_summaries);
            request.next_token = page.next_token;
            if found.summaries.len() > most || request.next_token.is_none() {
                found.more = found.summaries.len() > most || request.next_token.is_some();
                found.summaries.truncate(most);
                return Ok(found);
            }
        }
    }

    /// Whole traces as their documents, in the order of the ids; those of which nothing is known are left out.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn documents(&self, ids: &[String]) -> Result<Vec<TraceDocuments>, ClientError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let mut request = BatchGetTraces { trace_ids: ids.to_vec(), next_token: None };
            loop {
                let page = match self {
                    Client::Local(local) => local.call(&request).await?,
                    #[cfg(feature = "relay")]
                    Client::Aws(aws) => aws.documents(&request).await?,
                };
                found.extend(page.traces);
                request.next_token = page.next_token;
                if request.next_token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Whole traces, in the order of the ids; those of which nothing is known are left out.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn traces(&self, ids: &[String]) -> Result<Vec<Trace>, ClientError> {
        let found = self.documents(ids).await?;
        let assemble = |trace: &TraceDocuments| {
            let documents =
                trace.segments.iter().filter_map(|segment| Document::parse(segment.document.as_ref()?).ok());
            Trace::assemble(trace.id.as_deref()?, documents).into()
        };
        let known = |trace: &Trace| !trace.segments.is_empty() || !trace.orphans.is_empty();
        Ok(found.iter().filter_map(assemble).filter(known).collect())
    }

    /// A whole trace, if anything of it is known.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn trace(&self, id: &str) -> Result<Option<Trace>, ClientError> {
        Ok(self.traces(&[id.to_owned()]).await?.into_iter().next())
    }

    /// The service graph of a time, or of one trace.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub async fn graph(&self, start: f64, end: f64, trace: Option<&str>) -> Result<Vec<Service>, ClientError> {
        let mut found = Vec::new();
        let mut next_token = None;
        loop {
            let services;
            (services, next_token) = if let Some(id) = trace {
                let request = GetTraceGraph { trace_ids: vec![id.to_owned()], next_token };
                let page = match self {
                    Client::Local(local) => local.call(&request).await?,
                    #[cfg(feature = "relay")]
                    Client::Aws(aws) => aws.trace_graph(&request).await?,
                };
                (page.services, page.next_token)
            } else {
                let request =
                    GetServiceGraph { start_time: start, end_time: end, next_token, ..GetServiceGraph::default() };
                let page = match self {
                    Client::Local(local) => local.call(&request).await?,
                    #[cfg(feature = "relay")]
                    Client::Aws(aws) => aws.service_graph(&request).await?,
                };
                (page.services, page.next_token)
            };
            found.extend(services);
            if next_token.is_none() {
                return Ok(found);
            }
        }
    }
}
