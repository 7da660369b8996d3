//! Documents become a trace.
//!
//! By id: the complete document replaces the one in progress. Lone subsegments go to their parent at any depth; those
//! whose parent is not there are orphans. A subsegment that called another service (`aws`, `remote`) which sent no segment
//! of its own gets an inferred one, made from what the caller saw; a call that its caller marked `traced` waits for the
//! callee's segment instead.
//!
//! Source: X-Ray Developer Guide, "Segment documents", "Inferred segments"; X-Ray API Reference, "BatchGetTraces".

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use xray_core::document::Document;

use super::forest::Forest;
use super::{Node, Parent, Segment, Trace};

impl Trace {
    /// Puts together all documents of one trace, in the order they came.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_console::Trace;
    /// use xray_core::document::Document;
    ///
    /// let trace_id = "1-5759e988-bd862e3fe1be46a994272793";
    /// let documents = [
    ///     r#"{"name":"DynamoDB","id":"000000000000000b","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
    ///         "parent_id":"000000000000000a","type":"subsegment","namespace":"aws","start_time":1.2,"end_time":1.4,
    ///         "aws":{"table_name":"orders"}}"#,
    ///     r#"{"name":"shop","id":"000000000000000a","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
    ///         "start_time":1.0,"end_time":1.5}"#,
    /// ];
    /// let documents = documents.map(|text| Document::parse(text).unwrap());
    /// let trace = Trace::assemble(trace_id, documents);
    ///
    /// let [shop, orders] = trace.segments.as_slice() else { panic!("two segments: {trace:?}") };
    /// assert_eq!(shop.document.subsegments[0].name, "DynamoDB");
    /// assert!(orders.document.inferred);
    /// assert_eq!(orders.node.name, "orders");
    /// ```
    pub fn assemble(id: &str, documents: impl IntoIterator<Item = Document>) -> Trace {
        let Forest { mut segments, mut orphans, duplicates } = Forest::grow(documents);
        let called: HashSet<&str> = segments.iter().filter_map(|(segment, _)| segment.parent_id.as_deref()).collect();
        let mut inferred = Vec::new();
        for (segment, deeper) in segments.iter().filter(|(segment, _)| !segment.inferred) {
            for call in segment.walk().skip(1).chain(deeper.iter().flat_map(Document::walk)) {
                if is_call(call) && !is_traced(call) && !called.contains(call.id.as_str()) {
                    inferred.push((infer(call), Vec::new()));
                }
            }
        }
        segments.extend(inferred);
        let parts = segments.iter_mut().flat_map(|(segment, deeper)| std::iter::once(segment).chain(deeper));
        for document in parts.chain(&mut orphans) {
            document.trace_id = Some(id.to_owned());
        }
        Trace { id: id.to_owned(), segments: ordered(segments), orphans, duplicates }
    }
}

fn is_call(subsegment: &Document) -> bool {
    matches!(subsegment.namespace.as_deref(), Some("aws" | "remote"))
}

fn is_traced(call: &Document) -> bool {
    call.http.as_ref().and_then(|http| http.request.as_ref()).is_some_and(|request| request.traced)
}

/// The segment of a service that is known by a call alone.
fn infer(call: &Document) -> Document {
    let mut segment = Document::default();
    segment.name = call.name.clone();
    segment.id = inferred_id(&call.id);
    segment.parent_id = Some(call.id.clone());
    segment.start_time = call.start_time;
    segment.end_time = call.end_time;
    segment.in_progress = call.in_progress;
    segment.origin = Node::of_call(call).kind.filter(|kind| kind != "remote");
    segment.error = call.error;
    segment.fault = call.fault;
    segment.throttle = call.throttle;
    segment.cause = call.cause.clone();
    segment.http = call.http.clone();
    segment.aws = call.aws.clone();
    segment.sql = call.sql.clone();
    segment.inferred = true;
    segment
}

/// An id that the same call gets every time: the call's with its bits turned over. No sender's id is likely to be it.
fn inferred_id(call: &str) -> String {
    u64::from_str_radix(call, 16).map_or_else(|_| format!("{call}-inferred"), |id| format!("{:016x}", !id))
}

