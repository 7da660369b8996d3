//! Who called, and what the segment is called for the host.

use std::net::SocketAddr;

use http::Request;
use xray_tower::{Naming, ServerSegmentLayer};

use crate::support::{Traced, finish, get, respond, serve, text};

#[tokio::test]
async fn a_segment_is_named_for_a_host_that_matches() {
    for (host, expected) in [
        (Some("shop.example.com"), "shop.example.com"),
        (Some("Shop.Example.com:8443"), "shop.example.com"),
        (Some("evil.example.org"), "test"),
        (None, "test"),
    ] {
        let layer = xray_tower::server().name(Naming::host("*.example.com"));
        let mut request = get("/");
        if let Some(host) = host {
            request.headers_mut().insert("host", host.parse().unwrap());
        }
        assert_eq!(segment(layer, request).await["name"], expected, "{host:?}");
    }
}

#[tokio::test]
async fn the_host_of_http2_is_in_the_uri() {
    let layer = xray_tower::server().name(Naming::host("*.example.com"));
    let request = Request::get("https://blog.example.com/a?b=c").body(text("")).unwrap();
    let segment = segment(layer, request).await;
    assert_eq!(segment["name"], "blog.example.com");
    assert_eq!(segment["http"]["request"]["url"], "https://blog.example.com/a");
}

#[tokio::test]
async fn a_fixed_name_stands_before_the_services() {
    assert_eq!(segment(xray_tower::server().name("billing"), get("/")).await["name"], "billing");
}

#[tokio::test]
async fn the_peers_address_counts_where_no_proxy_spoke() {
    let mut request = get("/");
    request.extensions_mut().insert(SocketAddr::from(([192, 0, 2, 4], 4711)));
    let caller = &segment(xray_tower::server(), request).await["http"]["request"];
    assert_eq!(caller["client_ip"], "192.0.2.4");
    assert!(caller["x_forwarded_for"].is_null());
}

#[tokio::test]
async fn the_hook_finds_an_address_in_a_type_we_do_not_know() {
    #[derive(Clone)]
    struct Peer([u8; 4]);
    let mut request = get("/");
    request.extensions_mut().insert(Peer([192, 0, 2, 5]));
    let layer = xray_tower::server().client_ip(|request| request.extensions.get::<Peer>().map(|peer| peer.0.into()));
    assert_eq!(segment(layer, request).await["http"]["request"]["client_ip"], "192.0.2.5");
}

#[tokio::test]
async fn a_request_without_a_host_still_shows_its_path() {
    let segment = segment(xray_tower::server(), get("/orders?x=1")).await;
    assert_eq!(segment["http"]["request"]["url"], "/orders");
    assert!(segment["http"]["request"]["client_ip"].is_null());
}

/// The one segment of `request`, served by `layer`.
async fn segment(layer: ServerSegmentLayer, request: Request<crate::support::Body>) -> serde_json::Value {
    let traced = Traced::new();
    let response = serve(layer, request, |_| async { respond(200, "") }).await;
    finish(response).await;
    traced.segment()
}
