//! What is opened in AWS Lambda, where the platform sends the segment.
#![allow(clippy::unwrap_used)]

use tracing::info_span;
use xray_core::document::Document;
use xray_core::{Code, Incoming, Node, SpanExt, current, invocation, segment, subsegment};
use xray_test::{Captured, ManualClock, SeededEntropy};

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "53995c3f42cd8ad8";

fn lambda() -> Captured {
    Captured::with(ManualClock::at(1465510280.514), SeededEntropy::new(7), |layer| layer.lambda(true))
}

fn open(header: &str) -> Node {
    invocation("## handler", &Incoming::read(Some(header.as_bytes()), None))
}

fn assert_lone(document: &Document) {
    assert_eq!(document.kind.as_deref(), Some("subsegment"));
    assert_eq!(document.trace_id.as_deref(), Some(ROOT));
    assert_eq!(document.parent_id.as_deref(), Some(PARENT));
}

#[test]
fn an_invocation_is_a_lone_subsegment_of_the_platforms_segment() {
    let xray = lambda();
    let header = xray.run(|| {
        let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1;Lineage=1:abc:0"));
        node.in_scope(|| info_span!("charge").in_scope(|| ()));
        node.trace_header().unwrap().to_string()
    });
    let [document] = xray.documents();
    assert_lone(&document);
    assert_eq!((document.name.as_str(), document.subsegments.len()), ("## handler", 1));
    let id = &document.id;
    assert_eq!(header, format!("Root={ROOT};Parent={id};Sampled=1;Lineage=1:abc:0"));
}

#[test]
fn an_unsampled_invocation_passes_the_platforms_segment_on() {
    let xray = lambda();
    let header = xray.run(|| {
        let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=0;Lineage=1:abc:0"));
        node.in_scope(|| {
            let call = subsegment("DynamoDB").open();
            info_span!("inner").in_scope(|| call.trace_header().unwrap().to_string())
        })
    });
    let [] = xray.documents();
    assert_eq!(header, format!("Root={ROOT};Parent={PARENT};Sampled=0;Lineage=1:abc:0"));
    assert!(xray.diagnostics().is_empty());
    assert_eq!(xray.stats().upstream_unsampled, 1);
}

#[test]
fn what_does_not_decide_is_passed_on_unchanged() {
    for header in [
        format!("Root={ROOT};Lineage=1:abc:0"),
        format!("Root={ROOT};Parent={PARENT}"),
        format!("Root={ROOT};Sampled=1"),
        format!("Root={ROOT};Parent={PARENT};Sampled=?"),
        "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=1".to_owned(),
    ] {
        let xray = lambda();
        let passed_on = xray.run(|| {
            let node = open(&header);
            assert!(!node.is_recording());
            node.in_scope(|| subsegment("S3").open().trace_header().unwrap().to_string())
        });
        assert_eq!(passed_on, header);
        let [] = xray.documents();
    }
}

#[test]
fn without_a_usable_header_nothing_is_recorded_passed_on_or_complained_of_per_call() {
    for (header, code) in [("", Code::Xr014), ("Root=oops", Code::Xr012), ("Root=oops;Sampled=1", Code::Xr012)] {
        let xray = lambda();
        xray.run(|| {
            let node = open(header);
            node.in_scope(|| {
                let call = subsegment("S3").open();
                assert_eq!((call.trace_header(), call.trace_id(), call.id()), (None, None, None));
                assert_eq!(current().trace_header(), None);
                info_span!("inner").in_scope(|| assert_eq!(tracing::Span::current().trace_header(), None));
            });
        });
        let [] = xray.documents();
        let told = xray.diagnostics();
        assert!(told.iter().any(|line| line.starts_with(code.as_str())), "{header}: {told:?}");
        assert!(!told.iter().any(|line| line.starts_with("XR005") || line.contains("oops")), "{told:?}");
    }
}

#[test]
fn each_invocation_stands_for_itself() {
    let xray = lambda();
    xray.run(|| {
        let first = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1"));
        let _inside = first.enter();
        let other = open(&format!("Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent={PARENT};Sampled=1"));
        assert_ne!(other.trace_id(), first.trace_id());
    });
    let [_, _] = xray.documents();
}

#[test]
fn the_platforms_segment_cannot_be_changed() {
    let xray = lambda();
    xray.run(|| {
        let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1"));
        let child = subsegment("charge").parent(&node).open();
        child.set_user("customer-12").set_resource_arn("arn:aws:ecs:1");
    });
    let [document] = xray.documents();
    assert_lone(&document);
    assert!(!xray.texts()[0].contains("customer-12") && !xray.texts()[0].contains("arn:aws"));
}

#[test]
fn a_segment_becomes_a_subsegment_and_says_so() {
    let xray = lambda();
    xray.run(|| {
        let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1"));
        node.in_scope(|| segment("orders").open().end());
    });
    let [document] = xray.documents();
    assert_lone(&document);
    assert_eq!(document.subsegments[0].name, "orders");
    assert!(xray.diagnostics()[0].starts_with("XR015"), "{:?}", xray.diagnostics());
}

#[test]
fn what_looks_for_a_header_is_at_home_in_lambda_too() {
    for incoming in [Incoming::default(), Incoming::read(Some(format!("Root={ROOT}").as_bytes()), None)] {
        let xray = lambda();
        xray.run(|| {
            let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1"));
            node.in_scope(|| segment("shop").incoming(incoming).open().end());
        });
        let [document] = xray.documents();
        assert_eq!(document.subsegments[0].name, "shop");
        assert_eq!(xray.diagnostics(), Vec::<String>::new());
    }
}

#[test]
fn what_is_announced_is_replaced_by_the_whole() {
    let xray = lambda();
    xray.run(|| {
        let node = open(&format!("Root={ROOT};Parent={PARENT};Sampled=1"));
        let inner = subsegment("slow").parent(&node).open();
        node.announce();
        node.announce();
        drop(inner);
    });
    let [announced, whole] = xray.documents();
    assert_lone(&announced);
    assert!(announced.in_progress && announced.subsegments[0].in_progress);
    assert_eq!((announced.id, whole.in_progress), (whole.id, false));
}

#[test]
fn outside_lambda_an_invocation_is_nothing() {
    let xray = Captured::new(ManualClock::at(0.0), SeededEntropy::new(1));
    xray.run(|| assert!(!open(&format!("Root={ROOT};Parent={PARENT};Sampled=1")).is_active()));
    let [] = xray.documents();
}
