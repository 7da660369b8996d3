//! What the crate's front page shows is what its program sends.
#![cfg(feature = "layer")]

use std::time::Duration;

use expect_test::expect_file;
use xray_core::{ResultExt, segment};
use xray_test::{Captured, ManualClock, SeededEntropy};

#[test]
fn the_front_page_shows_what_is_sent() {
    let clock = ManualClock::at(1_465_510_280.514);
    let xray = Captured::new(clock.clone(), SeededEntropy::new(7));
    xray.run(|| {
        let job = segment("checkout").open();
        let charged = job.in_scope(|| charge(42, "12 EUR", &clock));
        job.annotate("charged", charged.is_ok());
        clock.advance(Duration::from_millis(2));
    });

    let [document] = xray.documents();
    // What changes with every release, and with every line added here.
    let text = document.to_string_pretty();
    let text = text.replace(env!("CARGO_PKG_VERSION"), "…").replace(file!(), "src/main.rs");
    let here: u64 = document.find("charge").unwrap().exceptions()[0].stack[0].line.unwrap().try_into().unwrap();
    let text = text.replace(&format!("\"line\": {here}"), &format!("\"line\": {LINE}"));
    expect_file!["golden/front_page.json"].assert_eq(&format!("{text}\n"));
}

#[tracing::instrument(skip(clock), fields(annotation.order_id = order))]
fn charge(order: u64, amount: &str, clock: &ManualClock) -> Result<u64, std::num::ParseIntError> {
    clock.advance(Duration::from_millis(3));
    tracing::info!(target: "checkout", "asking the bank");
    clock.advance(Duration::from_millis(110));
    amount.parse().record_err()
}

/// Where `record_err` stands in the front page's program.
const LINE: u64 = 18;
