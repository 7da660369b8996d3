//! The `aws` and `service` members.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::read::{self, take};

/// About an AWS resource: any keys, of which the accessors know the common ones.
///
/// On a segment what it ran on (`ec2`, `ecs`, `eks`, `elastic_beanstalk`, `cloudwatch_logs`, `xray`), on a
/// subsegment what it called (`operation`, `region`, `request_id`, `table_name`, `queue_url`, …). The keys
/// differ by service and sender, and X-Ray stores them all, so they are kept as they came.
///
/// # Examples
///
/// ```
/// use xray_core::document::Document;
///
/// let call = Document::parse(
///     r#"{"name": "DynamoDB", "aws": {"operation": "PutItem", "table_name": "orders", "retries": 2}}"#,
/// )?;
/// let aws = call.aws.expect("an aws member");
/// assert_eq!(aws.operation(), Some("PutItem"));
/// assert_eq!(aws.text("table_name"), Some("orders"));
/// assert_eq!(aws.retries(), Some(2));
/// # Ok::<(), xray_core::document::ParseDocumentError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Aws(pub Map<String, Value>);

impl Aws {
    /// The text under a key, if it is one.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Subsegments: the API call, such as `PutItem`.
    pub fn operation(&self) -> Option<&str> {
        self.text("operation")
    }

    /// Subsegments: the region called, such as `eu-central-1`.
    pub fn region(&self) -> Option<&str> {
        self.text("region")
    }

    /// The service's id of the request.
    pub fn request_id(&self) -> Option<&str> {
        self.text("request_id")
    }

    /// Subsegments: attempts after the first (one SDK counts the first too).
    pub fn retries(&self) -> Option<i64> {
        self.0.get("retries")?.as_i64()
    }

    /// Segments: the SDK that made the document, such as `X-Ray for Go`.
    pub fn sdk(&self) -> Option<&str> {
        self.xray("sdk")
    }

    /// Segments: the sampling rule that chose the trace; SDKs spell the key in two ways.
    pub fn sampling_rule(&self) -> Option<&str> {
        self.xray("sampling_rule_name").or_else(|| self.xray("rule_name"))
    }

    fn xray(&self, key: &str) -> Option<&str> {
        self.0.get("xray")?.get(key)?.as_str()
    }
}

impl read::Field for Aws {
    fn fits(value: &Value) -> bool {
        value.is_object()
    }

    fn read(value: Value) -> Option<Aws> {
        Map::read(value).map(Aws)
    }
}

/// About the program that made a segment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Service {
    /// The version of the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What runs the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The version of what runs the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// What compiled the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiler: Option<String>,
    /// The version of what compiled the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compiler_version: Option<String>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Service {
    fn read(mut from: Map<String, Value>) -> Service {
        let from = &mut from;
        Service {
            version: take(from, "version"),
            runtime: take(from, "runtime"),
            runtime_version: take(from, "runtime_version"),
            compiler: take(from, "compiler"),
            compiler_version: take(from, "compiler_version"),
            other: std::mem::take(from),
        }
    }
}

read::object!(Service);
