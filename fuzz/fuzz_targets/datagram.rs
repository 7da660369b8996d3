//! Any datagram: what becomes of it is counted, and the store stays within its bound.
#![no_main]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use xray_console::Store;
use xray_console::intake::{Intake, TROUBLES};
use xray_console::store::Window;
use xray_core::document::DAEMON_HEADER;

/// Small, so that it is full at once.
const BOUND: usize = 200_000;

static INTAKE: LazyLock<Intake> = LazyLock::new(|| Intake::new(Store::with_bound(BOUND)));

fuzz_target!(|body: &[u8]| {
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
    INTAKE.datagram(body, from);
    // The header line is not worth being guessed again and again.
    INTAKE.datagram(&[DAEMON_HEADER.as_bytes(), body].concat(), from);
    let counters = INTAKE.store().counters();
    // Of one trace more than the bound may be left: the last one stays.
    assert!(counters.bytes <= 2 * BOUND, "{counters:?}");
    let mut rows = 0;
    INTAKE.store().scan(&Window::ALL, |_| {
        rows += 1;
        rows < 20
    });
    assert!(INTAKE.troubles().len() <= TROUBLES);
});
