//! A shop that does not exist, and the documents it would send.
//!
//! Clients call an API gateway, which calls an order function; that reads and writes a table of orders, publishes a
//! notification, calls a payment function (2 in 100 fail), which calls Stripe (3 in 101 fail), and puts the order into a
//! queue for a shipping worker. It shows every kind of node and mark there is: platform and function of AWS Lambda,
//! inferred tables and hosts, a queue and its wait, faults, errors, throttles, retries, cold starts, work in progress, a
//! lone subsegment.
//!
//! Everything follows from the number of the request: the same numbers give the same documents, so tests and the
//! command `xrc demo` tell the same story. Each service takes about as long as in the picture that introduces X-Ray
//! in its courses: gateway 45 ms and order function 125 ms of their own, table 8 ms, notification 15 ms, payment 200 ms of
//! which Stripe 180 ms.

use serde_json::{Map, Value, json};

/// The documents of one request, as the services of the shop send them.
///
/// `number` tells requests apart and decides what happens to them: of each hundred, number 17 fails at Stripe and takes
/// the request with it, 42 fails at Stripe and is tried again, 67 fails at Stripe and the order function goes on without,
/// 30 and 80 are throttled by the table, 99 is still being shipped; each 25th starts cold, each 10th (from 3) waits four
/// minutes in the queue. `start` is seconds since the epoch at which the gateway was called.
///
/// # Examples
///
/// ```
/// use xray_console::{Trace, demo};
/// use xray_core::document::Document;
///
/// let documents = demo::shop(17, 1465510280.0);
/// let documents: Vec<_> = documents.iter().map(|text| Document::parse(text).unwrap()).collect();
/// let id = documents[0].trace_id.clone().unwrap();
///
/// let trace = Trace::assemble(&id, documents);
/// assert!(trace.root().is_some_and(|gateway| gateway.document.fault));
/// assert!(trace.orphans.is_empty());
/// ```
pub fn shop(number: u64, start: f64) -> Vec<String> {
    Request::new(number, start).documents().iter().map(Value::to_string).collect()
}

/// A name in the shop.
const GATEWAY: &str = "shop-api";
const ORDER: &str = "order-service";
const PAYMENT: &str = "payment-lambda";
const SHIPPING: &str = "shipping";
const QUEUE_URL: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-queue";

/// One request that is being told.
struct Request {
    number: u64,
    start: f64,
    trace: String,
    /// How far this request is from the mean, 0.75 to 1.25.
    pace: f64,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// Stripe fails, and all with it.
    Failed,
    /// Stripe fails once.
    Retried,
    /// Stripe fails, and the order goes on without.
    Deferred,
    /// The table tells to slow down.
    Throttled,
}

/// Milliseconds since the start of the request.
#[derive(Clone, Copy)]
struct Times {
    from: f64,
    to: f64,
}

impl Request {
    fn new(number: u64, start: f64) -> Request {
        let chance = mix(number);
        // The first 8 digits are the seconds, as of all ids of X-Ray; a time before the epoch has none.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let seconds = start.max(0.0) as u32;
        let trace = format!("1-{seconds:08x}-{:08x}{:016x}", chance >> 32, mix(!number));
        let step = u32::try_from(chance % 101).unwrap_or(50);
        Request { number, start, trace, pace: 0.75 + f64::from(step) / 200.0 }
    }

    fn fate(&self) -> Fate {
        match self.number % 100 {
            17 => Fate::Failed,
            42 => Fate::Retried,
            67 => Fate::Deferred,
            30 | 80 => Fate::Throttled,
            _ => Fate::Fine,
        }
    }

    /// The id of the part of this place in the story: 16 hex digits.
    fn id(&self, place: u64) -> String {
        format!("{:016x}", mix(self.number.wrapping_mul(64).wrapping_add(place)).max(1))
    }

    fn documents(&self) -> Vec<Value> {
        let fate = self.fate();
        let stripe = 180.0 * self.pace;
        let paid = if fate == Fate::Retried { 2.0 * stripe + 20.0 } else { stripe } + 20.0 * self.pace;
        let cold = if self.number.is_multiple_of(25) { 310.0 } else { 0.0 };
        let order = Times { from: 20.0 + cold, to: 20.0 + cold + 125.0 * self.pace + paid };
        let order = if fate == Fate::Throttled { Times { to: order.from + 60.0, ..order } } else { order };
        let whole = Times { from: 0.0, to: order.to + 25.0 };

        let mut documents = vec![self.gateway(whole, order, cold)];
        documents.extend(self.order(order, cold, paid));
        if fate != Fate::Throttled {
            let payment = self.payment_times(order, paid);
            documents.extend(self.payment(payment, stripe));
            documents.push(self.shipping(order.to - 12.0));
        }
        documents
    }

