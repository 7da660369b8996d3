//! What the crate's front page shows is what its program sends.

use std::time::Duration;

use expect_test::expect_file;
use lambda_runtime::{Config, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tower::ServiceExt;
use xray_test::{Captured, ManualClock, SeededEntropy};

use super::{event, run, trace};

#[test]
fn the_front_page_shows_what_is_sent() {
    let clock = ManualClock::at(1_465_510_280.514);
    let xray = Captured::with(clock.clone(), SeededEntropy::new(7), |layer| layer.lambda(true));
    // The page's handler, with time passing around it.
    let handler = service_fn(|event: LambdaEvent<Value>| {
        let clock = clock.clone();
        async move {
            clock.advance(Duration::from_micros(150));
            charge(event.payload["order"].as_u64().unwrap_or_default(), &clock).await?;
            clock.advance(Duration::from_micros(250));
            Ok::<_, Error>(json!({ "paid": true }))
        }
    });
    let mut event = event(json!({ "order": 7 }));
    event.context.env_config = Config { function_name: "my-lambda".to_owned(), ..Config::default() }.into();
    event.context.request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned();
    run(&xray, async { trace(handler).oneshot(event).await.unwrap().into_inner() });

    let [_] = xray.documents();
    let document: Value = serde_json::from_str(&xray.texts()[0]).unwrap();
    expect_file!["../../tests/golden/front_page.json"].assert_eq(&format!("{document:#}\n"));
}

#[tracing::instrument(skip(clock))]
async fn charge(order: u64, clock: &ManualClock) -> Result<(), Error> {
    clock.advance(Duration::from_millis(3));
    Ok(())
}
