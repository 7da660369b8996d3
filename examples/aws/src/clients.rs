//! Clients of the AWS SDK whose calls become subsegments: an interceptor for each.

use std::error::Error;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;

/// The services that this example uses.
#[derive(Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    /// Not recorded, for what is done once and before any request.
    setting_up: SdkConfig,
}

/// Where things are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub(crate) table: String,
    pub(crate) topic: String,
    /// A URL.
    pub(crate) queue: String,
}

impl Clients {
    pub(crate) fn new(shared: &SdkConfig) -> Clients {
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(shared).interceptor(xray_aws_sdk::interceptor());
        let sns = aws_sdk_sns::config::Builder::from(shared).interceptor(xray_aws_sdk::interceptor());
        // The same, and messages that carry the trace header.
        let sqs = aws_sdk_sqs::config::Builder::from(shared).interceptor(xray_sqs::interceptor());
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb.build()),
            sns: aws_sdk_sns::Client::from_conf(sns.build()),
            sqs: aws_sdk_sqs::Client::from_conf(sqs.build()),
            setting_up: shared.clone(),
        }
    }

    /// Makes the table, the topic and the queue.
    pub(crate) async fn set_up(&self) -> Result<Places, Box<dyn Error>> {
        let table = "orders".to_owned();
        let key = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::N).build()?;
        let create = aws_sdk_dynamodb::Client::new(&self.setting_up).create_table().table_name(&table);
        let create = create.attribute_definitions(key).billing_mode(BillingMode::PayPerRequest);
        let schema = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
        match create.key_schema(schema).send().await.map_err(|error| error.into_service_error()) {
            Ok(_) => {}
            Err(error) if error.is_resource_in_use_exception() => {}
            Err(error) => return Err(error.into()),
        }
        let topic = aws_sdk_sns::Client::new(&self.setting_up).create_topic().name("orders").send().await?;
        let queue = aws_sdk_sqs::Client::new(&self.setting_up).create_queue().queue_name("orders").send().await?;
        Ok(Places { table, topic: topic.topic_arn.ok_or("no topic")?, queue: queue.queue_url.ok_or("no queue")? })
    }
}

/// What all clients have in common. In an application `aws_config::load_defaults` makes it; this one speaks plain HTTP,
/// to emulators.
pub(crate) fn shared(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "example");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .build()
}
