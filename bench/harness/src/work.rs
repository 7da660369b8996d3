//! The work of W1 to W3 and W9, in spans of `tracing`.

use std::hint::black_box;

use tracing::{Span, info, info_span};

/// One span, of W1.
pub fn one() {
    charge(|| {});
}

/// Ten spans, five of them nested in the other five; each has 3 fields and 1 event. Of W2, W3.
pub fn ten() {
    for _ in 0..5 {
        charge(reserve);
    }
}

/// The same ten without their events. Of W9.
pub fn ten_without_events() {
    for _ in 0..5 {
        charge_span().in_scope(|| reserve_span().in_scope(|| {}));
    }
}

/// A span for the request with the three values that a segment gets in its `http` block.
pub fn request_span() -> Span {
    info_span!("request", method = black_box(METHOD), url = black_box(URL), status = black_box(200_u64))
}

/// A span of three values.
pub fn charge_span() -> Span {
    info_span!("charge", customer = black_box("c-1029"), amount = black_box(4200_u64), express = black_box(true))
}

/// A span with an event, and what `inner` does in it.
pub fn charge(inner: impl FnOnce()) {
    let span = charge_span();
    let _entered = span.enter();
    inner();
    info!("card accepted");
}

fn reserve_span() -> Span {
    info_span!("reserve", sku = black_box("A-77-1200"), count = black_box(3_u64), backorder = black_box(false))
}

fn reserve() {
    let span = reserve_span();
    let _entered = span.enter();
    info!("stock found");
}

/// The request's method.
pub const METHOD: &str = "POST";

/// The request's URL.
pub const URL: &str = "https://orders.example.com/checkout";
