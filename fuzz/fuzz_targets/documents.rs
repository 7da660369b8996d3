//! Any documents, one a line: they come to a trace of documents that others can read, and to facts and a map.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xray_console::Trace;
use xray_console::graph::{Part, ServiceGraph};
use xray_console::query::{Facts, TraceSummary};
use xray_core::document::Document;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

fuzz_target!(|lines: &[u8]| {
    let documents: Vec<Document> =
        lines.split(|byte| *byte == b'\n').filter_map(|line| Document::parse(line).ok()).collect();
    let came: usize = documents.iter().map(|document| document.walk().count()).sum();
    let trace = Trace::assemble(ID, documents);
    let sent = trace.segments.iter().filter(|segment| !segment.document.inferred);
    let kept = sent.flat_map(|segment| segment.walk()).count();
    let orphans: usize = trace.orphans.iter().map(|orphan| orphan.walk().count()).sum();
    assert!(kept + orphans <= came, "{kept} and {orphans} of {came}");
    for document in trace.segments.iter().flat_map(|segment| segment.documents()).chain(&trace.orphans) {
        let text = serde_json::to_string(document).expect("documents can be written");
        // Metadata may be as deep as the reader allows, and deeper once it is moved beneath others.
        let _ = Document::parse(&text);
    }
    let facts = Facts::of(&trace);
    let _ = TraceSummary::of(ID, &facts);
    let part = Part::of(&trace);
    let _ = ServiceGraph::of([&part]).services();
});
