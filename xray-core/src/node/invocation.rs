//! An invocation of an AWS Lambda function: a subsegment beneath the segment that the platform sends.
//!
//! The platform decides whether an invocation is recorded and sends the function's segment itself. What is opened here
//! hangs on that segment by its id, which the invocation's trace header names as `Parent`. Sampling rules and the
//! trust in incoming headers have no say.
//!
//! | trace header | recorded | passed on by calls made inside |
//! |---|---|---|
//! | `Root`, `Parent`, `Sampled=1` | yes | the trace, the subsegment's id, `Sampled=1`, `Lineage` |
//! | `Root`, `Parent`, `Sampled=0` | no | the trace, the platform's segment's id, `Sampled=0`, `Lineage` |
//! | a usable `Root`, but no decision or no `Parent` (pass-through) | no | the header as it came |
//! | none, or not usable | no | nothing |
//!
//! Source: Lambda Developer Guide, "Visualize Lambda function invocations using AWS X-Ray".

use std::sync::Arc;

use super::guard::Node;
use super::handle::Handle;
use super::head::{Head, Kind, PassOn};
use super::recorder::{Recorder, by_header};
use super::segment::{Opening, account, open_below};
use super::tree::Tree;
use crate::diagnostics::{Code, messages};
use crate::header::{Incoming, Sampled, TraceHeader};
use crate::stats::Counter;

/// The subsegment of one invocation of a Lambda function, beneath the segment the platform sends.
///
/// For wrappers of handlers (`xray-lambda`). `incoming` is the invocation's own trace header. Whatever was open on this
/// thread before is not asked: each invocation stands for itself. Outside Lambda
/// ([`Builder::lambda`](crate::Builder::lambda)), and without a layer, a node that does nothing: a subsegment without the
/// platform's segment would read back empty.
///
/// An invocation that is not recorded still has a node, which keeps all inside unrecorded and passes the header on.
///
/// # Examples
///
/// ```
/// use xray_core::{Incoming, invocation};
///
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
/// let node = invocation("## handler", &Incoming::read(Some(header.as_bytes()), None));
/// node.annotate("ColdStart", true);
/// ```
pub fn invocation(name: &str, incoming: &Incoming) -> Node {
    match crate::layer::find() {
        Some(recorder) if recorder.rules.in_lambda => {
            account(&recorder, incoming);
            if incoming.sampled().and_then(Sampled::decided).is_none() {
                recorder.report(Code::Xr014, || messages::lambda_passive(incoming.header().is_some()));
            }
            open(&recorder, (name, false), incoming, |_| {})
        }
        _ => Node::NONE,
    }
}

/// Opens a subsegment of the segment this header names, or what keeps an unrecorded invocation quiet.
pub(super) fn open(
    recorder: &Arc<Recorder>,
    name: (&str, bool),
    incoming: &Incoming,
    describe: impl FnOnce(Opening<'_>),
) -> Node {
    let decided = incoming.sampled().and_then(Sampled::decided);
    let whole = incoming.header().and_then(|header| Some((header, header.parent()?, decided?)));
    let usable = whole.filter(|(header, ..)| !header.root().is_zero());
    let head = match usable {
        Some((header, parent, sampled)) => {
            let mut head = recorder.head(Some(header.root()), Some(parent), by_header(sampled), Kind::Facade);
            head.id = u64::from_str_radix(parent.as_str(), 16).unwrap_or(head.id);
            head.pass_on = PassOn::own(header);
            head
        }
        None => {
            let root = incoming.header().map(TraceHeader::root);
            let mut head = recorder.head(root, None, by_header(false), Kind::Facade);
            head.pass_on = match incoming.header() {
                Some(header) => PassOn::Unchanged(Box::new(header.clone())),
                None => PassOn::Nothing,
            };
            head
        }
    };
    if decided == Some(false) {
        recorder.stats().add(Counter::UpstreamUnsampled, 1);
    }
    let sampled = head.sampled;
    let Some(facade) = recorder.open_facade(head) else { return Node::NONE };
    if !sampled {
        return Node::adopt(Arc::clone(recorder), facade, true);
    }
    // The child keeps the tree; this reference is only for the way here, and given back should `describe` panic.
    let _platform = Node::adopt(Arc::clone(recorder), facade, false);
    open_below(recorder, facade, name, 0, describe)
}

impl Recorder {
    /// Opens a tree whose segment someone else sends.
    fn open_facade(&self, head: Head) -> Option<Handle> {
        let (id, start) = (head.id, head.start);
        let mut tree: Box<Tree> = self.delivery.pool.take(head);
        if tree.head.sampled {
            tree.open_facade(id, start)?;
        }
        tree.retain(0);
        match self.delivery.slots.insert(tree) {
            Ok(handle) => Some(handle),
            Err(_) => {
                self.stats().add(Counter::DroppedNodeLimit, 1);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use tracing_subscriber::prelude::*;

    use crate::{Capture, SegmentLayer, TraceHeader, segment};

    #[test]
    fn a_description_that_panics_leaves_nothing_open() {
        let builder = SegmentLayer::builder("orders").without_environment().emitter(Capture::new());
        let layer = builder.synchronous().lambda(true).build().unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
            let opening = segment("message").parent(header.parse::<TraceHeader>().unwrap());
            let torn = AssertUnwindSafe(|| opening.open_with(|_| std::panic::resume_unwind(Box::new("torn"))));
            assert!(catch_unwind(torn).is_err());
            assert_eq!(crate::layer::find().unwrap().delivery.slots.used(), 0);
        });
    }
}
