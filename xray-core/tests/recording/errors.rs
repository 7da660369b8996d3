//! Errors, panics and cancellations.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use expect_test::expect;
use tracing::{Instrument, info_span};
use xray_core::document::Document;
use xray_core::{ExceptionParts, Node, ResultExt, SpanExt, segment, subsegment};
use xray_test::{Captured, Picture};

use crate::support::{block_on, captured, turn};

#[derive(Debug)]
struct Declined {
    source: Network,
}

#[derive(Debug)]
struct Network(std::io::Error);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bank unreachable")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl Error for Network {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn declined() -> Declined {
    Declined { source: Network(std::io::ErrorKind::TimedOut.into()) }
}

#[track_caller]
fn on_segment(work: impl FnOnce(&Node)) -> (Document, Captured) {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| work(&orders));
    });
    let [document] = xray.documents();
    (document, xray)
}

fn causes(document: &Document) -> String {
    Picture::new().causes(true).draw(std::slice::from_ref(document))
}

/// Each exception is caused by the next, and the last by none.
#[track_caller]
fn assert_chained(document: &Document) {
    let exceptions = document.exceptions();
    for (exception, next) in exceptions.iter().zip(exceptions.iter().skip(1)) {
        assert_eq!(exception.cause.as_deref(), Some(next.id.as_str()));
    }
    assert_eq!(exceptions.last().unwrap().cause, None);
}

#[test]
fn an_error_event_is_an_exception_with_its_place_and_a_fault() {
    let line = line!() + 2;
    let (document, _) = on_segment(|_| {
        tracing::error!(order = 7, "charge failed");
    });
    let [exception] = document.exceptions() else { panic!("{document:?}") };
    assert_eq!((exception.kind.as_deref(), exception.message.as_deref()), (Some("error"), Some("charge failed")));
    let frame = &exception.stack[0];
    assert!(frame.path.as_deref().unwrap().ends_with("errors.rs"));
    assert_eq!(frame.line, Some(i64::from(line)));
    assert_eq!(document.metadata["tracing"]["events"][0]["fields"]["order"], 7);
    assert!(document.fault);
}

#[test]
fn warnings_are_events_and_no_fault() {
    let (document, _) = on_segment(|_| tracing::warn!("slow"));
    assert!(!document.fault && document.cause.is_none());
    assert_eq!(document.metadata["tracing"]["events"][0]["level"], "WARN");
}

