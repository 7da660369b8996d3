//! `xrc lint`: documents held against what X-Ray takes.
//!
//! Refusals and removals are those of the console's own intake, so what passes here is shown there. Beyond them it warns
//! of what X-Ray takes and nobody wants: documents too large for a datagram, more annotations than are indexed, times
//! that run backwards, subsegments without any segment.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use xray_console::intake::{Intake, Sender, TroubleKind};
use xray_console::{Store, text};
use xray_core::document::{Document, limits};

use super::args::Lint;
use super::failure::{Done, Failure};
use super::output::{Output, counted};

/// Bytes read.
const MOST: u64 = 256 * 1024 * 1024;

/// What was found, of one document.
pub(crate) struct Finding {
    /// From 1; 0 for all of it.
    pub(crate) line: usize,
    refused: bool,
    code: String,
    pub(crate) message: String,
}

pub(crate) fn run(options: &Lint, to: &mut Output) -> Done {
    let name = options.file.display().to_string();
    let source = read(&options.file)?;
    let (documents, mut findings) = documents(&source);
    let mut traces: BTreeMap<String, bool> = BTreeMap::new();
    let mut intake = Intake::new(Store::new());
    for (line, json) in &documents {
        let unprocessed = intake.put_segments(&[json], Sender::Local("file"));
        for refusal in &unprocessed {
            findings.push(finding(*line, true, &refusal.error_code, &refusal.message));
        }
        let repaired = intake.troubles().into_iter().rev().filter(|trouble| trouble.kind != TroubleKind::Refused);
        let troubles: Vec<_> = repaired.map(|trouble| finding(*line, false, &trouble.code, &trouble.message)).collect();
        if !unprocessed.is_empty() || !troubles.is_empty() {
            // Counts of this document only.
            intake = Intake::new(Store::new());
        }
        findings.extend(troubles);
        if unprocessed.is_empty()
            && let Ok(document) = Document::parse(json)
        {
            findings.extend(
                warnings(&document, json.len())
                    .into_iter()
                    .map(|(code, message)| finding(*line, false, code, &message)),
            );
            let segment = traces.entry(document.trace_id.clone().unwrap_or_default()).or_default();
            *segment |= !document.is_lone_subsegment();
        }
    }
    for (trace, _) in traces.iter().filter(|(_, segment)| !**segment) {
        let message =
            format!("trace {trace} has subsegments and no segment here: X-Ray shows nothing of it until that comes");
        findings.push(finding(0, false, "NoSegment", &message));
    }
    findings.sort_by_key(|finding| if finding.line == 0 { usize::MAX } else { finding.line });
    report(&name, documents.len(), &findings, to)
}

fn finding(line: usize, refused: bool, code: &str, message: &str) -> Finding {
    Finding { line, refused, code: code.to_owned(), message: message.to_owned() }
}

fn report(name: &str, documents: usize, findings: &[Finding], to: &mut Output) -> Done {
    for finding in findings {
        let word = if finding.refused { "refused" } else { "warn" };
        let value = json!({"line": finding.line, "kind": word, "code": finding.code, "message": finding.message});
        let place =
            if finding.line == 0 { String::new() } else { format!("{}:{}  ", text::escape(name), finding.line) };
        let line = format!("{place}{word}  {}  {}", finding.code, text::escape(&finding.message));
        to.either(&value, |to| to.line(&line))?;
    }
    let refused = findings.iter().filter(|finding| finding.refused).count();
    let total = format!(
        "{}, {refused} refused, {}",
        counted(documents, "document"),
        counted(findings.len() - refused, "warning")
    );
    if documents == 0 && findings.is_empty() {
        return Err(Failure::found(format!("{name}: no documents")));
    }
    if findings.is_empty() {
        to.either(&json!({"documents": documents}), |to| to.line(&total))
    } else {
        Err(Failure::found(total))
    }
}

