//! `xrc segment`: one segment or subsegment, with all its fields.

use xray_console::{Trace, text};
use xray_core::document::Document;

use super::args::{Format, Global, Segment as Options};
use super::ask;
use super::failure::{Done, Failure};
use super::output::Output;

/// Traces of a console that are looked through for an id, newest first.
const LOOKED_THROUGH: usize = 1_000;
/// Traces fetched at once.
const BATCH: usize = 50;
/// Choices named where a name says too little.
const CHOICES: usize = 20;

pub(crate) async fn run(options: &Options, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    let said = options.segment.trim();
    let is_id = said.len() == 16 && said.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ids = match &options.trace {
        // AWS is paid for every trace it hands out.
        None if is_id && !global.aws => {
            let found = ask::summaries(&client, &ask::since(ask::BACK, None), LOOKED_THROUGH).await?;
            found.summaries.into_iter().map(|summary| summary.id).collect()
        }
        trace => vec![ask::trace_id(&client, trace.as_deref().unwrap_or("last")).await?],
    };
    for ids in ids.chunks(BATCH) {
        for trace in client.traces(ids).await.map_err(ask::failure)? {
            let found: Vec<&Document> = everything(&trace)
                .filter(|document| if is_id { document.id.eq_ignore_ascii_case(said) } else { document.name == said })
                .collect();
            match found.as_slice() {
                [] => {}
                [document] => return show(document, options, to),
                several => return Err(which(&trace, said, several)),
            }
        }
    }
    let said = text::escape(said);
    Err(Failure::found(match (&options.trace, is_id) {
        (None, true) if !global.aws => format!("no trace of the last 6 hours holds {said}; say which does: --trace ID"),
        _ => format!("the trace holds no segment or subsegment {said}"),
    }))
}

/// All segments and subsegments; inferred ones repeat the call they are made of.
fn everything(trace: &Trace) -> impl Iterator<Item = &Document> {
    let segments = trace.segments.iter().filter(|segment| !segment.document.inferred);
    segments.flat_map(xray_console::trace::Segment::walk).chain(trace.orphans.iter().flat_map(Document::walk))
}

fn show(document: &Document, options: &Options, to: &mut Output) -> Done {
    match to.format {
        Format::Json => to.json(document),
        _ if options.raw => document.to_string_pretty().lines().try_for_each(|line| to.line(text::escape(line))),
        _ => {
            let style = to.style();
            to.write(&text::segment(document, style))
        }
    }
}

fn which(trace: &Trace, said: &str, several: &[&Document]) -> Failure {
    let mut message = format!("trace {} holds {} of {}; say the id:", trace.id, several.len(), said);
    for document in several.iter().take(CHOICES) {
        let lasted = document.seconds().map(text::duration).unwrap_or_default();
        message = format!("{message}\n     {}  {lasted}", document.id);
    }
    Failure::usage(message.split('\n').map(text::escape).collect::<Vec<_>>().join("\n"))
}