    fn gateway(&self, whole: Times, order: Times, cold: f64) -> Value {
        let flags = self.flags();
        let call = self.part(2, ORDER, Times { from: order.from - cold - 4.0, to: order.to + 2.0 });
        let call = with(call, &json!({"namespace": "aws", "aws": {"operation": "Invoke", "function_name": ORDER}}));
        let segment = json!({
            "origin": "AWS::ApiGateway::Stage",
            "http": {
                "request": {"method": "POST", "url": "https://api.shop.example/orders", "client_ip": "203.0.113.10",
                            "user_agent": "shop-app/2.4"},
                "response": {"status": self.status(), "content_length": 0}},
            "subsegments": [with(call, &flags)],
        });
        with(with(self.segment(1, GATEWAY, whole), &segment), &flags)
    }

    /// The platform's segment, the function's, and a subsegment that the function sent ahead of it.
    fn order(&self, times: Times, cold: f64, paid: f64) -> Vec<Value> {
        let fate = self.fate();
        let platform = Times { from: times.from - cold - 1.0, to: times.to + 1.0 };
        let platform = self.segment(3, ORDER, platform);
        let platform = with(platform, &json!({"parent_id": self.id(2), "origin": "AWS::Lambda"}));

        let at = |from: f64, length: f64| Times { from: times.from + from, to: times.from + from + length * self.pace };
        let table = |operation: &str| json!({"operation": operation, "region": "eu-central-1", "table_name": "orders"});
        let read = self.part(5, "DynamoDB", at(6.0, 8.0));
        let read = with(read, &json!({"namespace": "aws", "aws": table("GetItem")}));
        let write = self.part(6, "DynamoDB", at(22.0, 8.0));
        let mut write = with(write, &json!({"namespace": "aws", "aws": table("PutItem")}));
        let mut parts = Vec::new();
        if cold > 0.0 {
            parts.push(self.part(4, "Initialization", Times { from: times.from - cold, to: times.from }));
        }
        parts.push(read);
        let mut lone = Vec::new();
        if fate == Fate::Throttled {
            let slow_down = self.exception(20, "ProvisionedThroughputExceededException", "rate of requests exceeded");
            write = with(write, &json!({"throttle": true, "error": true, "cause": slow_down}));
            write = with(write, &json!({"end_time": self.at(times.to - 2.0)}));
            parts.push(write);
        } else {
            parts.push(write);
            let function = self.payment_times(times, paid);
            let pay = self.part(8, PAYMENT, Times { from: function.from - 3.0, to: function.to + 3.0 });
            let mut pay =
                with(pay, &json!({"namespace": "aws", "aws": {"operation": "Invoke", "function_name": PAYMENT}}));
            if matches!(fate, Fate::Failed | Fate::Deferred) {
                pay = with(pay, &json!({"fault": true}));
            }
            let notify = self.part(7, "SNS", at(34.0, 15.0));
            let topic = "arn:aws:sns:eu-central-1:123456789012:order-placed";
            parts.push(with(notify, &json!({"namespace": "aws", "aws": {"operation": "Publish", "topic_arn": topic}})));
            parts.push(pay);
            let send = self.part(9, "SQS", Times { from: times.to - 18.0, to: times.to - 12.0 });
            let send =
                with(send, &json!({"namespace": "aws", "aws": {"operation": "SendMessage", "queue_url": QUEUE_URL}}));
            let head = json!({"type": "subsegment", "trace_id": self.trace, "parent_id": self.id(10)});
            lone.push(with(send, &head));
        }
        let function = json!({
            "parent_id": self.id(3),
            "origin": "AWS::Lambda::Function",
            "user": format!("user-{}", 100 + self.number % 50),
            "annotations": {
                "order_id": format!("ORD-{}", 400 + self.number),
                "user_id": format!("user-{}", 100 + self.number % 50),
                "user_type": if self.number.is_multiple_of(4) { "premium" } else { "standard" },
                "cold_start": cold > 0.0,
            },
            "metadata": {"default": {"items": 1 + self.number % 5}},
            "subsegments": parts,
        });
        let function = with(self.segment(10, ORDER, times), &function);
        lone.extend([with(function, &self.flags()), with(platform, &self.flags())]);
        lone
    }

    fn payment(&self, times: Times, stripe: f64) -> [Value; 2] {
        let fate = self.fate();
        let platform = json!({"parent_id": self.id(8), "origin": "AWS::Lambda"});
        let function = json!({"parent_id": self.id(11), "origin": "AWS::Lambda::Function"});
        let call = |place: u64, from: f64, fails: bool| {
            let status = if fails { 502 } else { 200 };
            let http = json!({"request": {"method": "POST", "url": "https://api.stripe.com/v1/charges"},
                              "response": {"status": status}});
            let call = self.part(place, "api.stripe.com", Times { from, to: from + stripe });
            let call = with(call, &json!({"namespace": "remote", "http": http}));
            if fails { with(call, &json!({"fault": true})) } else { call }
        };
        let first = times.from + 8.0 * self.pace;
        let fails = matches!(fate, Fate::Failed | Fate::Retried | Fate::Deferred);
        let mut calls = vec![call(13, first, fails)];
        if fate == Fate::Retried {
            calls.push(call(14, first + stripe + 20.0, false));
        }
        let mut function = with(function, &json!({"subsegments": calls}));
        let mut platform = platform;
        if matches!(fate, Fate::Failed | Fate::Deferred) {
            let cause = self.exception(21, "PaymentError", "card processor answered 502");
            function = with(function, &json!({"fault": true, "cause": cause}));
            platform = with(platform, &json!({"fault": true}));
        }
        [
            with(self.segment(12, PAYMENT, times), &function),
            with(self.segment(11, PAYMENT, Times { from: times.from - 1.0, to: times.to + 1.0 }), &platform),
        ]
    }