/// The root first, then by start; each with its caller found.
fn ordered(segments: Vec<(Document, Vec<Document>)>) -> Vec<Segment> {
    let segments = sorted(segments, |(left, _), (right, _)| by_start(left, right));
    let mut owner: HashMap<&str, usize> = HashMap::new();
    for (index, (segment, deeper)) in segments.iter().enumerate() {
        let documents = segment.walk().chain(deeper.iter().flat_map(Document::walk));
        owner.extend(documents.map(|document| (document.id.as_str(), index)));
    }
    let caller = |(segment, _): &(Document, _)| {
        let id = segment.parent_id.as_ref()?;
        Some(Parent { segment: *owner.get(id.as_str())?, id: id.clone() })
    };
    let mut parents: Vec<Option<Parent>> = segments.iter().map(caller).collect();
    cut_circles(&mut parents);
    let is_first = |(segment, _): &(Document, _)| segment.parent_id.is_none();
    let first = segments.iter().position(is_first);
    let first = first.or_else(|| parents.iter().position(Option::is_none)).unwrap_or(0);

    // Indices of what stood before the root move up by one.
    let moved = |index: usize| match index.cmp(&first) {
        Ordering::Less => index + 1,
        Ordering::Equal => 0,
        Ordering::Greater => index,
    };
    let whole = |((document, deeper), parent): ((Document, _), Option<Parent>)| Segment {
        node: node(&document),
        parent: parent.map(|parent| Parent { segment: moved(parent.segment), id: parent.id }),
        document,
        deeper,
    };
    let mut segments: Vec<Segment> = segments.into_iter().zip(parents).map(whole).collect();
    if let Some(before) = segments.get_mut(..=first) {
        before.rotate_right(1);
    }
    segments
}

/// A segment that is, by way of its callers, called by itself (a sender's mistake) is taken as called by nobody: the
/// earliest of each circle. After this, going from caller to caller ends.
fn cut_circles(parents: &mut [Option<Parent>]) {
    // Number of the walk that came by; 0 for none yet.
    let mut walked = vec![0_usize; parents.len()];
    for start in 0..parents.len() {
        let mut at = Some(start);
        while let Some(index) = at {
            match walked.get_mut(index) {
                Some(walk @ 0) => *walk = start + 1,
                Some(walk) if *walk == start + 1 => {
                    let earliest = circle(parents, index).min().unwrap_or(index);
                    if let Some(parent) = parents.get_mut(earliest) {
                        *parent = None;
                    }
                    break;
                }
                _ => break,
            }
            at = parents.get(index).and_then(Option::as_ref).map(|parent| parent.segment);
        }
    }
}

/// The members of the circle that this one is in.
fn circle(parents: &[Option<Parent>], member: usize) -> impl Iterator<Item = usize> {
    let caller = move |index: &usize| Some(parents.get(*index)?.as_ref()?.segment);
    let others = std::iter::successors(caller(&member), caller).take_while(move |index| *index != member);
    std::iter::once(member).chain(others)
}

fn node(segment: &Document) -> Node {
    if !segment.inferred {
        return Node::of_segment(segment);
    }
    // An inferred segment says by its origin that an AWS service was called.
    let of_aws = segment.origin.as_deref().is_some_and(|origin| origin.starts_with("AWS::"));
    Node::of_called(segment, of_aws)
}

/// In this order. Documents are large, so each is moved to its place once, not at every step of a sort.
pub(super) fn sorted<T>(items: Vec<T>, by: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.is_sorted_by(|left, right| by(left, right).is_le()) {
        return items;
    }
    let mut order: Vec<(usize, &T)> = items.iter().enumerate().collect();
    order.sort_by(|(_, left), (_, right)| by(left, right));
    let order: Vec<usize> = order.into_iter().map(|(place, _)| place).collect();
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| items.get_mut(place)?.take()).collect()
}

