//! What made the platform invoke the function: the annotation `trigger`.
//!
//! The event's type tells, or its content where the handler takes any JSON. A type is known by its name
//! ([`type_name`]), so that no event crate needs to be linked for it; that name is no promise of the compiler's, and a
//! test holds it for each.

use std::any::{Any, type_name};

use serde_json::Value;

/// The trigger of an event, where it can be told.
pub(crate) fn of<T: 'static>(event: &T) -> Option<&'static str> {
    match (event as &dyn Any).downcast_ref::<Value>() {
        Some(value) => of_value(value),
        None => of_type(type_name::<T>()),
    }
}

fn of_type(name: &str) -> Option<&'static str> {
    let outer = name.split('<').next().unwrap_or(name);
    let (path, last) = outer.rsplit_once("::")?;
    if !path.starts_with("aws_lambda_events::") && !path.starts_with("lambda_http::") {
        return None;
    }
    Some(match last {
        "SqsEvent" | "SqsEventObj" => SQS,
        "SnsEvent" | "SnsEventObj" => SNS,
        "EventBridgeEvent" | "CloudWatchEvent" => EVENTBRIDGE,
        "S3Event" => S3,
        "DynamoDbEvent" | "Event" if path.ends_with("dynamodb") => DYNAMODB,
        "KinesisEvent" => KINESIS,
        "ApiGatewayProxyRequest" | "ApiGatewayV2httpRequest" | "ApiGatewayWebsocketProxyRequest" => API_GATEWAY,
        "AlbTargetGroupRequest" => ALB,
        "LambdaFunctionUrlRequest" => FUNCTION_URL,
        "VpcLatticeRequestV2" => VPC_LATTICE,
        "LambdaRequest" => HTTP,
        _ => return None,
    })
}

fn of_value(event: &Value) -> Option<&'static str> {
    if let Some(record) = event.get("Records").and_then(|records| records.get(0)) {
        let source = record.get("eventSource").or_else(|| record.get("EventSource"))?.as_str()?;
        let known = [SQS, SNS, S3, DYNAMODB, KINESIS];
        let source = source.strip_prefix("aws:")?;
        return known.into_iter().find(|trigger| *trigger == source);
    }
    if let Some(context) = event.get("requestContext") {
        let domain = context.get("domainName").and_then(Value::as_str).unwrap_or_default();
        return Some(match () {
            () if context.get("elb").is_some() => ALB,
            () if domain.contains(URL_DOMAIN) => FUNCTION_URL,
            () if context.get("serviceNetworkArn").is_some() => VPC_LATTICE,
            () if context.get("apiId").is_some() => API_GATEWAY,
            () => return None,
        });
    }
    let scheduled = event.get("detail-type").is_some() && event.get("source").is_some();
    scheduled.then_some(EVENTBRIDGE)
}

pub(crate) const ALB: &str = "alb";
pub(crate) const API_GATEWAY: &str = "apigateway";
const DYNAMODB: &str = "dynamodb";
const EVENTBRIDGE: &str = "eventbridge";
pub(crate) const FUNCTION_URL: &str = "function-url";
pub(crate) const HTTP: &str = "http";
const KINESIS: &str = "kinesis";
const S3: &str = "s3";
const SNS: &str = "sns";
const SQS: &str = "sqs";
pub(crate) const VPC_LATTICE: &str = "vpc-lattice";
/// What the host of a function's own URL contains.
pub(crate) const URL_DOMAIN: &str = ".lambda-url.";

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lambda_events::event::{alb, apigw, eventbridge, s3, sns, sqs};
    use serde_json::json;

    #[test]
    fn the_event_crates_types_are_known() {
        assert_eq!(of(&sqs::SqsEvent::default()), Some("sqs"));
        assert_eq!(of(&sqs::SqsEventObj::<u8>::default()), Some("sqs"));
        assert_eq!(of(&sns::SnsEvent::default()), Some("sns"));
        assert_eq!(of_type(type_name::<eventbridge::EventBridgeEvent<Value>>()), Some("eventbridge"));
        assert_eq!(of(&s3::S3Event::default()), Some("s3"));
        assert_eq!(of(&apigw::ApiGatewayProxyRequest::default()), Some("apigateway"));
        assert_eq!(of(&apigw::ApiGatewayV2httpRequest::default()), Some("apigateway"));
        assert_eq!(of(&alb::AlbTargetGroupRequest::default()), Some("alb"));
        #[cfg(feature = "http")]
        assert_eq!(of_type(type_name::<lambda_http::request::LambdaRequest>()), Some("http"));
    }

    #[test]
    fn a_programs_own_type_tells_nothing() {
        #[derive(Debug)]
        struct SqsEvent;
        assert_eq!(of(&SqsEvent), None);
        assert_eq!(of(&7), None);
    }

    #[test]
    fn json_tells_by_what_it_holds() {
        for (event, expected) in [
            (json!({"Records": [{"eventSource": "aws:sqs"}]}), Some("sqs")),
            (json!({"Records": [{"EventSource": "aws:sns"}]}), Some("sns")),
            (json!({"Records": [{"eventSource": "aws:s3"}]}), Some("s3")),
            (json!({"Records": [{"eventSource": "someone's"}]}), None),
            (json!({"Records": []}), None),
            (json!({"requestContext": {"elb": {}}}), Some("alb")),
            (
                json!({"requestContext": {"apiId": "a", "domainName": "a.execute-api.eu-west-1.amazonaws.com"}}),
                Some("apigateway"),
            ),
            (
                json!({"requestContext": {"apiId": "a", "domainName": "a.lambda-url.eu-west-1.on.aws"}}),
                Some("function-url"),
            ),
            (json!({"requestContext": 7}), None),
            (json!({"detail-type": "Scheduled Event", "source": "aws.events"}), Some("eventbridge")),
            (json!({"order": 7}), None),
            (json!(null), None),
        ] {
            assert_eq!(of(&event), expected, "{event}");
        }
    }
}
