//! The segments that Lambda itself sends for an invocation.

/// Those of the service and of the function, in which whatever the function sends has its place: it is beneath `segment`
/// (16 hex digits), the parent of the invocation's header.
///
/// Source: Lambda Developer Guide, "Visualize Lambda function invocations using AWS X-Ray".
pub fn sent_by_lambda(trace: &str, segment: &str) -> [String; 2] {
    let (service, times) = ("1111111111111111", r#""start_time":1465510280.5,"end_time":1465510280.9"#);
    [
        format!(r#"{{"name":"my-lambda","id":"{service}","trace_id":"{trace}",{times},"origin":"AWS::Lambda"}}"#),
        format!(
            r#"{{"name":"my-lambda","id":"{segment}","parent_id":"{service}","trace_id":"{trace}",{times},
                "origin":"AWS::Lambda::Function"}}"#
        ),
    ]
}