/// By start, then by id.
pub(super) fn by_start(left: &Document, right: &Document) -> Ordering {
    let start = |document: &Document| document.start_time.unwrap_or(f64::INFINITY);
    start(left).total_cmp(&start(right)).then_with(|| left.id.cmp(&right.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

    fn assemble(documents: &[&str]) -> Trace {
        Trace::assemble(ID, documents.iter().map(|text| Document::parse(text).unwrap()))
    }

    fn names(trace: &Trace) -> Vec<&str> {
        trace.segments.iter().map(|segment| segment.document.name.as_str()).collect()
    }

    #[test]
    fn the_complete_document_replaces_the_one_in_progress_in_either_order() {
        let open = r#"{"name":"shop","id":"a","start_time":1,"in_progress":true}"#;
        let done = r#"{"name":"shop","id":"a","start_time":1,"end_time":2}"#;
        for order in [[open, done], [done, open]] {
            let trace = assemble(&order);
            assert_eq!(trace.segments.len(), 1);
            assert!(!trace.is_partial());
            assert_eq!(trace.end_time(), Some(2.0));
        }
    }

    #[test]
    fn lone_subsegments_find_their_parent_at_any_depth_and_in_any_order() {
        let segment = r#"{"name":"shop","id":"a","start_time":1,"end_time":9}"#;
        let child = r#"{"name":"order","id":"b","parent_id":"a","type":"subsegment","start_time":2,"end_time":5}"#;
        let grandchild = r#"{"name":"price","id":"c","parent_id":"b","type":"subsegment","start_time":3,"end_time":4}"#;
        for order in [[segment, child, grandchild], [grandchild, child, segment], [child, segment, grandchild]] {
            let trace = assemble(&order);
            assert!(trace.orphans.is_empty(), "{order:?}");
            let all: Vec<_> = trace.segments[0].document.walk().map(|document| document.name.as_str()).collect();
            assert_eq!(all, ["shop", "order", "price"]);
        }
        let trace = assemble(&[grandchild, child]);
        assert_eq!(names(&trace), [""; 0]);
        assert_eq!(trace.orphans.len(), 1, "the grandchild is beneath it");
    }

    #[test]
    fn a_call_without_an_answering_segment_gets_an_inferred_one_and_keeps_it() {
        let shop = r#"{"name":"shop","id":"000000000000000a","start_time":1,"end_time":9,"subsegments":[
            {"name":"DynamoDB","id":"000000000000000b","namespace":"aws","start_time":2,"end_time":3,"throttle":true,
             "aws":{"table_name":"orders"}},
            {"name":"pay","id":"000000000000000c","namespace":"remote","start_time":4,"end_time":5},
            {"name":"later","id":"000000000000000d","namespace":"remote","start_time":6,"end_time":7,
             "http":{"request":{"traced":true}}}]}"#;
        let pay =
            r#"{"name":"payments","id":"000000000000000e","parent_id":"000000000000000c","start_time":4,"end_time":5}"#;
        let trace = assemble(&[pay, shop]);
        assert_eq!(names(&trace), ["shop", "DynamoDB", "payments"]);
        let table = &trace.segments[1];
        assert!(table.document.inferred && table.document.throttle);
        assert_eq!(table.node.kind.as_deref(), Some("AWS::DynamoDB::Table"));
        assert_eq!(table.parent, Some(Parent { segment: 0, id: "000000000000000b".into() }));

        let again = Trace::assemble(ID, trace.segments.iter().map(|segment| segment.document.clone()));
        assert_eq!(again, trace);
    }

    #[test]
    fn the_root_is_the_segment_without_a_parent_even_if_another_began_earlier() {
        let skewed = r#"{"name":"payments","id":"b","parent_id":"a1","start_time":0.5,"end_time":0.6}"#;
        let root = r#"{"name":"shop","id":"a","start_time":1,"end_time":9,"subsegments":[
            {"name":"pay","id":"a1","namespace":"remote","start_time":1,"end_time":2}]}"#;
        let trace = assemble(&[skewed, root]);
        assert_eq!(names(&trace), ["shop", "payments"]);
        assert_eq!(trace.segments[1].parent, Some(Parent { segment: 0, id: "a1".into() }));
    }

    #[test]
    fn a_circle_of_lone_subsegments_is_kept_as_orphans() {
        let trace = assemble(&[
            r#"{"name":"x","id":"a","parent_id":"b","type":"subsegment","start_time":1,"end_time":2}"#,
            r#"{"name":"y","id":"b","parent_id":"a","type":"subsegment","start_time":1,"end_time":2}"#,
        ]);
        assert_eq!(trace.orphans.iter().flat_map(Document::walk).count(), 2);
    }

    #[test]
    fn a_subsegment_told_twice_is_shown_once_with_all_that_is_beneath_it() {
        let open = r#"{"name":"shop","id":"a","start_time":1,"in_progress":true,"subsegments":[
            {"name":"order","id":"b","start_time":2,"in_progress":true,"subsegments":[
                {"name":"price","id":"c","start_time":3,"end_time":4}]}]}"#;
        let done = r#"{"name":"order","id":"b","parent_id":"a","type":"subsegment","start_time":2,"end_time":5}"#;
        for order in [[open, done], [done, open]] {
            let trace = assemble(&order);
            let root = &trace.segments[0].document;
            let all: Vec<_> = root.walk().map(|document| (document.name.as_str(), document.in_progress)).collect();
            assert_eq!(all, [("shop", true), ("order", false), ("price", false)], "{order:?}");
            assert_eq!((trace.orphans.len(), trace.duplicates), (0, 0));
        }
        let again = assemble(&[open, done, done]);
        assert_eq!(again.duplicates, 1);
    }

    #[test]
    fn a_chain_deeper_than_a_document_can_be_goes_on_in_further_ones() {
        const DEPTH: usize = 5_000;
        let lone = |depth: usize| {
            let mut document = Document::default();
            document.name = format!("{depth}");
            document.id = format!("{depth:016x}");
            document.kind = (depth > 0).then(|| "subsegment".to_owned());
            document.parent_id = depth.checked_sub(1).map(|parent| format!("{parent:016x}"));
            document.start_time = Some(depth as f64);
            document.namespace = (depth == DEPTH).then(|| "remote".to_owned());
            document
        };
        let trace = Trace::assemble(ID, (0..=DEPTH).rev().map(lone));
        let [root, remote] = trace.segments.as_slice() else { panic!("{} segments", trace.segments.len()) };
        assert_eq!(root.walk().count(), DEPTH + 1);
        assert_eq!(root.document.walk().count(), 61);
        assert_eq!(remote.parent, Some(Parent { segment: 0, id: format!("{DEPTH:016x}") }));
        let sent = root.documents().map(|document| serde_json::to_string(document).unwrap());
        let again = Trace::assemble(ID, sent.map(|text| Document::parse(text).unwrap()));
        assert_eq!(again, trace);
    }

    #[test]
    fn segments_that_call_each_other_in_a_circle_have_a_first() {
        let trace = assemble(&[
            r#"{"name":"own","id":"c","parent_id":"c","start_time":3,"end_time":4}"#,
            r#"{"name":"x","id":"a","parent_id":"b","start_time":1,"end_time":2}"#,
            r#"{"name":"y","id":"b","parent_id":"a","start_time":2,"end_time":3}"#,
        ]);
        let callers: Vec<_> = trace.segments.iter().map(|s| s.parent.as_ref().map(|parent| parent.segment)).collect();
        assert_eq!((names(&trace), callers), (vec!["x", "y", "own"], vec![None, Some(0), None]));
    }

    #[test]
    fn the_two_segments_of_a_lambda_function_are_two_nodes_of_one_name() {
        let trace = assemble(&[
            r#"{"name":"resize","id":"b","parent_id":"a","origin":"AWS::Lambda::Function","start_time":2,"end_time":3}"#,
            r#"{"name":"resize","id":"a","origin":"AWS::Lambda","start_time":1,"end_time":4}"#,
        ]);
        let kinds: Vec<_> = trace.segments.iter().map(|segment| segment.node.kind.as_deref().unwrap()).collect();
        assert_eq!(kinds, ["AWS::Lambda", "AWS::Lambda::Function"]);
        assert_eq!(trace.segments[1].parent, Some(Parent { segment: 0, id: "a".into() }));
    }
}
