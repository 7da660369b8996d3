//! The traces that the table's expressions are held against.

use xray_core::document::Document;

use crate::Trace;
use crate::query::Facts;

const ID: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// A name and what was sent, one document a line.
const TRACES: [(&str, &str); 10] = [
    // A health check, answered well.
    (
        "health",
        r#"{"name":"shop","id":"a","start_time":0,"end_time":0.125,"http":{"request":{"method":"GET","url":"https://shop/health","user_agent":"curl/8","client_ip":"203.0.113.10"},"response":{"status":200}}}"#,
    ),
    // An order fails for seven seconds because the payment does.
    (
        "order",
        r#"{"name":"order-service","id":"a","start_time":0,"end_time":7,"fault":true,"user":"u-100","annotations":{"tier":"gold","age":30},"http":{"request":{"method":"POST","url":"http://shop/api/game/7"},"response":{"status":500}},"subsegments":[{"name":"pay","id":"b","namespace":"remote","start_time":1,"end_time":7,"error":true}]}
{"name":"payment-service","id":"c","parent_id":"b","start_time":1,"end_time":6.5,"fault":true,"subsegments":[{"name":"deserialize","id":"d","start_time":2,"end_time":6,"fault":true,"cause":{"exceptions":[{"id":"1","type":"Denied","message":"Access Denied"}]}}]}"#,
    ),
    // Well answered, though a table call was throttled; a worker goes on for three seconds.
    (
        "throttled",
        r#"{"name":"order-service","id":"a","start_time":0,"end_time":0.125,"annotations":{"priority":true,"cached":false,"order.id":"A-17"},"subsegments":[{"name":"DynamoDB","id":"b","namespace":"aws","start_time":0,"end_time":0.1,"error":true,"throttle":true,"aws":{"table_name":"orders","account_id":"123456789012"}},{"name":"worker","id":"c","namespace":"remote","start_time":0,"end_time":0.01}]}
{"name":"worker","id":"d","parent_id":"c","start_time":0.01,"end_time":3,"annotations":{"tier":"silver"}}"#,
    ),
    // Not ended yet.
    ("open", r#"{"name":"shop","id":"a","start_time":0,"in_progress":true,"annotations":{"age":20,"account":12345}}"#),
    // A page that is not there, after two quick seconds.
    (
        "missing",
        r#"{"name":"shop","id":"a","start_time":0,"end_time":2.5,"error":true,"user":"alice","annotations":{"account":"12345"},"http":{"request":{"url":"http://shop/gone"},"response":{"status":404}}}"#,
    ),
    // Lambda: the service's segment faults, the function's has an error.
    (
        "lambda",
        r#"{"name":"f","id":"a","start_time":0,"end_time":1,"fault":true,"origin":"AWS::Lambda","resource_arn":"arn:aws:lambda:eu-central-1:123456789012:function:f"}
{"name":"f","id":"b","parent_id":"a","start_time":0,"end_time":1,"error":true,"origin":"AWS::Lambda::Function","aws":{"account_id":"123456789012"}}"#,
    ),
    // On EC2: a slow table, and most of the time in a remote call.
    (
        "slow",
        r#"{"name":"a","id":"a","start_time":0,"end_time":6,"origin":"AWS::EC2::Instance","aws":{"ec2":{"instance_id":"i-0b5a4678fc325b098","availability_zone":"us-west-2c"}},"subsegments":[{"name":"traces","id":"b","namespace":"remote","start_time":0,"end_time":5},{"name":"DynamoDB","id":"c","namespace":"aws","start_time":4,"end_time":5.5,"aws":{"table_name":"orders"}}]}"#,
    ),
    // b is reached from c, not from a; Auth is refused by a table that is not named.
    (
        "auth",
        r#"{"name":"a","id":"1","start_time":0,"end_time":1,"subsegments":[{"name":"sign in","id":"2","namespace":"remote","start_time":0,"end_time":1}]}
{"name":"Auth","id":"3","parent_id":"2","start_time":0,"end_time":1,"fault":true,"subsegments":[{"name":"DynamoDB","id":"4","namespace":"aws","start_time":0,"end_time":0.25,"fault":true},{"name":"ask","id":"5","namespace":"remote","start_time":0,"end_time":1,"error":true}]}
{"name":"b","id":"6","parent_id":"5","start_time":0,"end_time":1,"error":true}"#,
    ),
    // Fault of a caught local part; entry point of a data plane.
    (
        "plane",
        r#"{"name":"data-plane","id":"a","start_time":0,"end_time":1,"fault":true,"http":{"response":{"status":503}},"subsegments":[{"name":"b","id":"b","start_time":0,"end_time":0.1,"fault":true}]}"#,
    ),
    // What the guide looks for.
    (
        "guide",
        r#"{"name":"checkout","id":"a","start_time":0,"end_time":3,"fault":true,"annotations":{"user_id":"user-123","order_id":"ORD-456","user_type":"premium"},"http":{"request":{"method":"POST","url":"http://shop/api/orders"},"response":{"status":500}},"subsegments":[{"name":"order-service","id":"b","namespace":"remote","start_time":0,"end_time":1}]}
{"name":"payment-lambda","id":"c","parent_id":"a","start_time":0,"end_time":1,"annotations":{"order_id":"ORD-123"}}
{"name":"my-lambda","id":"d","parent_id":"a","start_time":0,"end_time":1,"annotations":{"cold_start":true}}"#,
    ),
];

/// All of them.
pub(super) fn all() -> Vec<(&'static str, Facts)> {
    let facts =
        |documents: &str| Facts::of(&Trace::assemble(ID, documents.lines().map(|text| Document::parse(text).unwrap())));
    TRACES.into_iter().map(|(name, documents)| (name, facts(documents))).collect()
}
