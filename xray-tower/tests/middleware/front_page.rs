//! What the crate's front page shows is what its program sends.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use expect_test::expect_file;
use http::Request;
use tower::ServiceExt;
use xray_test::{Captured, ManualClock, SeededEntropy};

use crate::support::finish;

#[tokio::test]
async fn the_front_page_shows_what_is_sent() {
    let clock = ManualClock::at(1_465_510_280.514);
    let xray = Captured::new(clock.clone(), SeededEntropy::new(7));
    let _default = tracing::dispatcher::set_default(xray.dispatch());

    // The page's handler, with time passing around it.
    let handler = move |id: Path<u64>| {
        let clock = clock.clone();
        async move {
            clock.advance(Duration::from_micros(150));
            let answer = order(id, &clock).await;
            clock.advance(Duration::from_micros(250));
            answer
        }
    };
    let app = Router::new().route("/orders/{id}", get(handler)).layer(xray_tower::server().name("orders"));
    let request = Request::get("/orders/7").header("host", "127.0.0.1:3000").header("user-agent", "curl/8.5.0");
    let response = app.oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(finish(response).await, "order 7");

    let [_] = xray.documents();
    let mut document: serde_json::Value = serde_json::from_str(&xray.texts()[0]).unwrap();
    document["aws"]["xray"]["sdk_version"] = "…".into(); // changes with every release
    expect_file!["../golden/front_page.json"].assert_eq(&format!("{document:#}\n"));
}

#[tracing::instrument(skip(clock))]
async fn order(Path(id): Path<u64>, clock: &ManualClock) -> String {
    clock.advance(Duration::from_millis(3));
    format!("order {id}")
}
