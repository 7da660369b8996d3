//! `xrc export` and `xrc import`: traces in a file.
//!
//! A file is gzip of segment documents, one a line, as any program would send them; so it can also be read by `xrc lint`,
//! or by hand. Inferred segments are left out: whoever reads makes them anew. Segments too large to be sent as they are
//! leave their subsegments to documents of their own.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use xray_console::api::PutTraceSegments;
use xray_console::text;
use xray_core::document::Document;

use super::args::{Export, Global, Import};
use super::failure::{Done, Failure};
use super::output::{Output, closed};
use super::{ask, lint};

/// Traces in a file.
const TRACES: usize = 100_000;
/// Documents put at once, and their bytes. Source: AWS's own limit; ours for the request.
const PUT: usize = 50;
const PUT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a document that is sent as it is.
const DOCUMENT: usize = 60_000;

pub(crate) async fn export(options: &Export, global: &Global, to: &mut Output) -> Done {
    let client = ask::client(global).await?;
    let found = ask::matching(&client, &ask::since(options.since, options.filter.as_deref()), TRACES).await?;
    if found.summaries.is_empty() {
        return Err(Failure::found("no traces to export"));
    }
    let name = options.file.display().to_string();
    let standard_output = options.file == Path::new("-");
    let failed = |error: io::Error| match standard_output {
        true => closed(&error),
        false => Failure::io(format!("{}: {error}", text::escape(&name))),
    };
    let file: Box<dyn Write> =
        if standard_output { Box::new(io::stdout()) } else { Box::new(File::create(&options.file).map_err(failed)?) };
    let mut file = GzEncoder::new(BufWriter::new(file), Compression::default());
    let ids: Vec<String> = found.summaries.into_iter().map(|summary| summary.id).collect();
    let mut documents = 0;
    for ids in ids.chunks(50) {
        for trace in client.documents(ids).await.map_err(ask::failure)? {
            for segment in &trace.segments {
                let parsed = segment.document.as_ref().and_then(|json| Document::parse(json).ok());
                let Some(document) = parsed.filter(|document| !document.inferred) else { continue };
                for json in sendable(document) {
                    writeln!(file, "{json}").map_err(failed)?;
                    documents += 1;
                }
            }
        }
    }
    file.finish().and_then(|mut file| file.flush()).map_err(failed)?;
    if standard_output {
        return Ok(());
    }
    let value = json!({"traces": ids.len(), "documents": documents, "file": name});
    to.either(&value, |to| to.line(format!("{} traces, {documents} documents in {}", ids.len(), text::escape(&name))))
}

/// The document, or it and what had to leave it.
fn sendable(document: Document) -> Vec<String> {
    let trace_id = document.trace_id.clone();
    let mut open = vec![document];
    let mut written = Vec::new();
    while let Some(mut document) = open.pop() {
        let json = serde_json::to_string(&document).unwrap_or_default();
        if json.len() <= DOCUMENT || document.subsegments.is_empty() {
            written.push(json);
            continue;
        }
        let children = std::mem::take(&mut document.subsegments);
        open.extend(children.into_iter().rev().map(|mut child| {
            child.kind = Some("subsegment".to_owned());
            child.trace_id.clone_from(&trace_id);
            child.parent_id = Some(document.id.clone());
            child
        }));
        written.push(serde_json::to_string(&document).unwrap_or_default());
    }
    written
}

pub(crate) async fn import(options: &Import, global: &Global, to: &mut Output) -> Done {
    let name = options.file.display().to_string();
    let bytes = lint::read(&options.file)?;
    let (documents, wrong) = lint::documents(&bytes);
    let mut refused: Vec<String> =
        wrong.iter().map(|finding| format!("line {}: {}", finding.line, finding.message)).collect();
    let local = ask::local(global);
    let mut batch = Vec::new();
    let (mut size, mut sent) = (0, 0);
    let mut documents = documents.into_iter().map(|(_, json)| json).peekable();
    while let Some(json) = documents.next() {
        size += json.len();
        batch.push(json);
        let full = batch.len() == PUT || documents.peek().is_none_or(|next| size + next.len() > PUT_BYTES);
        if full {
            sent += batch.len();
            let put = PutTraceSegments { trace_segment_documents: std::mem::take(&mut batch) };
            let answer = local.call(&put).await.map_err(ask::failure)?;
            refused.extend(answer.unprocessed_trace_segments.into_iter().map(|segment| segment.message));
            size = 0;
        }
    }
    let taken = sent + wrong.len() - refused.len();
    let value = json!({"documents": sent, "taken": taken, "refused": refused});
    to.either(&value, |to| {
        refused.iter().try_for_each(|message| to.line(format!("refused  {}", text::escape(message))))?;
        to.line(format!("{taken} documents of {} imported", text::escape(&name)))
    })?;
    match (taken, refused.len()) {
        (0, 0) => Err(Failure::found(format!("{name}: no documents"))),
        (_, 0) => Ok(()),
        (_, many) => Err(Failure::found(format!("{many} documents were refused"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_segments_leave_their_subsegments() {
        let part =
            |id: usize| format!(r#"{{"name":"{}","id":"{id:016x}","start_time":1,"end_time":2}}"#, "x".repeat(200));
        let parts: Vec<_> = (1..1000).map(part).collect();
        let json = format!(
            r#"{{"name":"shop","id":"0000000000000000","trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1,"end_time":2,"subsegments":[{}]}}"#,
            parts.join(",")
        );
        let written = sendable(Document::parse(json).unwrap());
        assert_eq!(written.len(), 1000);
        let last = Document::parse(&written[999]).unwrap();
        assert!(last.is_lone_subsegment());
        assert_eq!((last.parent_id.as_deref(), last.id.as_str()), (Some("0000000000000000"), "00000000000003e7"));
    }
}
