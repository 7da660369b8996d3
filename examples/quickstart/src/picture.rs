//! Traces on the terminal.

use xray_test::Picture;
use xray_tower::xray_core::document::Document;

/// Prints the trace of these documents as a tree with times, and what its exceptions say.
pub(crate) fn print(margin: &str, documents: &[Document]) {
    for line in Picture::new().timeline(true).draw(documents).lines() {
        println!("{margin}{line}");
    }
    for node in documents.iter().flat_map(Document::walk).filter(|node| !node.exceptions().is_empty()) {
        println!("\n{margin}exceptions of {}, each caused by the next", node.name);
        for exception in node.exceptions() {
            let (kind, message) = (exception.kind.as_deref(), exception.message.as_deref());
            println!("{margin}  {}: {}", kind.unwrap_or("error"), message.unwrap_or_default());
        }
    }
}
