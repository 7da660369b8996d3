//! What the interceptor puts into requests of a real client. The other end is a connector of this test's own.

use std::sync::{Arc, Mutex};

use crate::support::{SENDER, captured, run};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{
    MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use aws_sdk_sqs::{Client, Config};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use xray_core::{Node, Rules, segment};
use xray_test::Captured;

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";

/// Answers every request with an empty object, and keeps what it was sent.
#[derive(Clone, Debug, Default)]
struct Wire(Arc<Mutex<Vec<Request>>>);

/// The trace header, and the body.
type Request = (Option<String>, Value);

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = request.headers().get("x-amzn-trace-id").map(str::to_owned);
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.0.lock().unwrap().push((header, body));
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), SdkBody::from("{}"))))
    }
}

impl Wire {
    fn client(&self, settings: impl FnOnce(aws_sdk_sqs::config::Builder) -> aws_sdk_sqs::config::Builder) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .region(Region::new("eu-west-1"))
            .http_client(http_client_fn(move |_, _| connector.clone()));
        Client::from_conf(settings(config).build())
    }

    fn ours(&self) -> Client {
        self.client(|config| config.interceptor(xray_sqs::interceptor()))
    }

    /// The one body sent so far.
    fn body(&self) -> Value {
        let sent = self.0.lock().unwrap();
        let [(_, body)] = &sent[..] else { panic!("one request, not {sent:?}") };
        body.clone()
    }
}

fn inside<T>(xray: &Captured, node: impl FnOnce() -> Node, work: impl Future<Output = T>) -> T {
    run(xray, async { node().instrument(work).await })
}

fn entry(id: &str) -> aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder {
    SendMessageBatchRequestEntry::builder().id(id).message_body("{}")
}

fn own_header() -> MessageSystemAttributeValue {
    MessageSystemAttributeValue::builder().data_type("String").string_value("Root=mine").build().unwrap()
}

fn attribute(message: &Value) -> &str {
    assert_eq!(message["MessageSystemAttributes"]["AWSTraceHeader"]["DataType"], "String");
    message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str().unwrap()
}

#[test]
fn a_send_carries_the_header_of_its_own_subsegment() {
    let (xray, wire) = (captured(|layer| layer), Wire::default());
    inside(&xray, || segment("shop").parent(format!("{SENDER};Lineage=a:1").parse().unwrap()).open(), async {
        wire.ours().send_message().queue_url(QUEUE).message_body("{}").send().await.unwrap();
    });
    let [document] = xray.documents();
    let send = document.find("SQS").unwrap();
    let expected = format!("{};Parent={};Sampled=1;Lineage=a:1", &SENDER[..40], send.id);
    assert_eq!(attribute(&wire.body()), expected);
    assert_eq!(wire.0.lock().unwrap()[0].0.as_deref(), Some(&*expected), "the HTTP header says the same");
}

#[test]
fn a_batch_carries_it_in_every_entry_and_the_callers_own_stays() {
    let (xray, wire) = (captured(|layer| layer), Wire::default());
    inside(&xray, || segment("shop").open(), async {
        let set =
            entry("2").message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, own_header());
        let send = wire.ours().send_message_batch().queue_url(QUEUE);
        let send = send.entries(entry("1").build().unwrap()).entries(set.build().unwrap());
        send.entries(entry("3").message_group_id("g").build().unwrap()).send().await
    })
    .unwrap();
    let body = wire.body();
    let [one, two, three] = &body["Entries"].as_array().unwrap()[..] else { panic!("three entries") };
    let [document] = xray.documents();
    let root =
        format!("Root={};Parent={};Sampled=1", document.trace_id.as_deref().unwrap(), document.find("SQS").unwrap().id);
    assert_eq!([attribute(one), attribute(two), attribute(three)], [&root, "Root=mine", &root]);
}

