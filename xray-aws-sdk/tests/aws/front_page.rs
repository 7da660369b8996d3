//! The document that the crate's front page shows.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use expect_test::expect_file;
use tracing::Instrument;
use xray_core::segment;
use xray_test::{Captured, ManualClock, SeededEntropy};

use crate::support::{Answer, Service, dynamodb, run};

#[test]
fn the_front_page_shows_what_is_sent() {
    let clock = ManualClock::at(1465510280.514);
    let xray = Captured::new(clock.clone(), SeededEntropy::new(7));
    let headers = &[("x-amzn-requestid", "A1B2C3EXAMPLE"), ("content-length", "2")];
    let mut service = Service::answering(&[Answer::Http(200, headers, "{}")]);
    service.takes = Some((clock, Duration::from_millis(12)));
    let client = dynamodb(&service);
    run(&xray, async {
        let put = client.put_item().table_name("orders").item("id", AttributeValue::S("7".to_owned()));
        let store = async { put.send().instrument(tracing::info_span!("store")).await };
        segment("orders").open().instrument(store).await.unwrap();
    });
    let [document] = xray.documents();
    expect_file!["../golden/front_page.json"].assert_eq(&document.to_string_pretty());
}