    fn shipping(&self, sent: f64) -> Value {
        let wait: u32 = if self.number % 10 == 3 {
            252_200
        } else if self.pace < 1.0 {
            55
        } else {
            70
        };
        let arrived = sent + f64::from(wait);
        let times = Times { from: arrived, to: arrived + 90.0 * self.pace };
        let query = self.part(16, "stock@db.shop.internal", Times { from: times.from + 10.0, to: times.from + 35.0 });
        let sql = json!({"database_type": "PostgreSQL", "url": "postgres://db.shop.internal/stock",
                         "sanitized_query": "UPDATE stock SET left = left - ? WHERE sku = ?"});
        let query = with(query, &json!({"namespace": "remote", "sql": sql}));
        let segment = json!({
            "parent_id": self.id(9),
            "origin": "AWS::ECS::Container",
            "annotations": {"queue": "orders-queue", "queue_wait_ms": wait, "receive_count": 1},
            "subsegments": [query],
        });
        let mut segment = with(self.segment(15, SHIPPING, times), &segment);
        if self.number % 100 == 99 {
            segment = with(segment, &json!({"in_progress": true, "end_time": null}));
        }
        segment
    }

    /// When the order function calls payment.
    fn payment_times(&self, order: Times, paid: f64) -> Times {
        let from = order.from + 34.0 + 24.0 * self.pace;
        Times { from, to: from + paid }
    }

    /// What happened to the whole request.
    fn flags(&self) -> Value {
        match self.fate() {
            Fate::Failed => json!({"fault": true}),
            Fate::Throttled => json!({"error": true, "throttle": true}),
            Fate::Fine | Fate::Retried | Fate::Deferred => json!({}),
        }
    }

    fn status(&self) -> u16 {
        match self.fate() {
            Fate::Failed => 502,
            Fate::Throttled => 429,
            Fate::Fine | Fate::Retried | Fate::Deferred => 201,
        }
    }

    fn segment(&self, place: u64, name: &str, times: Times) -> Value {
        with(self.part(place, name, times), &json!({"trace_id": self.trace}))
    }

    fn part(&self, place: u64, name: &str, times: Times) -> Value {
        json!({"name": name, "id": self.id(place), "start_time": self.at(times.from), "end_time": self.at(times.to)})
    }

    fn exception(&self, place: u64, kind: &str, message: &str) -> Value {
        json!({"exceptions": [{"id": self.id(place), "type": kind, "message": message}]})
    }

    /// Seconds since the epoch, to the microsecond.
    fn at(&self, millis: f64) -> f64 {
        ((self.start + millis / 1e3) * 1e6).round() / 1e6
    }
}

/// An object with the members of another; null takes a member away.
fn with(mut object: Value, more: &Value) -> Value {
    let none = Map::new();
    if let Some(members) = object.as_object_mut() {
        for (key, value) in more.as_object().unwrap_or(&none) {
            if value.is_null() {
                members.remove(key);
            } else {
                members.insert(key.clone(), value.clone());
            }
        }
    }
    object
}

/// A number that looks like chance and is always the same.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (SplitMix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use xray_core::document::Document;

    use crate::Trace;
    use crate::graph::{Part, ServiceGraph};

    #[test]
    fn a_hundred_requests_are_accepted_and_make_the_map_of_the_shop() {
        let mut parts = Vec::new();
        for number in 0..100 {
            let documents: Vec<_> =
                super::shop(number, 1_465_510_280.0).iter().map(|text| Document::parse(text).unwrap()).collect();
            for document in documents.iter().flat_map(Document::walk) {
                assert!(document.end_time.is_none_or(|end| end > document.start_time.unwrap()), "{document:?}");
            }
            let trace = Trace::assemble(&documents[0].trace_id.clone().unwrap(), documents);
            assert!(trace.orphans.is_empty());
            parts.push(Part::of(&trace));
        }
        let services = ServiceGraph::of(&parts).services();
        let failed = |name: &str| {
            let node = services.iter().find(|service| service.name == name && !service.is_client()).unwrap();
            let statistics = node.summary_statistics.unwrap();
            (
                statistics.total_count,
                statistics.error_statistics.throttle_count,
                statistics.fault_statistics.total_count,
            )
        };
        assert_eq!(services.len(), 12);
        assert_eq!(failed("shop-api"), (100, 2, 1));
        assert_eq!(failed("orders"), (200, 2, 0));
        assert_eq!(failed("payment-lambda"), (98, 0, 2));
        assert_eq!(failed("api.stripe.com"), (99, 0, 3));
        assert_eq!(failed("orders-queue"), (98, 0, 0));
        assert_eq!(failed("shipping"), (97, 0, 0));
    }
}