#[test]
fn an_error_event_with_an_error_keeps_its_sources() {
    let error = declined();
    let (document, _) = on_segment(|_| tracing::error!(error = &error as &dyn Error, "charge failed"));
    expect![[r#"
        orders  segment fault (Declined: card declined; Network: bank unreachable; io::Error: timed out)
    "#]]
    .assert_eq(&causes(&document));
    assert_chained(&document);
    assert!(document.exceptions()[0].stack.len() == 1 && document.exceptions()[1].stack.is_empty());
}

#[test]
fn an_error_event_names_its_type_where_it_is_told() {
    let (document, _) = on_segment(|_| tracing::error!(error.type = "Declined", error = %declined(), "charge failed"));
    assert_eq!(causes(&document), "orders  segment fault (Declined: card declined)\n");
}

#[test]
fn a_recorded_error_keeps_its_sources_and_marks_the_node() {
    let error = declined();
    let (document, _) = on_segment(|_| {
        let load = info_span!("load");
        load.record_error(&error);
        load.in_scope(|| info_span!("page"));
    });
    expect![[r#"
        orders  segment
        └ load  fault (Declined: card declined; Network: bank unreachable; io::Error: timed out)
          └ page
    "#]]
    .assert_eq(&causes(&document));
    assert_chained(&document.subsegments[0]);
}

#[test]
fn a_failure_of_which_only_a_text_is_known_is_recorded_as_far_as_it_can_be_shown() {
    struct Torn;
    impl fmt::Display for Torn {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no text")
        }
    }
    let (document, _) = on_segment(|orders| {
        orders.record_failure("Refused", format_args!("{} {}", "no", "room"));
        orders.record_failure("Torn", format_args!("{Torn}"));
    });
    assert!(document.fault);
    let told: Vec<_> = document.exceptions().iter().map(|it| (it.kind.as_deref(), it.message.as_deref())).collect();
    let expected = [("Refused", "no room"), ("Torn", "[panicked while formatted]")];
    assert_eq!(told, expected.map(|(kind, message)| (Some(kind), Some(message))));
}

#[test]
fn record_err_knows_the_type_and_the_line() {
    let line = line!() + 2;
    let (document, _) = on_segment(|_| {
        let refused = "many".parse::<u16>().record_err();
        assert!(refused.is_err());
        assert_eq!("7".parse::<u16>().record_err(), Ok(7));
    });
    let [exception] = document.exceptions() else { panic!("{document:?}") };
    assert_eq!(exception.kind.as_deref(), Some("ParseIntError"));
    assert_eq!(exception.message.as_deref(), Some("invalid digit found in string"));
    assert!(exception.stack[0].path.as_deref().unwrap().ends_with("errors.rs"));
    assert_eq!(exception.stack[0].line, Some(i64::from(line)));
    assert!(document.fault);
}

#[test]
fn record_err_as_takes_errors_that_are_none_themselves() {
    let (document, _) = on_segment(|_| {
        let failed: Result<(), Box<dyn Error + Send + Sync>> = Err(Box::new(declined()));
        assert!(failed.record_err_as(|error| &**error).is_err());
    });
    expect![[r#"
        orders  segment fault (Declined: card declined; Network: bank unreachable; io::Error: timed out)
    "#]]
    .assert_eq(&causes(&document));
}

#[test]
fn instrument_err_is_an_exception_of_the_function() {
    #[tracing::instrument(err)]
    fn charge() -> Result<(), Declined> {
        Err(declined())
    }
    let (document, _) = on_segment(|_| assert!(charge().is_err()));
    assert_eq!(causes(&document), "orders  segment\n└ charge  fault (error: card declined)\n");
}

#[test]
fn an_error_among_a_spans_fields_keeps_its_sources() {
    let error = declined();
    let (document, _) = on_segment(|_| drop(info_span!("load", error = &error as &dyn Error)));
    expect![[r#"
        orders  segment
        └ load  fault (Declined: card declined; Network: bank unreachable; io::Error: timed out)
    "#]]
    .assert_eq(&causes(&document));
}

#[test]
fn sixteen_exceptions_are_kept_and_the_fault_stays() {
    let (document, _) = on_segment(|node| {
        for _ in 0..10 {
            node.record_error(&declined());
        }
        tracing::error!("one more");
        node.record_exception(ExceptionParts { kind: "Late", message: "too late", remote: true });
    });
    assert_eq!(document.exceptions().len(), 16);
    assert!(document.fault);
    // The last one that fits is cut short: it does not name a cause that is not there.
    assert_eq!(document.exceptions()[15].cause, None);
}

#[test]
fn an_endless_chain_of_sources_ends() {
    #[derive(Debug)]
    struct Own;
    impl fmt::Display for Own {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("my own cause")
        }
    }
    impl Error for Own {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Own)
        }
    }
    let (document, _) = on_segment(|node| {
        node.record_error(&Own);
    });
    assert_eq!(document.exceptions().len(), 8);
    assert_chained(&document);
}

#[test]
fn long_messages_are_cut() {
    let long = "x".repeat(10_000);
    let (document, _) = on_segment(|node| {
        node.record_exception(ExceptionParts { kind: "", message: &long, remote: false });
        tracing::error!("{long}");
        node.record_error(&std::io::Error::other(long.clone()));
    });
    for exception in document.exceptions() {
        let message = exception.message.as_deref().unwrap();
        assert!(message.len() <= 520 && message.ends_with("…[cut]"), "{}", message.len());
        assert!(!exception.kind.as_deref().unwrap().is_empty());
    }
    assert_eq!(document.exceptions().len(), 3);
}

#[test]
fn exceptions_of_the_other_side_say_so() {
    let (document, _) = on_segment(|node| {
        node.record_exception(ExceptionParts { kind: "Throttled", message: "slow down", remote: true });
    });
    assert!(document.exceptions()[0].remote);
    assert!(!document.fault);
}

#[test]
fn a_panic_inside_spans_is_a_fault_and_one_exception_in_each() {
    let (document, _) = on_segment(|_| {
        let load = info_span!("load");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            load.in_scope(|| {
                info_span!("before").in_scope(|| ());
                let _twice = load.enter();
                info_span!("page").in_scope(|| std::panic::resume_unwind(Box::new("torn")))
            })
        }));
        assert!(panicked.is_err());
        info_span!("after").in_scope(|| ());
    });
    expect![[r#"
        orders  segment
        ├ load  fault (panic: left by a panic)
        │ ├ before
        │ └ page  fault (panic: left by a panic)
        └ after
    "#]]
    .assert_eq(&causes(&document));
}

#[test]
fn a_panic_in_an_instrumented_future_keeps_its_message_and_goes_on() {
    for (payload, message) in [
        (Box::new("torn") as Box<dyn std::any::Any + Send>, "torn"),
        (Box::new("torn, too".to_owned()), "torn, too"),
        (Box::new(7), "panicked"),
    ] {
        let xray = captured();
        let kind = (*payload).type_id();
        let panicked = xray.run(|| {
            let call = async move {
                let torn = async {
                    turn().await;
                    std::panic::resume_unwind(payload)
                };
                torn.instrument(info_span!("load")).await
            };
            let orders = segment("orders").open();
            catch_unwind(AssertUnwindSafe(|| block_on(orders.instrument(call))))
        });
        let payload: Box<dyn std::any::Any + Send> = match panicked {
            Err(payload) => payload,
            Ok(()) => panic!("the panic goes on"),
        };
        assert_eq!((*payload).type_id(), kind);
        let [document] = xray.documents();
        assert_eq!(
            causes(&document),
            format!("orders  segment fault (panic: {message})\n└ load  fault (panic: left by a panic)\n")
        );
    }
}

#[test]
fn a_cancelled_future_says_that_it_was_dropped() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let mut call = Box::pin(subsegment("call").open().instrument(turn()));
            assert!(!crate::support::poll(call.as_mut()));
        });
        drop(subsegment("never polled").parent(&orders).open().instrument(turn()));
    });
    let [document] = xray.documents();
    expect![[r#"
        orders  segment
        ├ call  error (cancelled: dropped before it was ready)
        └ never polled  error (cancelled: dropped before it was ready)
    "#]]
    .assert_eq(&causes(&document));
}

#[test]
fn events_beyond_32_are_counted_and_errors_among_them_kept() {
    let (document, xray) = on_segment(|_| {
        for number in 0..40 {
            tracing::info!(number, "step");
        }
        tracing::error!("late");
    });
    assert_eq!(document.metadata["tracing"]["events"].as_array().unwrap().len(), 32);
    assert_eq!(xray.stats().events_dropped, 9);
    assert_eq!(causes(&document), "orders  segment fault (error: late)\n");
}

#[test]
fn a_span_that_a_destructor_leaves_while_unwinding_is_no_panic_of_its_own() {
    struct Rollback;
    impl Drop for Rollback {
        fn drop(&mut self) {
            tracing::info_span!("rollback").in_scope(|| ());
        }
    }
    let xray = captured();
    xray.run(|| {
        let handler = segment("orders").open();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            handler.in_scope(|| {
                tracing::info_span!("load").in_scope(|| {
                    let _rollback = Rollback;
                    std::panic::resume_unwind(Box::new("torn"))
                })
            })
        }));
        assert!(panicked.is_err());
    });
    assert_eq!(xray.picture(), "orders  segment\n└ load  fault\n  └ rollback\n");
}

#[test]
fn a_message_given_late_takes_no_field_with_it() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| tracing::info!(a = 1, message = "late", b = 2));
    });
    let [document] = xray.documents();
    let fields = &document.metadata["tracing"]["events"][0]["fields"];
    assert_eq!(fields, &serde_json::json!({ "a": 1, "message": "late", "b": 2 }));
}
