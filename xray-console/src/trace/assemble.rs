//! Documents become a trace.
//!
//! By id: the complete document replaces the one in progress. Lone subsegments go to their parent at any depth; those
//! whose parent is not there are orphans. A subsegment that called another service (`aws`, `remote`) which sent no segment
//! of its own gets an inferred one, made from what the caller saw; a call that its caller marked `traced` waits for the
//! callee's segment instead.
//!
//! Source: X-Ray Developer Guide, "Segment documents", "Inferred segments"; X-Ray API Reference, "BatchGetTraces".

use std::collections::{BTreeMap, HashMap, HashSet};

use xray_core::document::Document;

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
        let mut roots = Vec::new();
        let mut lone: BTreeMap<String, Vec<Document>> = BTreeMap::new();
        for document in newest(documents) {
            match &document.parent_id {
                Some(parent) if document.is_lone_subsegment() => lone.entry(parent.clone()).or_default().push(document),
                _ => roots.push(document),
            }
        }
        for root in &mut roots {
            adopt(root, &mut lone);
        }
        let mut orphans = Vec::new();
        while let Some(parent) = free_parent(&lone) {
            for mut orphan in lone.remove(&parent).unwrap_or_default() {
                adopt(&mut orphan, &mut lone);
                orphans.push(orphan);
            }
        }
        orphans.sort_by(by_start);

        let called: HashSet<String> = roots.iter().filter_map(|root| root.parent_id.clone()).collect();
        let mut inferred = Vec::new();
        for root in roots.iter().filter(|root| !root.inferred) {
            for call in root.walk().skip(1) {
                if is_call(call) && !is_traced(call) && !called.contains(&call.id) {
                    inferred.push(infer(call, id));
                }
            }
        }
        roots.extend(inferred);
        for root in &mut roots {
            root.trace_id = Some(id.to_owned());
        }
        Trace { id: id.to_owned(), segments: ordered(roots), orphans }
    }
}

/// One document for each id: complete before in progress, later before earlier. In the order of first arrival.
fn newest(documents: impl IntoIterator<Item = Document>) -> Vec<Document> {
    let mut found: Vec<Document> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for document in documents {
        let place = *places.entry(document.id.clone()).or_insert(found.len());
        match found.get_mut(place) {
            None => found.push(document),
            Some(known) if known.in_progress || !document.in_progress => *known = document,
            Some(_) => {}
        }
    }
    found
}

/// Moves lone subsegments to their places beneath this document.
fn adopt(document: &mut Document, lone: &mut BTreeMap<String, Vec<Document>>) {
    if lone.is_empty() {
        return;
    }
    if let Some(children) = lone.remove(&document.id) {
        for child in children {
            match document.subsegments.iter_mut().find(|known| known.id == child.id) {
                Some(known) if known.in_progress => *known = child,
                Some(_) => {}
                None => document.subsegments.push(child),
            }
        }
        document.subsegments.sort_by(by_start);
    }
    for child in &mut document.subsegments {
        adopt(child, lone);
    }
}

/// The parent of some lone subsegments that is itself not among them, at whatever depth; of a circle any.
fn free_parent(lone: &BTreeMap<String, Vec<Document>>) -> Option<String> {
    let known: HashSet<&str> =
        lone.values().flatten().flat_map(Document::walk).map(|document| document.id.as_str()).collect();
    let free = lone.keys().find(|parent| !known.contains(parent.as_str()));
    free.or_else(|| lone.keys().next()).cloned()
}

fn is_call(subsegment: &Document) -> bool {
    matches!(subsegment.namespace.as_deref(), Some("aws" | "remote"))
}

fn is_traced(call: &Document) -> bool {
    call.http.as_ref().and_then(|http| http.request.as_ref()).is_some_and(|request| request.traced)
}

/// The segment of a service that is known by a call alone.
fn infer(call: &Document, trace_id: &str) -> Document {
    let mut segment = Document::default();
    segment.name = call.name.clone();
    segment.id = inferred_id(&call.id);
    segment.trace_id = Some(trace_id.to_owned());
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
fn ordered(mut roots: Vec<Document>) -> Vec<Segment> {
    roots.sort_by(by_start);
    let mut owner: HashMap<String, usize> = HashMap::new();
    for (index, root) in roots.iter().enumerate() {
        owner.extend(root.walk().map(|document| (document.id.clone(), index)));
    }
    let is_first = |root: &Document| root.parent_id.is_none();
    let is_headless = |root: &Document| root.parent_id.as_ref().is_some_and(|parent| !owner.contains_key(parent));
    let first = roots.iter().position(is_first).or_else(|| roots.iter().position(is_headless)).unwrap_or(0);
    if let Some(before) = roots.get_mut(..=first) {
        before.rotate_right(1);
    }
    // Indices of what stood before the root have moved up by one.
    let moved = |index: usize| match index.cmp(&first) {
        std::cmp::Ordering::Less => index + 1,
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => index,
    };
    let segment = |document: Document| {
        let caller = document.parent_id.as_ref().and_then(|id| Some((*owner.get(id)?, id.clone())));
        let parent = caller.map(|(index, id)| Parent { segment: moved(index), id });
        Segment { node: node(&document), parent, document }
    };
    roots.into_iter().map(segment).collect()
}

fn node(segment: &Document) -> Node {
    if !segment.inferred {
        return Node::of_segment(segment);
    }
    // An inferred segment says by its origin that an AWS service was called.
    let mut call = segment.clone();
    let of_aws = segment.origin.as_deref().is_some_and(|origin| origin.starts_with("AWS::"));
    call.namespace = Some(if of_aws { "aws" } else { "remote" }.to_owned());
    Node::of_call(&call)
}

fn by_start(left: &Document, right: &Document) -> std::cmp::Ordering {
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
}
