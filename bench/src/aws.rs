//! W5, W6: calls of the AWS SDK, answered by a connector that needs no network.
//!
//! `GetItem` of one key, answered 200 with an empty item at once: the SDK builds the request, signs it, and reads the
//! answer, all on the calling thread, so the cost of a call is that of the "caller".

use std::error::Error;
use std::sync::OnceLock;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use tokio::runtime::Runtime;

use crate::workload::Variant;

/// Makes the process's clients.
pub fn install(variant: Variant) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("bench", "secret", None, None, "bench"))
        .http_client(Fake);
    let bare = Client::from_conf(config.clone().build());
    let config = match variant {
        Variant::F0 | Variant::F1 | Variant::F1Bare | Variant::OursBare => config,
        Variant::OursWrapped => config.http_client(xray_aws_sdk::http_client(Fake)),
        _ => config.interceptor(xray_aws_sdk::interceptor()),
    };
    let client = Client::from_conf(config.build());
    CLIENTS.set(Clients { runtime, client, bare }).map_err(|_| "clients were made before".into())
}

/// [`CALLS`] calls, one after the other. Panics if one fails: its cost would be another.
pub fn calls() {
    let Clients { runtime, client, .. } = clients();
    runtime.block_on(async {
        for _ in 0..CALLS {
            get_item(client).await;
        }
    });
}

/// One call.
pub fn call() {
    let Clients { runtime, client, .. } = clients();
    runtime.block_on(get_item(client));
}

/// One call by a client that nothing is hung into.
pub fn bare_call() {
    let Clients { runtime, bare, .. } = clients();
    runtime.block_on(get_item(bare));
}

async fn get_item(client: &Client) {
    let key = AttributeValue::S("4200".to_owned());
    let answer = client.get_item().table_name("orders").key("id", key).send().await;
    assert!(answer.is_ok(), "{answer:?}");
}

fn clients() -> &'static Clients {
    let Some(clients) = CLIENTS.get() else { panic!("no client was made") };
    clients
}

struct Clients {
    runtime: Runtime,
    client: Client,
    bare: Client,
}

/// Answers every request at once.
#[derive(Clone, Debug)]
struct Fake;

impl HttpClient for Fake {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Fake)
    }
}

impl HttpConnector for Fake {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(answer())
    }
}

fn answer() -> Result<HttpResponse, ConnectorError> {
    let status = 200_u16.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
    let mut response = HttpResponse::new(status, SdkBody::from("{}"));
    response.headers_mut().insert("x-amzn-requestid", "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG");
    response.headers_mut().insert("content-length", "2");
    Ok(response)
}

static CLIENTS: OnceLock<Clients> = OnceLock::new();

/// Calls in a request.
pub const CALLS: u64 = 10;
