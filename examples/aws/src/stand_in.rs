//! Stands in for AWS: the few calls of this example, on a port of this machine.
//!
//! One thing is as in the real service and in no emulator: SQS makes `AWSTraceHeader` of a request's `X-Amzn-Trace-Id`
//! header, for every message that has no such attribute, and gives attributes only to those who ask.
//!
//! | service | protocol | calls |
//! |---|---|---|
//! | DynamoDB | JSON, the call in `X-Amz-Target` | `CreateTable`, `PutItem` |
//! | SNS | form and XML, the call in `Action` | `CreateTopic`, `Publish` |
//! | SQS | JSON, the call in `X-Amz-Target` | `CreateQueue`, `SendMessage`, `SendMessageBatch`, `ReceiveMessage`, `DeleteMessage` |
//!
//! There is one queue, whatever its name; a message that was received does not come back. Anything else is a 400.
//!
//! Sources: X-Ray Developer Guide, "Amazon SQS and AWS X-Ray"; the services' API References.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// A running stand-in; it serves until the program ends.
pub(crate) struct StandIn {
    endpoint: String,
}

impl StandIn {
    /// Starts one on a free port. `clock` says when messages are sent, since the Unix epoch.
    pub(crate) async fn start(clock: fn() -> Duration) -> std::io::Result<StandIn> {
        let queue = Queue { clock, messages: Mutex::default(), arrived: Notify::new() };
        let app = Router::new().fallback(answer).with_state(Arc::new(queue));
        let address = crate::start(app).await?;
        Ok(StandIn { endpoint: format!("http://{address}") })
    }

    /// Its URL, for every service.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

async fn answer(State(queue): State<Arc<Queue>>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(target) = text("x-amz-target") else {
        return notify(&String::from_utf8_lossy(&body));
    };
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answer = match target.rsplit('.').next().unwrap_or(target) {
        "CreateTable" => json!({ "TableDescription": { "TableName": input["TableName"], "TableStatus": "ACTIVE" } }),
        "PutItem" | "DeleteMessage" => json!({}),
        "CreateQueue" => {
            let host = text(header::HOST.as_str()).unwrap_or_default();
            let name = input["QueueName"].as_str().unwrap_or_default();
            json!({ "QueueUrl": format!("http://{host}/123456789012/{name}") })
        }
        "SendMessage" => json!({ "MessageId": queue.put(&input, text(TRACE_HEADER)) }),
        "SendMessageBatch" => {
            let entries = input["Entries"].as_array().map(Vec::as_slice).unwrap_or_default();
            let sent = entries.iter().map(|entry| {
                let id = queue.put(entry, text(TRACE_HEADER));
                json!({ "Id": entry["Id"], "MessageId": id, "MD5OfMessageBody": "" })
            });
            json!({ "Successful": sent.collect::<Vec<_>>(), "Failed": [] })
        }
        "ReceiveMessage" => json!({ "Messages": queue.take(&input).await }),
        unknown => return refuse(unknown),
    };
    ([("x-amzn-requestid", REQUEST_ID)], axum::Json(answer)).into_response()
}

/// SNS.
fn notify(form: &str) -> Response {
    let action = form.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default();
    let result = match action {
        "CreateTopic" => "<TopicArn>arn:aws:sns:us-east-1:123456789012:orders</TopicArn>",
        "Publish" => "<MessageId>94f20ce6-13c5-43a0-9a9e-ca52d816e90b</MessageId>",
        unknown => return refuse(unknown),
    };
    let xml = format!(
        "<{action}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></{action}Response>"
    );
    ([(header::CONTENT_TYPE, "text/xml")], xml).into_response()
}

fn refuse(call: &str) -> Response {
    let error =
        json!({ "__type": "UnknownOperationException", "message": format!("the stand-in does not know {call}") });
    (StatusCode::BAD_REQUEST, axum::Json(error)).into_response()
}

/// The time of this machine.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The messages that wait.
struct Queue {
    clock: fn() -> Duration,
    messages: Mutex<VecDeque<Value>>,
    arrived: Notify,
}

impl Queue {
    /// Keeps a message, and gives its id.
    fn put(&self, input: &Value, trace_header: Option<&str>) -> Value {
        let own = input["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"].as_str();
        let sent = (self.clock)().as_millis();
        let mut attributes = Map::new();
        attributes.insert("SentTimestamp".to_owned(), json!(sent.to_string()));
        attributes.insert("ApproximateReceiveCount".to_owned(), json!("1"));
        if let Some(header) = own.or(trace_header) {
            attributes.insert("AWSTraceHeader".to_owned(), json!(header));
        }
        let id = json!(format!("5fea7756-0ea4-451a-a703-{sent:012}"));
        let mut messages = self.lock();
        messages.push_back(json!({
            "MessageId": id, "ReceiptHandle": id, "Body": input["MessageBody"], "Attributes": attributes,
        }));
        drop(messages);
        self.arrived.notify_one();
        id
    }

    /// Up to as many messages as are asked for, with the attributes that are asked for; waits for the first.
    async fn take(&self, input: &Value) -> Vec<Value> {
        let wait = Duration::from_secs(input["WaitTimeSeconds"].as_u64().unwrap_or_default());
        if self.lock().is_empty() {
            // Empty-handed is an answer too.
            let _ = tokio::time::timeout(wait, self.arrived.notified()).await;
        }
        let mut messages = self.lock();
        let most = input["MaxNumberOfMessages"].as_u64().and_then(|most| usize::try_from(most).ok()).unwrap_or(1);
        let most = most.min(messages.len());
        let taken = messages.drain(..most);
        taken.map(|message| with_attributes(message, &input["MessageSystemAttributeNames"])).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_attributes(mut message: Value, asked: &Value) -> Value {
    let asked = asked.as_array().map(Vec::as_slice).unwrap_or_default();
    if let Some(attributes) = message.get_mut("Attributes").and_then(Value::as_object_mut) {
        attributes.retain(|name, _| asked.iter().any(|asked| asked == name || asked == "All"));
    }
    message
}

const TRACE_HEADER: &str = "x-amzn-trace-id";
const REQUEST_ID: &str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef";
