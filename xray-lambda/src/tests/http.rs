//! Handlers of lambda_http.

use bytes::Bytes;
use futures_util::stream;
use http::{Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Error, IntoResponse, Request, RequestExt, service_fn};
use serde_json::json;
use tower::ServiceExt;
use xray_core::document::Document;

use super::{annotations, assert_lone, captured, run, sampled, trace};

fn request(method: &str, path: &str) -> Request {
    let event = json!({
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "card=4711",
        "headers": { "host": "shop.example.com", "user-agent": "curl/8", "x-forwarded-for": "203.0.113.9, 10.0.0.1" },
        "requestContext": { "apiId": "a", "http": { "method": method, "path": path }, "domainName": "shop.example.com" },
        "isBase64Encoded": false,
    });
    let event: LambdaRequest = serde_json::from_value(event).unwrap();
    Request::from(event).with_lambda_context(sampled())
}

fn http(document: &Document) -> (String, String, i64) {
    let http = document.http.as_ref().unwrap();
    let (request, response) = (http.request.as_ref().unwrap(), http.response.as_ref().unwrap());
    (request.method.clone().unwrap(), request.url.clone().unwrap(), response.status.unwrap())
}

#[test]
fn the_request_and_its_status_stand_on_the_subsegment() {
    let xray = captured();
    let handler = service_fn(|request: Request| async move {
        Ok::<_, Error>(if request.method() == "GET" { (StatusCode::OK, "7") } else { (StatusCode::BAD_GATEWAY, "") })
    });
    run(&xray, async {
        let response = trace(handler).oneshot(request("GET", "/orders/7")).await.unwrap();
        assert_eq!((response.status(), response.body()), (StatusCode::OK, &Body::from("7")));
        trace(handler).oneshot(request("POST", "/orders")).await.unwrap();
    });
    let [get, post] = xray.documents();
    assert_lone(&get);
    assert_eq!(http(&get), ("GET".to_owned(), "https://shop.example.com/orders/7".to_owned(), 200));
    assert_eq!(http(&post), ("POST".to_owned(), "https://shop.example.com/orders".to_owned(), 502));
    assert!(post.fault && !get.fault);
    assert_eq!(annotations(&get.annotations)["trigger"], "apigateway");
    assert!(!xray.texts().concat().contains("4711"), "queries stay here");
}

#[test]
fn each_way_of_http_to_a_function_has_its_name_and_its_callers_url() {
    let v2 = |host: &str| {
        json!({
            "version": "2.0", "rawPath": "/a", "rawQueryString": "", "headers": { "host": host }, "isBase64Encoded": false,
            "requestContext": { "apiId": "a", "http": { "method": "GET", "path": "/a" }, "domainName": host },
        })
    };
    let v1 = |host: &str| {
        json!({
            "resource": "/a", "path": "/a", "httpMethod": "GET", "headers": { "Host": host }, "multiValueHeaders": {},
            "requestContext": { "apiId": "a", "httpMethod": "GET", "stage": "prod" }, "isBase64Encoded": false,
        })
    };
    let alb = |host: &str| {
        json!({
            "httpMethod": "GET", "path": "/a", "headers": { "host": host }, "body": "", "isBase64Encoded": false,
            "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/a/b" } },
        })
    };
    let (api, own) = ("a.execute-api.eu-west-1.amazonaws.com", "shop.example.com");
    let function = "a.lambda-url.eu-west-1.on.aws";
    for (event, host, trigger, path) in [
        (v2(api), api, "apigateway", "/a"),
        (v2(function), function, "function-url", "/a"),
        (v1(api), api, "apigateway", "/prod/a"),
        (v1(own), own, "apigateway", "/a"),
        (alb(own), own, "alb", "/a"),
    ] {
        let xray = captured();
        let event: LambdaRequest = serde_json::from_value(event).unwrap();
        let request = Request::from(event).with_lambda_context(sampled());
        let handler = service_fn(|_: Request| async { Ok::<_, Error>("fine") });
        run(&xray, async { trace(handler).oneshot(request).await.unwrap() });
        let [document] = xray.documents();
        assert_eq!(annotations(&document.annotations)["trigger"], trigger);
        assert_eq!(http(&document), ("GET".to_owned(), format!("https://{host}{path}"), 200));
    }
}

