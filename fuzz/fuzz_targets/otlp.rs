//! Any body of an OTLP request, in both encodings and in gzip.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use xray_console::Store;
use xray_console::intake::{Intake, Sender};

static INTAKE: LazyLock<Intake> = LazyLock::new(|| Intake::new(Store::with_bound(200_000)));

fuzz_target!(|body: &[u8]| {
    for kind in ["application/json", "application/x-protobuf"] {
        for encoding in [None, Some("gzip")] {
            let answer = INTAKE.otlp(body, kind, encoding, Sender::Local("fuzz"));
            assert!(matches!(answer.status, 200 | 400 | 413 | 415), "{}", answer.status);
        }
    }
});
