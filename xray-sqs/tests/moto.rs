//! Real SDK clients against moto, an AWS emulator: `scripts/peers/moto.sh` starts it and runs this.
//!
//! Without `XRAY_MOTO_ENDPOINT` nothing is tested, and that is said. Not run by the test harness, which would hide it.
//! What moto cannot do (attributes of batches, `AWSTraceHeader` from the HTTP header) is tested by the aws example.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_types::SdkConfig;
use expect_test::expect;
use tracing::instrument::WithSubscriber;
use xray_core::document::Document;
use xray_core::segment;
use xray_sqs::MessageExt;
use xray_test::{Captured, ManualClock, SeededEntropy};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let Ok(endpoint) = std::env::var("XRAY_MOTO_ENDPOINT") else {
        eprintln!("SKIPPED: XRAY_MOTO_ENDPOINT is not set; scripts/peers/moto.sh starts moto and runs these tests");
        return;
    };
    let moto = Moto::new(&endpoint);
    moto.dynamodb().await;
    moto.sqs().await;
    moto.sns().await;
    moto.s3().await;
    eprintln!("DynamoDB, SQS, SNS and S3 against moto: as expected");
}

struct Moto {
    shared: SdkConfig,
    /// Of everything made here: an endpoint may be used more than once.
    name: String,
}