#[test]
fn those_that_run_many_at_a_time_take_traced_handlers() {
    async fn page(_: Request) -> Result<Response<Body>, Error> {
        Ok(Response::new(Body::Empty))
    }
    // Never polled: that it compiles is what is to be shown.
    drop(lambda_http::run_concurrent(crate::trace(service_fn(page))));
    drop(lambda_http::run_concurrent(crate::trace(axum::Router::new())));
    drop(lambda_http::run_with_streaming_response_concurrent(crate::trace(service_fn(page)).streaming()));
    drop(lambda_http::run_with_streaming_response_concurrent(crate::trace(axum::Router::new()).streaming()));
}

#[test]
fn text_answers_are_recorded_when_asked() {
    let xray = captured();
    let handler = service_fn(|_: Request| async { Ok::<_, Error>("shipped") });
    run(&xray, async { trace(handler).capture_response(true).oneshot(request("GET", "/")).await.unwrap() });
    let [document] = xray.documents();
    assert_eq!(document.metadata["default"]["## handler response"], "shipped");
}

#[test]
fn a_streamed_body_ends_the_subsegment() {
    let xray = captured();
    let handler = service_fn(|_: Request| async {
        let frames = stream::iter(["a", "b"]).map(|text| Ok::<_, std::io::Error>(Frame::data(Bytes::from(text))));
        Ok::<_, Error>(Response::new(StreamBody::new(frames)))
    });
    use futures_util::StreamExt;
    run(&xray, async {
        let response = trace(handler).streaming().oneshot(request("GET", "/feed")).await.unwrap();
        assert!(xray.texts().is_empty());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ab");
        drop(trace(handler).streaming().oneshot(request("GET", "/feed")).await.unwrap());
    });
    let [read, left] = xray.documents();
    assert!(!read.error && left.error);
    assert_eq!(http(&read).2, 200);
}

#[test]
fn a_body_that_is_over_or_has_failed_is_not_given_up() {
    let xray = captured();
    let whole = service_fn(|_: Request| async { Ok::<_, Error>(Response::new(Body::from("ab"))) });
    let torn = service_fn(|_: Request| async {
        let frames = futures_util::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("torn"))]);
        Ok::<_, Error>(Response::new(StreamBody::new(frames)))
    });
    run(&xray, async {
        let mut body = trace(whole).streaming().oneshot(request("GET", "/")).await.unwrap().into_body();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        drop(body); // it said that there is no more
        let mut body = trace(torn).streaming().oneshot(request("GET", "/")).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap_err();
    });
    let [whole, torn] = xray.documents();
    assert!(!whole.error && !whole.fault);
    assert_eq!((torn.fault, torn.error, torn.exceptions().len()), (true, false, 1));
}

#[test]
fn a_handler_may_answer_with_anything() {
    async fn opaque(_: Request) -> Result<impl IntoResponse, Error> {
        Ok(json!({ "order": 7 }))
    }
    let xray = captured();
    let response = run(&xray, async { trace(service_fn(opaque)).oneshot(request("GET", "/")).await.unwrap() });
    assert_eq!(response.body(), &Body::from(r#"{"order":7}"#));
    let [_] = xray.documents();
}

#[test]
fn a_request_without_context_is_answered_too() {
    let handler = service_fn(|_: Request| async { Ok::<_, Error>("fine") });
    let xray = captured();
    let response = run(&xray, async { trace(handler).oneshot(Request::new(Body::Empty)).await.unwrap() });
    assert_eq!(response.body(), &Body::from("fine"));
    let [] = xray.documents();
}
