//! `xrc traces`, `xrc show`, `xrc map`: what is there.

use serde_json::Value;
use xray_console::client::{Client, Found};
use xray_console::graph::{Part, Service, ServiceGraph};
use xray_console::text::{self, MapOptions, ShowOptions};
use xray_console::timeline::Timeline;
use xray_console::{Filter, Trace};

use super::args::{Format, Gaps, Global, Map, Show, Sort, Traces};
use super::ask;
use super::failure::{Done, Failure};
use super::groups::{self, By};
use super::output::{Output, counted};
use super::time::Least;

/// Traces that are put in order, or counted by what they have in common.
const SORTED: usize = 10_000;
/// Traces of a map that is put together here.
const MAPPED: usize = 1_000;

pub(crate) async fn traces(options: &Traces, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    let query = ask::since(options.since, options.expression.as_deref());
    let whole = options.sort != Sort::Time || options.group_by.is_some();
    let most = if whole { SORTED } else { options.limit };
    let mut found = ask::matching(&client, &query, most).await?;
    if let Some(by) = options.group_by.as_ref().filter(|_| !found.summaries.is_empty()) {
        return groups(&found, by, options.limit, to);
    }
    if options.sort == Sort::Duration {
        found.summaries.sort_by(|left, right| right.duration.unwrap_or(0.0).total_cmp(&left.duration.unwrap_or(0.0)));
    }
    let total = found.summaries.len();
    found.summaries.truncate(options.limit);
    let more = found.more || total > options.limit;
    match to.format {
        Format::Json => found.summaries.iter().try_for_each(|summary| to.json(summary))?,
        _ if found.summaries.is_empty() => {}
        _ => {
            let style = to.style();
            to.write(&text::traces(&found.summaries, style))?;
            let more = if more { " (there are more: --limit)" } else { "" };
            to.line(format!("{} of {} traces looked at{more}", found.summaries.len(), found.processed))?;
        }
    }
    match (found.summaries.is_empty(), &options.expression) {
        (false, _) => Ok(()),
        (true, Some(_)) => Err(Failure::found(format!("0 of {} traces match", found.processed))),
        (true, None) => Err(Failure::found("no traces in this time; xrc doctor looks for the reason")),
    }
}

fn groups(found: &Found, by: &By, limit: usize, to: &mut Output) -> Done {
    let mut groups = groups::of(&found.summaries, by);
    let all = groups.len();
    groups.truncate(limit);
    if to.format == Format::Json {
        return groups.iter().try_for_each(|group| to.json(group));
    }
    let style = to.style();
    groups::table(&groups, style).iter().try_for_each(|line| to.line(line))?;
    let more = if all > limit { " (there are more: --limit)" } else { "" };
    let newest = if found.more { "the newest " } else { "" };
    let (shown, traces) = (counted(groups.len(), "group"), counted(found.summaries.len(), "trace"));
    to.line(format!("{shown} of {newest}{traces}{more}"))
}

pub(crate) async fn show(options: &Show, global: &Global, to: &mut Output) -> Done {
    let only = options.only.as_deref().map(Filter::parse).transpose().map_err(Failure::usage)?;
    let client = ask::client(global).await?;
    let id = ask::trace_id(&client, &options.trace).await?;
    if options.raw || to.format == Format::Json {
        let found = client.documents(std::slice::from_ref(&id)).await.map_err(ask::failure)?;
        let documents: Vec<&String> =
            found.iter().flat_map(|trace| &trace.segments).filter_map(|segment| segment.document.as_ref()).collect();
        for document in &documents {
            // Compact JSON on a line for programs, indented for people. Control characters are escaped in both.
            let value: Value = serde_json::from_str(document).unwrap_or(Value::Null);
            match to.format {
                Format::Json => to.json(&value)?,
                _ => {
                    let pretty = serde_json::to_string_pretty(&value).unwrap_or_default();
                    pretty.lines().try_for_each(|line| to.line(text::escape(line)))?;
                }
            }
        }
        return if documents.is_empty() { Err(unknown(&id)) } else { Ok(()) };
    }
    let trace = client.trace(&id).await.map_err(ask::failure)?.ok_or_else(|| unknown(&id))?;
    let style = to.style();
    to.write(&text::show(&trace, &rows(options, only, &trace), style))
}

/// Which rows are to be shown.
fn rows(options: &Show, only: Option<Filter>, trace: &Trace) -> ShowOptions {
    let mut rows = ShowOptions::default();
    rows.max_depth = options.depth.unwrap_or(rows.max_depth);
    rows.min_seconds = match options.min_duration {
        None => rows.min_seconds,
        Some(Least::Seconds(seconds)) => seconds,
        Some(Least::Share(share)) => Timeline::of(trace).active() * share,
    };
    rows.only = only;
    rows.critical = options.critical;
    rows.fold = options.gaps == Gaps::Fold;
    rows
}

fn unknown(id: &str) -> Failure {
    Failure::found(format!("nothing is known of trace {id}: never received, not sampled, or evicted to make room"))
}

pub(crate) async fn map(options: &Map, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    let query = ask::since(options.since, None);
    let trace = match &options.trace {
        Some(said) => Some(ask::trace_id(&client, said).await?),
        None => None,
    };
    let mut note = None;
    let services = match &options.expression {
        Some(expression) => {
            let found = ask::matching(&client, &ask::since(options.since, Some(expression)), MAPPED).await?;
            if found.summaries.is_empty() {
                return Err(Failure::found(format!("0 of {} traces match", found.processed)));
            }
            note = found.more.then(|| format!("of the newest {MAPPED} traces that match"));
            matching_map(&client, found).await?
        }
        None => client.graph(query.start, query.end, trace.as_deref()).await.map_err(ask::failure)?,
    };
    if services.is_empty() {
        return Err(Failure::found("no traces in this time; xrc doctor looks for the reason"));
    }
    match to.format {
        Format::Json => services.iter().try_for_each(|service| to.json(service)),
        Format::Dot => to.write(&text::dot(&services)),
        Format::Mermaid => to.write(&text::mermaid(&services)),
        Format::Table => {
            let style = to.style();
            let over = trace.is_none().then_some(options.since);
            to.write(&text::map(&services, &over.map(MapOptions::over).unwrap_or_default(), style))?;
            note.map_or(Ok(()), |note| to.line(note))
        }
    }
}

/// The map of these traces, put together here: X-Ray's API gives maps of all traces, of groups and of single traces.
async fn matching_map(client: &Client, found: Found) -> Result<Vec<Service>, Failure> {
    let ids: Vec<String> = found.summaries.into_iter().map(|summary| summary.id).collect();
    let mut parts = Vec::with_capacity(ids.len());
    for ids in ids.chunks(50) {
        parts.extend(client.traces(ids).await.map_err(ask::failure)?.iter().map(Part::of));
    }
    Ok(ServiceGraph::of(&parts).services())
}