impl Moto {
    fn new(endpoint: &str) -> Moto {
        let credentials = Credentials::new("test", "test", None, None, "test");
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new("eu-west-1"))
            .build();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Moto { shared, name: format!("orders-{}", now.as_millis()) }
    }

    async fn dynamodb(&self) {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.shared).interceptor(xray_aws_sdk::interceptor());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        let key = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::N);
        let schema = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let create = aws_sdk_dynamodb::Client::new(&self.shared).create_table().table_name(&self.name);
        let create = create.attribute_definitions(key.build().unwrap()).key_schema(schema.build().unwrap());
        create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();

        let id = AttributeValue::N("7".to_owned());
        let (xray, ()) = recorded(async {
            client.put_item().table_name(&self.name).item("id", id.clone()).send().await.unwrap();
            let got = client.get_item().table_name(&self.name).key("id", id.clone()).send().await.unwrap();
            assert!(got.item.is_some());
            let again = client.put_item().table_name(&self.name).item("id", id.clone());
            again.condition_expression("attribute_not_exists(id)").send().await.unwrap_err();
            client.get_item().table_name("absent").key("id", id).send().await.unwrap_err();
        })
        .await;
        expect![[r#"
            orders  segment
            ├ DynamoDB  aws PutItem 200
            ├ DynamoDB  aws GetItem 200
            ├ DynamoDB  aws PutItem 400 error
            └ DynamoDB  aws GetItem 400 error
        "#]]
        .assert_eq(&xray.picture());
        let [document] = xray.documents();
        let [put, _, refused, absent] = &document.subsegments[..] else { panic!("four calls") };
        let aws = put.aws.as_ref().unwrap();
        assert_eq!((aws.text("table_name"), aws.region()), (Some(&*self.name), Some("eu-west-1")));
        assert!(aws.request_id().is_some_and(|id| !id.is_empty()));
        assert_eq!(kind(refused), "ConditionalCheckFailedException");
        assert_eq!(kind(absent), "ResourceNotFoundException");
    }

    async fn sqs(&self) {
        let config = aws_sdk_sqs::config::Builder::from(&self.shared).interceptor(xray_sqs::interceptor());
        let client = aws_sdk_sqs::Client::from_conf(config.build());
        let queue = aws_sdk_sqs::Client::new(&self.shared).create_queue().queue_name(&self.name).send().await.unwrap();
        let queue = queue.queue_url.unwrap();

        let (xray, ()) = recorded(async {
            client.send_message().queue_url(&queue).message_body("7").send().await.unwrap();
        })
        .await;
        let [sent] = xray.documents();
        let send = &sent.subsegments[0];
        assert_eq!(send.aws.as_ref().unwrap().text("queue_url"), Some(&*queue));

        let work = async {
            let received = client.receive_message().queue_url(&queue).send().await.unwrap();
            let [message] = received.messages() else { panic!("one message") };
            let header = message.trace_header().unwrap();
            assert_eq!(header.root().as_str(), sent.trace_id.as_deref().unwrap());
            assert_eq!(header.parent().unwrap().as_str(), send.id);
            xray_sqs::process(message, &queue, async { Ok::<_, Infallible>(()) }).await.unwrap();
        };
        work.with_subscriber(xray.dispatch().clone()).await;
        // The clock of this test stands in 2016: no message waits as far as it can tell.
        let expected = format!(
            "orders  segment\n└ SQS  aws SendMessage 200\n  └ test  segment {{queue={}, queue_wait_ms=0, receive_count=1}}\n",
            self.name
        );
        assert_eq!(xray.picture(), expected);
        assert_eq!(xray.diagnostics(), [""; 0]);
    }

    async fn sns(&self) {
        let config = aws_sdk_sns::config::Builder::from(&self.shared).interceptor(xray_aws_sdk::interceptor());
        let client = aws_sdk_sns::Client::from_conf(config.build());
        let topic = aws_sdk_sns::Client::new(&self.shared).create_topic().name(&self.name).send().await.unwrap();
        let topic = topic.topic_arn.unwrap();
        let (xray, ()) = recorded(async {
            client.publish().topic_arn(&topic).message("7").send().await.unwrap();
            client.publish().topic_arn(format!("{topic}-absent")).message("7").send().await.unwrap_err();
        })
        .await;
        expect![[r#"
            orders  segment
            ├ SNS  aws Publish 200
            └ SNS  aws Publish 404 error
        "#]]
        .assert_eq(&xray.picture());
        let [document] = xray.documents();
        assert_eq!(document.subsegments[0].aws.as_ref().unwrap().text("topic_arn"), Some(&*topic));
    }

    async fn s3(&self) {
        let config = aws_sdk_s3::config::Builder::from(&self.shared).interceptor(xray_aws_sdk::interceptor());
        let client = aws_sdk_s3::Client::from_conf(config.force_path_style(true).build());
        let (xray, body) = recorded(async {
            let place = aws_sdk_s3::types::BucketLocationConstraint::EuWest1;
            let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint(place).build();
            let create = client.create_bucket().bucket(&self.name).create_bucket_configuration(place);
            create.send().await.unwrap();
            client.put_object().bucket(&self.name).key("7").body(b"seven".to_vec().into()).send().await.unwrap();
            client.get_object().bucket(&self.name).key("8").send().await.unwrap_err();
            let got = client.get_object().bucket(&self.name).key("7").send().await.unwrap();
            got.body.collect().await.unwrap().into_bytes()
        })
        .await;
        assert_eq!(&*body, b"seven");
        expect![[r#"
            orders  segment
            ├ S3  aws CreateBucket 200
            ├ S3  aws PutObject 200
            ├ S3  aws GetObject 404 error
            └ S3  aws GetObject 200
        "#]]
        .assert_eq(&xray.picture());
        let [document] = xray.documents();
        assert_eq!(document.subsegments[1].aws.as_ref().unwrap().text("bucket_name"), Some(&*self.name));
        assert_eq!(kind(&document.subsegments[2]), "NoSuchKey");
    }
}

/// Does this inside a segment.
async fn recorded<T>(work: impl Future<Output = T>) -> (Captured, T) {
    let xray = Captured::new(ManualClock::at(1465510280.514), SeededEntropy::new(7));
    let orders = async { segment("orders").open().instrument(work).await };
    let result = orders.with_subscriber(xray.dispatch().clone()).await;
    (xray, result)
}

fn kind(document: &Document) -> &str {
    document.exceptions().first().and_then(|exception| exception.kind.as_deref()).unwrap_or_default()
}
