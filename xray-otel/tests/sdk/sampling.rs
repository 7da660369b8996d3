//! X-Ray's rules as the SDK's sampler.

use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use xray_core::Rules;
use xray_core::sampling::Rule;
use xray_otel::XraySampler;

use super::rules;

#[test]
fn rules_match_what_a_span_starts_with_and_children_follow() {
    let exporter = InMemorySpanExporter::default();
    let table = Rules::none().with_rule(
        Rule::new("orders only").with_path("/orders/*").with_method("POST").with_host("shop.*").with_rate(1.0),
    );
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .with_sampler(XraySampler::new("orders", rules(table)).with_service_type("AWS::ECS::Container"))
        .build();
    let tracer = provider.tracer("test");
    for (method, url) in [("POST", "/orders/7?x"), ("GET", "/orders/7"), ("POST", "/health")] {
        let attributes = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.path", url),
            KeyValue::new("server.address", "shop.example.com"),
        ];
        let root = tracer.span_builder(url).with_kind(SpanKind::Server).with_attributes(attributes);
        let context = Context::new().with_span(root.start_with_context(&tracer, &Context::new()));
        tracer.span_builder("child").start_with_context(&tracer, &context);
        context.span().end();
    }
    let spans = exporter.get_finished_spans().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_ref()).collect();
    assert_eq!(names, ["child", "/orders/7?x"]);
    let rule = spans[1].attributes.iter().find(|pair| pair.key.as_str() == "aws.xray.sampling_rule").unwrap();
    assert_eq!(rule.value.as_str(), "orders only");
}
