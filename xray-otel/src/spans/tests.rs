use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Mapping;

const ALL: &str = include_str!("everything.json");

fn there_and_back(text: &str) -> (Document, Document) {
    let document = Document::parse(text).unwrap();
    xray_test::validate(text).unwrap_or_else(|violations| panic!("{violations:?}"));
    let resource = Arc::new(Resource::of_service("orders"));
    let mut losses = Losses::default();
    let spans = spans(&document, &resource, &mut losses);
    let back = Mapping::new("orders").with_sql_queries(true).documents(&spans, &mut losses);
    assert!(losses.is_none(), "{losses:?}");
    let [back] = &back[..] else { panic!("{back:?}") };
    (document, back.clone())
}

#[test]
fn a_document_with_everything_survives_the_way_to_spans_and_back() {
    let (document, back) = there_and_back(ALL);
    expect_test::expect![""].assert_eq("");
    assert_eq!(back.to_string_pretty(), document.to_string_pretty());
}

#[test]
fn readers_of_spans_find_what_they_look_for() {
    let document = Document::parse(ALL).unwrap();
    let spans = spans(&document, &Arc::new(Resource::of_service("orders")), &mut Losses::default());
    let shown: Vec<String> = spans
        .iter()
        .map(|span| {
            let failed = if matches!(span.status, Status::Error(_)) { " failed" } else { "" };
            let keys: Vec<&str> = span.attributes.iter().map(|(key, _)| key.as_str()).collect();
            let events: Vec<&str> = span.events.iter().map(|event| event.name.as_str()).collect();
            format!("{:?} {}{failed} {} {events:?}", span.kind, span.name, keys.join(" "))
        })
        .collect();
    expect_test::expect![[r#"
        Server POST aws.xray.origin aws.xray.service_version aws.xray.sampling_rule aws.xray.aws http.request.method url.full user_agent.original client.address http.response.status_code http.response.body.size user.id order_id tier aws.xray.annotations aws.xray.metadata.billing items aws.xray.metadata.default []
        Internal charge failed  ["asking the bank", "exception", "exception"]
        Client DynamoDB rpc.system rpc.service rpc.method aws.region aws.request_id aws.dynamodb.table_names aws.retries aws.xray.aws http.response.status_code []
        Client shop@db1 peer.service db.system.name db.user db.query.text aws.xray.sql.url aws.xray.sql.database_version aws.xray.sql.driver_version aws.xray.sql.preparation server.address server.port db.namespace aws.xray.precursor_ids []
        Client payments failed peer.service http.request.method url.full aws.xray.traced http.response.status_code []
        Internal check aws.xray.error aws.xray.throttle aws.xray.fault aws.xray.cause []"#]].assert_eq(&shown.join("\n"));
}

#[test]
fn lone_subsegments_keep_their_parent_and_progress_makes_no_span() {
    let part = json!({"name": "part", "id": "53995c3f42cd8ad9", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "type": "subsegment", "parent_id": "53995c3f42cd8ad8", "start_time": 1.5, "end_time": 2.5});
    let (document, back) = there_and_back(&part.to_string());
    assert_eq!(back, document);

    let mut open = part;
    open["in_progress"] = true.into();
    open.as_object_mut().unwrap().remove("end_time");
    let mut losses = Losses::default();
    let resource = Arc::default();
    assert_eq!(spans(&Document::parse(open.to_string()).unwrap(), &resource, &mut losses), []);
    assert!(losses.is_none());

    open["id"] = "short".into();
    assert_eq!(spans(&Document::parse(open.to_string()).unwrap(), &resource, &mut losses), []);
    assert_eq!(losses.spans_refused, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn any_text_of_a_document_makes_spans_or_none(
        name in ".{0,20}", time in any::<f64>(), key in ".{0,12}", text in ".{0,20}", id in "[0-9a-f]{16}|.{0,4}",
    ) {
        let json = json!({"name": name, "id": id, "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "start_time": time,
            "end_time": time, "metadata": {&key: {&key: &text, "events": [{"time": time}]}, "tracing": {"events": [&text]}},
            "annotations": {&key: [&text]}, "sql": {"url": &text}, "aws": {&key: &text, "table_name": 7},
            "subsegments": [{"id": id, "namespace": text}], "cause": {"exceptions": [{"id": text, "stack": [{}]}]}});
        let document = Document::parse(json.to_string()).unwrap();
        for span in spans(&document, &Arc::default(), &mut Losses::default()) {
            prop_assert!(span.start <= span.end);
        }
    }
}