/// The file, unpacked if it is gzip.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let name = file.display().to_string();
    if file.is_dir() {
        return Err(Failure::io(format!("{name} is a directory")));
    }
    let from: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).map_err(|error| Failure::io(format!("{}: {error}", file.display())))?)
    };
    let bytes = read_from(from, &name)?;
    if bytes.starts_with(&[0x1f, 0x8b]) { read_from(MultiGzDecoder::new(&*bytes), &name) } else { Ok(bytes) }
}

/// Everything, up to a bound.
fn read_from(from: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(MOST + 1).read_to_end(&mut bytes).map_err(|error| Failure::io(format!("{name}: {error}")))?;
    if bytes.len() as u64 > MOST {
        return Err(Failure::io(format!("{name}: more than {} MB", MOST / 1_000_000)));
    }
    Ok(bytes)
}

/// The documents with their lines, and what is none.
pub(crate) fn documents(source: &[u8]) -> (Vec<(usize, String)>, Vec<Finding>) {
    let mut documents = Vec::new();
    let mut findings = Vec::new();
    let (mut at, mut line) = (0, 1);
    let mut counted = 0;
    while let Some(rest) = source.get(at..)
        && let Some(blank) = rest.iter().position(|byte| !byte.is_ascii_whitespace())
    {
        at += blank;
        let rest = source.get(at..).unwrap_or_default();
        // From where it was counted before: files are long.
        line += source.get(counted..at).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
        counted = at;
        let end_of_line = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        if rest.starts_with(b"T1") || rest.starts_with(b"M1") {
            let text = String::from_utf8_lossy(rest.get(..end_of_line).unwrap_or_default()).into_owned();
            documents.push((line, text));
            at += end_of_line;
            continue;
        }
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let end = values.byte_offset();
                let text = String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
                match value {
                    Value::Array(elements) => {
                        documents.extend(elements.iter().map(|element| (line, element.to_string())))
                    }
                    Value::Object(members) if members.contains_key("format") && !members.contains_key("name") => {}
                    _ => documents.push((line, text)),
                }
                at += end;
            }
            Some(Err(error)) => {
                let message = format!("document is not JSON: {error}");
                findings.push(finding(line, true, "InvalidDocument", &message));
                at += end_of_line.max(1);
            }
            None => break,
        }
    }
    (documents, findings)
}

/// What X-Ray takes, and still is not meant.
fn warnings(document: &Document, bytes: usize) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if bytes > limits::DOCUMENT_BYTES {
        let most = limits::DOCUMENT_BYTES;
        found.push((
            "Size",
            format!("{bytes} bytes do not fit a datagram; send parts as subsegments by themselves ({most} at most)"),
        ));
    }
    let mut keys = std::collections::BTreeSet::new();
    for part in document.walk() {
        keys.extend(part.annotations.keys());
        if part.seconds().is_some_and(|seconds| seconds < 0.0) {
            found.push(("Time", format!("{:?} ends before it starts", part.name)));
        }
        if let Some(namespace) = part.namespace.as_deref().filter(|name| !matches!(*name, "aws" | "remote" | "local")) {
            found.push((
                "Namespace",
                format!("namespace of {:?} is {namespace:?}; aws and remote make nodes of the service map", part.name),
            ));
        }
    }
    if keys.len() > limits::ANNOTATIONS {
        found.push(("Annotations", format!("{} keys of annotations; {} are indexed", keys.len(), limits::ANNOTATIONS)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counting lines from the beginning for each document took minutes for a file of this length.
    #[test]
    fn documents_of_a_long_file_have_their_lines_in_no_time() {
        let (found, wrong) = documents("{}\n\n{}{}\n[{},{}]\n".repeat(20_000).as_bytes());
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!((found.len(), wrong.len()), (100_000, 0));
        assert_eq!(lines.get(..5), Some(&[1, 3, 3, 4, 4][..]));
        assert_eq!(lines.last(), Some(&80_000));
    }
}