#[test]
fn a_single_sends_own_attribute_stays() {
    let (xray, wire) = (captured(|layer| layer), Wire::default());
    inside(&xray, || segment("shop").open(), async {
        let send = wire.ours().send_message().queue_url(QUEUE).message_body("{}");
        let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
        send.message_system_attributes(name, own_header()).send().await.unwrap();
    });
    assert_eq!(attribute(&wire.body()), "Root=mine");
}

#[test]
fn an_unsampled_trace_says_so_and_no_trace_says_nothing() {
    let (xray, wire) = (captured(|layer| layer.rules(Rules::none())), Wire::default());
    inside(&xray, || segment("shop").open(), async {
        wire.ours().send_message().queue_url(QUEUE).message_body("{}").send().await.unwrap();
    });
    assert!(attribute(&wire.body()).ends_with(";Sampled=0"));

    let wire = Wire::default();
    run(&xray, async { wire.ours().send_message().queue_url(QUEUE).message_body("{}").send().await.unwrap() });
    assert_eq!(wire.body(), json!({ "QueueUrl": QUEUE, "MessageBody": "{}" }));
}

#[test]
fn a_receive_asks_for_what_a_consumer_needs() {
    let asked = |names: &[MessageSystemAttributeName]| {
        let (xray, wire) = (captured(|layer| layer), Wire::default());
        let receive = wire.ours().receive_message().queue_url(QUEUE);
        let names = (!names.is_empty()).then(|| names.to_vec());
        run(&xray, async { receive.set_message_system_attribute_names(names).send().await }).unwrap();
        // A poll outside a segment is the order of things.
        assert_eq!((xray.all().len(), xray.diagnostics().len(), xray.stats().context_missing), (0, 0, 0));
        wire.body()["MessageSystemAttributeNames"].clone()
    };
    use MessageSystemAttributeName::{All, AwsTraceHeader, SenderId};
    assert_eq!(asked(&[]), json!(["AWSTraceHeader", "SentTimestamp", "ApproximateReceiveCount"]));
    assert_eq!(asked(&[All]), json!(["All"]));
    assert_eq!(
        asked(&[SenderId, AwsTraceHeader]),
        json!(["SenderId", "AWSTraceHeader", "SentTimestamp", "ApproximateReceiveCount"])
    );
}

#[test]
fn other_operations_are_left_alone() {
    let (xray, wire) = (captured(|layer| layer), Wire::default());
    inside(&xray, || segment("shop").open(), async {
        let ask = wire.ours().get_queue_attributes().queue_url(QUEUE).attribute_names(QueueAttributeName::All);
        ask.send().await.unwrap();
    });
    assert_eq!(wire.body(), json!({ "QueueUrl": QUEUE, "AttributeNames": ["All"] }));
}

#[test]
fn beside_the_interceptor_of_all_clients_a_call_is_recorded_once() {
    for ours_first in [true, false] {
        let (xray, wire) = (captured(|layer| layer), Wire::default());
        let sqs = wire.client(|config| match ours_first {
            true => config.interceptor(xray_sqs::interceptor()).interceptor(xray_aws_sdk::interceptor()),
            false => config.interceptor(xray_aws_sdk::interceptor()).interceptor(xray_sqs::interceptor()),
        });
        inside(&xray, || segment("shop").open(), async {
            sqs.send_message().queue_url(QUEUE).message_body("{}").send().await.unwrap();
        });
        let [document] = xray.documents();
        assert_eq!(xray.picture(), "shop  segment\n└ SQS  aws SendMessage 200\n", "ours first: {ours_first}");
        let send = document.find("SQS").unwrap();
        let expected = format!("Root={};Parent={};Sampled=1", document.trace_id.as_deref().unwrap(), send.id);
        let sent = wire.0.lock().unwrap();
        let [(header, body)] = &sent[..] else { panic!("one request") };
        assert_eq!((attribute(body), header.as_deref()), (&*expected, Some(&*expected)), "ours first: {ours_first}");
    }
}
