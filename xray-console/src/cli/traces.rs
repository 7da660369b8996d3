//! `xrc traces`, `xrc show`, `xrc map`: what is there.

use serde_json::Value;
use xray_console::text::{self, MapOptions, ShowOptions};

use super::args::{Format, Global, Map, Show, Sort, Traces};
use super::ask;
use super::failure::{Done, Failure};
use super::output::Output;

/// Traces that are put in order.
const SORTED: usize = 10_000;

pub(crate) async fn traces(options: &Traces, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    let query = ask::since(options.since, options.expression.as_deref());
    let most = if options.sort == Sort::Time { options.limit } else { SORTED };
    let mut found = ask::matching(&client, &query, most).await?;
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

pub(crate) async fn show(options: &Show, global: &Global, to: &mut Output) -> Done {
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
    to.write(&text::show(&trace, &ShowOptions::default(), style))
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
    let services = client.graph(query.start, query.end, trace.as_deref()).await.map_err(ask::failure)?;
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
            to.write(&text::map(&services, &over.map(MapOptions::over).unwrap_or_default(), style))
        }
    }
}
