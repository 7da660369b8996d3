//! The document on the crate's front page is what its program sends.

use opentelemetry::trace::{Tracer, TracerProvider};
use xray_core::Capture;

use super::{builder, documents};
use xray_otel::XrayExporter;

#[test]
fn the_front_pages_program_sends_what_stands_there() {
    let capture = Capture::new();
    let provider = builder(7).with_batch_exporter(XrayExporter::new("orders", capture.clone())).build();
    provider.tracer("orders").in_span("import", |_| ());
    provider.shutdown().unwrap();
    let mut documents = documents(&capture);
    let [document] = &mut documents[..] else { panic!("one document") };
    // The SDK's spans have the time of the machine.
    (document.start_time, document.end_time) = (Some(1465510280.5), Some(1465510280.6));
    let below = &mut document.subsegments[0];
    (below.start_time, below.end_time) = (Some(1465510280.5), Some(1465510280.6));
    expect_test::expect_file!["../golden/front_page.json"].assert_eq(&document.to_string_pretty());
}
