//! How requests ended, for a sampler that asks: also of those that are not recorded.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use http::{Request, Response};
use tower::{BoxError, Layer, ServiceExt, service_fn};
use xray_core::sampling::{Decision, Reason, Sample, SamplingRequest, SegmentEnd};

use crate::support::{Body, Traced, finish, get, respond, serve, text};

/// Samples nothing, and writes down how segments end.
struct Listener(Arc<Mutex<Vec<String>>>);

impl Sample for Listener {
    fn sample(&self, _: &SamplingRequest<'_>) -> Decision {
        Decision::new(false, Reason::Fixed)
    }

    fn wants_end(&self) -> bool {
        true
    }

    fn ended(&self, _: &Decision, end: &SegmentEnd<'_>) {
        let flags = [("fault", end.fault), ("error", end.error), ("throttle", end.throttle)];
        let flags: String = flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| format!(" {name}")).collect();
        self.0.lock().unwrap().push(format!("{}{flags}", end.status.map_or("-".into(), |status| status.to_string())));
    }
}

#[tokio::test]
async fn a_sampler_learns_how_unsampled_requests_end() {
    let ends = Arc::<Mutex<Vec<String>>>::default();
    let listener = Listener(Arc::clone(&ends));
    let traced = Traced::with(|builder| builder.sampler(listener));

    for status in [200, 404, 429, 503] {
        finish(serve(xray_tower::server(), get("/"), async |_| respond(status, "")).await).await;
    }
    let refused = tonic::Status::unavailable("busy").into_http::<Body>().map(|_| text(""));
    let mut refused = Some(refused);
    finish(serve(xray_tower::server(), get("/"), |_| std::future::ready(refused.take().unwrap())).await).await;
    let failing = service_fn(async |_: Request<Body>| Err::<Response<Body>, BoxError>("declined".into()));
    xray_tower::server().layer(failing).oneshot(get("/")).await.unwrap_err();
    let panicking = service_fn(async |_: Request<Body>| -> Result<Response<Body>, Infallible> { panic!("no stock") });
    let panicked = AssertUnwindSafe(xray_tower::server().layer(panicking).oneshot(get("/"))).catch_unwind().await;
    assert!(panicked.is_err());
    let endless =
        service_fn(async |_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>().await);
    assert!(xray_tower::server().layer(endless).oneshot(get("/")).now_or_never().is_none());

    traced.nothing();
    assert_eq!(
        *ends.lock().unwrap(),
        ["200", "404 error", "429 error throttle", "503 fault", "200 fault", "- fault", "- fault", "- error"]
    );
}
