//! What a bare HTTP request says about the call it belongs to.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;

use crate::operation::{Operation, same_id};

/// Service, operation and region, as far as the request tells.
///
/// The user agent names the service's model whatever the endpoint is; the scope of the signature names service and
/// region; the operation stands in `X-Amz-Target` (JSON), in the query as `x-id` (S3), in the form as `Action` (SNS,
/// STS) or in the path (Lambda's `Invoke`, and whatever speaks CBOR).
pub(crate) fn operation(request: &HttpRequest) -> Operation<'_> {
    let (region, signing_name) = scope(request).unzip();
    let service = user_agent(request).map(service_name).or_else(|| signing_name.map(signed_service));
    Operation { service: service.unwrap_or("AWS"), name: operation_name(request), region }
}

/// `dynamodb` in `aws-sdk-rust/1.3 ua/2.1 api/dynamodb/1.136 os/linux …`.
fn user_agent(request: &HttpRequest) -> Option<&str> {
    ["x-amz-user-agent", "user-agent"].into_iter().find_map(|header| {
        let words = request.headers().get(header)?.split(' ');
        words.filter_map(|word| word.strip_prefix("api/")).find_map(|api| plain(api.split('/').next()?))
    })
}

/// Region and signing name in `AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/dynamodb/aws4_request, …`.
fn scope(request: &HttpRequest) -> Option<(&str, &str)> {
    let (_, credential) = request.headers().get("authorization")?.split_once("Credential=")?;
    let mut parts = credential.split([',', ' ']).next()?.split('/').skip(2);
    Some((plain(parts.next()?)?, plain(parts.next()?)?))
}

fn operation_name(request: &HttpRequest) -> Option<&str> {
    let target = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
    let name = target
        .or_else(|| parameter(request.uri().split_once('?')?.1, "x-id"))
        .or_else(|| form(request))
        .or_else(|| path(request));
    name.and_then(plain)
}

fn form(request: &HttpRequest) -> Option<&str> {
    let is_form = request.headers().get("content-type")?.starts_with("application/x-www-form-urlencoded");
    let start = request.body().bytes().filter(|_| is_form)?.get(..MAX_FORM.min(request.body().bytes()?.len()))?;
    // A body cut inside a letter is read up to there.
    let text = start.utf8_chunks().next()?.valid();
    parameter(text, "Action")
}

fn path(request: &HttpRequest) -> Option<&str> {
    let path = request.uri().split('?').next()?;
    let rpc = path.rsplit_once("/operation/").map(|(_, operation)| operation);
    rpc.or_else(|| path.ends_with("/invocations").then_some("Invoke"))
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// Only what looks like a name: the rest of a request is the host's business.
fn plain(text: &str) -> Option<&str> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(valid)).then_some(text)
}

/// The name that X-Ray shows for the user agent's spelling.
fn service_name(id: &str) -> &str {
    SERVICES.into_iter().find(|name| same_id(name, id)).unwrap_or(id)
}

/// The same for the name that a signature has, which differs for a few.
fn signed_service(name: &str) -> &str {
    let differing =
        [("states", "SFN"), ("monitoring", "CloudWatch"), ("logs", "CloudWatch Logs"), ("events", "EventBridge")];
    differing.into_iter().find(|(signed, _)| *signed == name).map_or_else(|| service_name(name), |(_, service)| service)
}

/// The SDK ids of common services; another appears as its client spells it.
const SERVICES: [&str; 29] = [
    "ACM",
    "API Gateway",
    "Athena",
    "Bedrock Runtime",
    "CloudFormation",
    "CloudWatch",
    "CloudWatch Logs",
    "Cognito Identity Provider",
    "DynamoDB",
    "DynamoDB Streams",
    "EC2",
    "ECS",
    "EventBridge",
    "Firehose",
    "IAM",
    "IoT",
    "KMS",
    "Kinesis",
    "Lambda",
    "RDS",
    "Route 53",
    "S3",
    "SES",
    "SFN",
    "SNS",
    "SQS",
    "SSM",
    "STS",
    "Secrets Manager",
];
/// Bytes of a form in which `Action` is looked for: the SDK writes it first.
const MAX_FORM: usize = 256;
/// Bytes of a name. The longest operation names have about 60.
const MAX_NAME: usize = 100;

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn request(uri: &str, headers: &[(&'static str, &'static str)], body: &str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_uri(uri).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, *value);
        }
        request
    }

    #[track_caller]
    fn check(request: &HttpRequest, service: &str, name: Option<&str>, region: Option<&str>) {
        let operation = operation(request);
        assert_eq!((operation.service, operation.name, operation.region), (service, name, region));
    }

    #[test]
    fn each_protocol_tells_its_operation() {
        let agent = ("x-amz-user-agent", "aws-sdk-rust/1.3 ua/2.1 api/dynamodb/1.136 os/linux");
        let signed = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20261122/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00",
        );
        let json = request("http://localhost/", &[agent, signed, ("x-amz-target", "DynamoDB_20120810.PutItem")], "{}");
        check(&json, "DynamoDB", Some("PutItem"), Some("eu-central-1"));
        let s3 = ("x-amz-user-agent", "aws-sdk-rust/1.3 api/s3/1.157");
        check(&request("http://b.localhost/k?x-id=GetObject", &[s3], ""), "S3", Some("GetObject"), None);
        check(&request("http://b.localhost/k", &[s3], ""), "S3", None, None);
        let form = ("content-type", "application/x-www-form-urlencoded");
        let sns = ("user-agent", "aws-sdk-rust/1.3 api/sns/1.100");
        check(&request("http://localhost/", &[sns, form], "Action=Publish&Version=1"), "SNS", Some("Publish"), None);
        let lambda = ("user-agent", "api/lambda/1.1");
        let path = "http://localhost/2015-03-31/functions/charge/invocations";
        check(&request(path, &[lambda], ""), "Lambda", Some("Invoke"), None);
        let cbor = "http://localhost/service/GraniteServiceVersion20100801/operation/PutMetricData";
        check(&request(cbor, &[("user-agent", "api/cloudwatch/1.1")], ""), "CloudWatch", Some("PutMetricData"), None);
    }

    #[test]
    fn names_are_those_of_the_service_map() {
        for (id, name) in [("secretsmanager", "Secrets Manager"), ("route-53", "Route 53"), ("newthing", "newthing")] {
            assert_eq!(service_name(id), name);
        }
        assert_eq!(signed_service("states"), "SFN");
        assert_eq!(signed_service("sqs"), "SQS");
    }

    #[test]
    fn a_request_that_says_nothing_is_still_a_call() {
        check(&request("http://localhost/", &[], ""), "AWS", None, None);
        let odd = [("authorization", "Credential=a"), ("user-agent", "api/"), ("x-amz-target", "no name!")];
        check(&request("http://localhost/?x-id", &odd, "\u{fc}"), "AWS", None, None);
        let form = ("content-type", "application/x-www-form-urlencoded");
        check(&request("http://localhost/", &[form], &"\u{20ac}".repeat(200)), "AWS", None, None);
    }
}
