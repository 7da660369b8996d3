//! Traces as text, for assertions and for eyes.
//!
//! The documents of a trace arrive one by one: segments of several services, subsegments sent alone,
//! announcements of what is still in progress. The picture puts them together as X-Ray does, so that a
//! test asserts what was recorded, not how it was cut into documents:
//!
//! - a subsegment sent alone lies under its parent, marked `lone`;
//! - a segment lies under the subsegment that called its service;
//! - what was in progress is replaced by the same thing complete;
//! - what lies beside each other is in the order of start, then of arrival.
//!
//! A parent that is not among the documents is drawn as `(parent 53995c3f… not here)`. Two complete
//! documents of one id, which X-Ray does not know, are both drawn.

mod line;
mod timeline;
mod tree;

use xray_core::document::Document;

use line::label;
use tree::{Forest, Place};

/// All traces of these documents, a line for each segment and subsegment; without times and ids, which
/// differ from run to run. The same as `Picture::new().draw(documents)`.
///
/// # Examples
///
/// ```
/// use xray_core::document::Document;
/// use xray_test::picture;
///
/// let documents = [
///     r#"{"name": "payments", "id": "53995c3f42cd8adb", "parent_id": "53995c3f42cd8ad9",
///         "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "start_time": 1.2, "in_progress": true}"#,
///     r#"{"name": "orders", "id": "53995c3f42cd8ad8", "start_time": 1, "end_time": 2, "fault": true,
///         "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "http": {"response": {"status": 502}},
///         "subsegments": [{"name": "payments", "id": "53995c3f42cd8ad9", "namespace": "remote",
///             "start_time": 1.1, "end_time": 1.9, "annotations": {"order_id": 7}}]}"#,
///     r#"{"name": "clean up", "id": "53995c3f42cd8ada", "parent_id": "53995c3f42cd8ad8", "type": "subsegment",
///         "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "start_time": 2, "end_time": 3}"#,
/// ];
/// let documents = documents.map(|json| Document::parse(json).expect("a document"));
/// assert_eq!(
///     picture(&documents),
///     "\
/// orders  segment 502 fault
/// ├ payments  remote {order_id=7}
/// │ └ payments  segment in progress
/// └ clean up  lone
/// ",
/// );
/// ```
pub fn picture(documents: &[Document]) -> String {
    Picture::new().draw(documents)
}

/// How to draw traces; [`picture`] is the plain form.
///
/// A line holds, as far as there is something to say: the name; `segment`, `aws` with the operation,
/// `remote`, `lone`; the HTTP status; `error`, `throttle`, `fault`; `in progress`; the annotations; and
/// what is asked for below. Traces are set apart by an empty line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is drawn before `draw`"]
pub struct Picture {
    annotations: bool,
    causes: bool,
    ids: bool,
    times: bool,
    timeline: bool,
}

impl Default for Picture {
    fn default() -> Picture {
        Picture::new()
    }
}

impl Picture {
    /// With annotations; without causes, ids, times and timeline.
    pub fn new() -> Picture {
        Picture { annotations: true, causes: false, ids: false, times: false, timeline: false }
    }

    /// Whether annotations are shown, as `{key=value, …}` in the order of the keys.
    pub fn annotations(self, annotations: bool) -> Picture {
        Picture { annotations, ..self }
    }

    /// Whether the exceptions are shown, each as `type: message` and the outermost first; messages are
    /// cut at 60 characters.
    pub fn causes(self, causes: bool) -> Picture {
        Picture { causes, ..self }
    }

    /// Whether ids are shown: the trace's in a line of its own, the others as `#53995c3f42cd8ad8`.
    pub fn ids(self, ids: bool) -> Picture {
        Picture { ids, ..self }
    }

    /// Whether durations are shown, in milliseconds.
    pub fn times(self, times: bool) -> Picture {
        Picture { times, ..self }
    }

    /// Whether start (from the start of the trace) and duration are shown in columns, in milliseconds,
    /// and as a bar. Takes the place of [`times`](Picture::times).
    pub fn timeline(self, timeline: bool) -> Picture {
        Picture { timeline, ..self }
    }

    /// Draws all traces of these documents, the earliest first; every line ends in a line end.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_core::document::Document;
    /// use xray_test::Picture;
    ///
    /// let document = Document::parse(
    ///     r#"{"name": "orders", "id": "53995c3f42cd8ad8", "start_time": 10, "end_time": 10.6,
    ///         "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "subsegments": [
    ///         {"name": "load", "id": "53995c3f42cd8ad9", "start_time": 10, "end_time": 10.0004},
    ///         {"name": "charge", "id": "53995c3f42cd8ada", "start_time": 10.2, "end_time": 10.6}]}"#,
    /// )?;
    /// assert_eq!(
    ///     Picture::new().timeline(true).draw(&[document]),
    ///     "\
    /// orders  segment    0.0 ms   600 ms  ██████████████████████████████
    /// ├ load             0.0 ms   0.4 ms  ▏
    /// └ charge           200 ms   400 ms            ████████████████████
    /// ",
    /// );
    /// # Ok::<(), xray_core::document::ParseDocumentError>(())
    /// ```
    pub fn draw(&self, documents: &[Document]) -> String {
        let forest = Forest::new(documents);
        let traces = forest.traces().into_iter().map(|trace| {
            let mut lines = Vec::new();
            if let (true, Some(id)) = (self.ids, trace.id) {
                lines.push((format!("trace {id}"), None));
            }
            for branch in forest.branches(&trace) {
                let (text, document) = match branch.place {
                    Place::Node(node) => (label(node.document, node.is_top, self), Some(node.document)),
                    Place::Missing(parent) => (line::missing(parent), None),
                    Place::Loop(parent) => (line::looping(parent), None),
                };
                lines.push((format!("{}{text}", branch.prefix), document));
            }
            if self.timeline { timeline::draw(&lines) } else { plain(lines) }
        });
        traces.collect::<Vec<String>>().join("\n")
    }
}

/// A line, and the document it is of, if it is of one.
type Line<'a> = (String, Option<&'a Document>);

fn plain(lines: Vec<Line<'_>>) -> String {
    lines.into_iter().map(|(line, _)| line + "\n").collect()
}

#[cfg(test)]
mod tests;
