//! `init`, which is for the whole process and so has a test binary of its own.

use std::error::Error;

use xray_tower::InitError;

#[test]
fn a_second_init_says_what_to_remove() {
    let first = xray_tower::init("orders").unwrap();
    assert!(tracing::enabled!(tracing::Level::INFO), "the log lines are there");

    let error = xray_tower::init("orders").unwrap_err();
    assert!(matches!(error, InitError::Subscriber(_)), "{error:?}");
    assert!(error.source().is_some());
    let text = error.to_string();
    assert!(text.contains("remove that call") && text.ends_with("(XR003)"), "{text}");
    drop(first);
}
