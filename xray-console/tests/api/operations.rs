//! What is put is got back, in pages, and refused where the model says so.

use serde_json::{Value, json};

use crate::http::{NOON, Server};

/// A trace of one segment, the `n`th second after noon.
fn put(server: &Server, n: u32) -> String {
    let id = format!("1-{:08x}-{n:024x}", NOON as u64 + u64::from(n));
    let start = NOON + f64::from(n);
    let document = json!({"name": format!("shop-{}", n % 2), "id": format!("{n:016x}"), "trace_id": id,
        "start_time": start, "end_time": start + 0.5, "fault": n.is_multiple_of(3)})
    .to_string();
    let answer = server.ok("/TraceSegments", json!({"TraceSegmentDocuments": [document]}));
    assert_eq!(answer, json!({"UnprocessedTraceSegments": []}));
    id
}

fn ids(summaries: &Value) -> Vec<String> {
    summaries.as_array().unwrap().iter().map(|summary| summary["Id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn summaries_come_newest_first_in_pages_without_gap_or_double() {
    let server = Server::start();
    let mut expected: Vec<String> = (0..250).map(|n| put(&server, n)).collect();
    expected.reverse();
    let (mut found, mut pages, mut token) = (Vec::new(), 0, Value::Null);
    loop {
        let page =
            server.ok("/TraceSummaries", json!({"StartTime": NOON, "EndTime": NOON + 250.0, "NextToken": token}));
        found.extend(ids(&page["TraceSummaries"]));
        pages += 1;
        if pages == 1 {
            put(&server, 249_000); // outside of the range
        }
        let Some(next) = page.get("NextToken") else { break };
        token = next.clone();
    }
    assert_eq!((pages, found), (3, expected));
    let range = server.ok("/TraceSummaries", json!({"StartTime": NOON + 10.0, "EndTime": NOON + 12.0}));
    assert_eq!(ids(&range["TraceSummaries"]).len(), 2, "start included, end not");
    assert_eq!(range["TracesProcessedCount"], 2);
    assert_eq!(range["ApproximateTime"], NOON);
}

#[test]
fn summaries_and_graphs_are_filtered() {
    let server = Server::start();
    (0..6).for_each(|n| {
        put(&server, n);
    });
    let all = json!({"StartTime": NOON, "EndTime": NOON + 10.0});
    let filtered = |expression: &str| {
        let mut request = all.clone();
        request["FilterExpression"] = expression.into();
        request
    };
    assert_eq!(ids(&server.ok("/TraceSummaries", filtered("fault"))["TraceSummaries"]).len(), 2);
    let wrong = server.refused("/TraceSummaries", filtered("falut"));
    assert!(wrong.starts_with("400 InvalidRequestException: ") && wrong.contains("fault"), "{wrong}");

    server.ok("/CreateGroup", json!({"GroupName": "even", "FilterExpression": "service(\"shop-0\")"}));
    assert_eq!(
        ids(&server.ok("/TraceSummaries", filtered("group.name = \"even\" AND fault"))["TraceSummaries"]).len(),
        1
    );
    let names = |graph: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        graph["Services"]
            .as_array()
            .unwrap()
            .iter()
            .map(|service| (text(&service["Name"]), text(&service["State"])))
            .collect()
    };
    let mut of_group = all.clone();
    of_group["GroupName"] = "even".into();
    let graph = server.ok("/ServiceGraph", of_group.clone());
    let active = |graph: &Value| {
        names(graph).into_iter().filter(|(_, state)| state == "active").map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(active(&graph), ["shop-0"]);
    assert_eq!(active(&server.ok("/ServiceGraph", all.clone())), ["shop-0", "shop-1"]);
    let id = put(&server, 1);
    assert_eq!(
        active(&server.ok("/TraceGraph", json!({"TraceIds": [id, "1-00000000-000000000000000000000000"]}))),
        ["shop-1"]
    );

    let mut series = all.clone();
    series["EntitySelectorExpression"] = "service(\"shop-0\")".into();
    let answer = server.ok("/TimeSeriesServiceStatistics", series.clone());
    assert_eq!(answer["TimeSeriesServiceStatistics"][0]["ServiceSummaryStatistics"]["TotalCount"], 3);
    series["EntitySelectorExpression"] = "fault".into();
    assert!(server.refused("/TimeSeriesServiceStatistics", series).starts_with("400 InvalidRequestException"));
    of_group["GroupName"] = "none".into();
    assert_eq!(server.refused("/ServiceGraph", of_group), "400 InvalidRequestException: there is no group \"none\"");
}

#[test]
fn traces_are_given_whole_and_what_is_unknown_is_named() {
    let server = Server::start();
    let id = put(&server, 1);
    let unknown = "1-00000000-000000000000000000000000";
    let answer = server.ok("/Traces", json!({"TraceIds": [id, unknown, "nonsense"]}));
    assert_eq!(answer["UnprocessedTraceIds"], json!([unknown, "nonsense"]));
    let trace = &answer["Traces"][0];
    assert_eq!((&trace["Id"], &trace["Duration"], &trace["LimitExceeded"]), (&json!(id), &json!(0.5), &json!(false)));
    let document: Value = serde_json::from_str(trace["Segments"][0]["Document"].as_str().unwrap()).unwrap();
    assert_eq!((&document["name"], &document["trace_id"]), (&json!("shop-1"), &json!(id)));
    assert!(answer.get("NextToken").is_none());
}

#[test]
fn lone_subsegments_without_a_parent_are_given_too() {
    let server = Server::start();
    let id = "1-6955b900-0000000000000000000000aa";
    let lone = json!({"name": "call", "id": "00000000000000aa", "trace_id": id, "parent_id": "00000000000000bb", "type": "subsegment",
        "start_time": NOON, "end_time": NOON + 1.0}).to_string();
    server.ok("/TraceSegments", json!({"TraceSegmentDocuments": [lone]}));
    let answer = server.ok("/Traces", json!({"TraceIds": [id]}));
    assert_eq!(answer["Traces"][0]["Segments"][0]["Id"], "00000000000000aa");
}

#[test]
fn groups_are_made_changed_removed_and_paged() {
    let server = Server::start();
    let made = server.ok("/CreateGroup", json!({"GroupName": "slow", "FilterExpression": "duration > 5",
        "InsightsConfiguration": {"InsightsEnabled": true, "NotificationsEnabled": true}, "Tags": [{"Key": "team", "Value": "a"}]}));
    let arn = made["Group"]["GroupARN"].as_str().unwrap().to_owned();
    assert_eq!(server.ok("/GetGroup", json!({"GroupARN": arn})), made);
    let changed = server.ok("/UpdateGroup", json!({"GroupName": "slow", "FilterExpression": "duration > 6"}));
    assert_eq!(changed["Group"]["FilterExpression"], "duration > 6");
    assert_eq!(changed["Group"]["InsightsConfiguration"]["InsightsEnabled"], true, "what is not given stays");
    for (path, body, reason) in [
        ("/CreateGroup", json!({"GroupName": "slow"}), "there is a group \"slow\" already"),
        ("/CreateGroup", json!({"GroupName": ""}), "GroupName has 0 characters; expected 1 to 32"),
        (
            "/CreateGroup",
            json!({"GroupName": "g", "InsightsConfiguration": {"NotificationsEnabled": true}}),
            "NotificationsEnabled needs InsightsEnabled",
        ),
        ("/GetGroup", json!({}), "neither GroupName nor GroupARN is given"),
        ("/DeleteGroup", json!({"GroupName": "Default"}), "the Default group cannot be deleted"),
        ("/DeleteGroup", json!({"GroupName": "nobody"}), "there is no group \"nobody\""),
    ] {
        assert_eq!(server.refused(path, body), format!("400 InvalidRequestException: {reason}"));
    }
    assert!(
        server
            .refused("/CreateGroup", json!({"GroupName": "g", "FilterExpression": "nonsense"}))
            .starts_with("400 InvalidRequestException")
    );
    (1..25).for_each(|n| {
        server.ok("/CreateGroup", json!({"GroupName": format!("g{n}")}));
    });
    assert!(server.refused("/CreateGroup", json!({"GroupName": "one more"})).contains("there are 25 groups already"));
    assert_eq!(server.ok("/Groups", json!({}))["Groups"].as_array().unwrap().len(), 26, "Default and 25 more");
    server.ok("/DeleteGroup", json!({"GroupARN": arn}));
    assert_eq!(
        server.refused("/ListTagsForResource", json!({"ResourceARN": arn})),
        "404 ResourceNotFoundException: there is no group and no sampling rule with this ARN"
    );
}

#[test]
fn tags_are_set_listed_in_pages_and_removed() {
    let server = Server::start();
    let arn = server.ok("/GetGroup", json!({"GroupName": "Default"}))["Group"]["GroupARN"].clone();
    let tags: Vec<Value> = (0..50).map(|n| json!({"Key": format!("k{n:02}"), "Value": "v"})).collect();
    server.ok("/TagResource", json!({"ResourceARN": arn, "Tags": tags}));
    assert!(
        server
            .refused("/TagResource", json!({"ResourceARN": arn, "Tags": [{"Key": "x", "Value": ""}]}))
            .starts_with("400 TooManyTagsException")
    );
    let first = server.ok("/ListTagsForResource", json!({"ResourceARN": arn}));
    let second = server.ok("/ListTagsForResource", json!({"ResourceARN": arn, "NextToken": first["NextToken"]}));
    let all = [first["Tags"].as_array().unwrap().clone(), second["Tags"].as_array().unwrap().clone()].concat();
    assert_eq!((all, second.get("NextToken")), (tags, None));
    server.ok("/UntagResource", json!({"ResourceARN": arn, "TagKeys": ["k00", "unknown"]}));
    assert_eq!(server.ok("/ListTagsForResource", json!({"ResourceARN": arn}))["Tags"][0]["Key"], "k01");
}

#[test]
fn policies_are_kept_by_revision_within_their_limits() {
    let server = Server::start();
    let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:*", "Resource": "*"}]}"#;
    let put = |name: &str, document: &str, revision: Value| json!({"PolicyName": name, "PolicyDocument": document, "PolicyRevisionId": revision});
    assert_eq!(
        server.ok("/PutResourcePolicy", put("p", policy, "0".into()))["ResourcePolicy"]["PolicyRevisionId"],
        "1"
    );
    assert!(
        server
            .refused("/PutResourcePolicy", put("p", policy, "0".into()))
            .starts_with("400 InvalidPolicyRevisionIdException")
    );
    assert_eq!(
        server.ok("/PutResourcePolicy", put("p", policy, "1".into()))["ResourcePolicy"]["PolicyRevisionId"],
        "2"
    );
    let denied = policy.replace("Allow", "Deny").replace(r#"{"Service": "sns.amazonaws.com"}"#, r#""*""#);
    for (document, code) in [
        ("nonsense", "MalformedPolicyDocumentException"),
        ("{}", "MalformedPolicyDocumentException"),
        (&" ".repeat(5_121), "PolicySizeLimitExceededException"),
        (&denied, "LockoutPreventionException"),
    ] {
        assert!(
            server.refused("/PutResourcePolicy", put("q", document, Value::Null)).starts_with(&format!("400 {code}"))
        );
    }
    let mut bypass = put("q", &denied, Value::Null);
    bypass["BypassPolicyLockoutCheck"] = true.into();
    server.ok("/PutResourcePolicy", bypass);
    ["r", "s", "t"].iter().for_each(|name| {
        server.ok("/PutResourcePolicy", put(name, policy, Value::Null));
    });
    assert!(
        server
            .refused("/PutResourcePolicy", put("u", policy, Value::Null))
            .starts_with("400 PolicyCountLimitExceededException")
    );
    assert!(
        server
            .refused("/DeleteResourcePolicy", json!({"PolicyName": "p", "PolicyRevisionId": "1"}))
            .starts_with("400 InvalidPolicyRevisionIdException")
    );
    server.ok("/DeleteResourcePolicy", json!({"PolicyName": "p", "PolicyRevisionId": "2"}));
    let listed = server.ok("/ListResourcePolicies", json!({}));
    let names: Vec<&str> = listed["ResourcePolicies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|policy| policy["PolicyName"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["q", "r", "s", "t"]);
}

#[test]
fn settings_are_kept_as_they_are_set() {
    let server = Server::start();
    // Without a body, as some clients call it.
    assert_eq!(
        server.post("/EncryptionConfig", "").body,
        json!({"EncryptionConfig": {"Type": "NONE", "Status": "ACTIVE"}})
    );
    let kms = json!({"EncryptionConfig": {"Type": "KMS", "KeyId": "alias/k", "Status": "ACTIVE"}});
    assert_eq!(server.ok("/PutEncryptionConfig", json!({"Type": "KMS", "KeyId": "alias/k"})), kms);
    assert_eq!(server.ok("/EncryptionConfig", json!({})), kms);
    assert_eq!(
        server.refused("/PutEncryptionConfig", json!({"Type": "KMS"})),
        "400 InvalidRequestException: Type KMS needs a KeyId"
    );
    assert_eq!(
        server.refused("/PutEncryptionConfig", json!({"Type": "NONE", "KeyId": "k"})),
        "400 InvalidRequestException: KeyId is given with Type NONE; omit it"
    );
    assert!(
        server.refused("/PutEncryptionConfig", json!({"Type": "ROT13"})).starts_with("400 InvalidRequestException")
    );

    assert_eq!(server.ok("/GetTraceSegmentDestination", json!({})), json!({"Destination": "XRay", "Status": "ACTIVE"}));
    server.ok(
        "/UpdateTraceSegmentDestination",
        json!({"Destination": "CloudWatchLogs", "CloudWatchLogsConfiguration": {"SpansLogGroupKmsKeyId": "k"}}),
    );
    assert_eq!(server.ok("/GetTraceSegmentDestination", json!({}))["Destination"], "CloudWatchLogs");
    assert!(
        server
            .refused(
                "/UpdateTraceSegmentDestination",
                json!({"Destination": "XRay", "CloudWatchLogsConfiguration": {}})
            )
            .starts_with("400")
    );

    server.ok(
        "/UpdateIndexingRule",
        json!({"Name": "Default", "Rule": {"Probabilistic": {"DesiredSamplingPercentage": 25}}}),
    );
    let rules = server.ok("/GetIndexingRules", json!({}));
    assert_eq!(
        rules["IndexingRules"][0]["Rule"]["Probabilistic"],
        json!({"DesiredSamplingPercentage": 25.0, "ActualSamplingPercentage": 25.0})
    );
    let unknown = server.post("/UpdateIndexingRule", r#"{"Name": "n", "Rule": {}}"#);
    assert_eq!(
        (unknown.status, unknown.error.as_deref(), &unknown.body["ResourceName"]),
        (404, Some("ResourceNotFoundException"), &json!("n"))
    );
    assert!(
        server
            .refused(
                "/UpdateIndexingRule",
                json!({"Name": "Default", "Rule": {"Probabilistic": {"DesiredSamplingPercentage": 101}}})
            )
            .starts_with("400")
    );
}

#[test]
fn retrievals_are_complete_at_once_paged_and_cancelled() {
    let server = Server::start();
    let ids: Vec<String> = (0..7).map(|n| put(&server, n)).collect();
    let token = server.ok("/StartTraceRetrieval", json!({"TraceIds": ids, "StartTime": NOON, "EndTime": NOON + 5.0}))["RetrievalToken"].clone();
    let first = server.ok("/ListRetrievedTraces", json!({"RetrievalToken": token, "TraceFormat": "XRAY"}));
    assert_eq!((&first["RetrievalStatus"], &first["TraceFormat"]), (&json!("COMPLETE"), &json!("XRAY")));
    let second = server.ok("/ListRetrievedTraces", json!({"RetrievalToken": token, "NextToken": first["NextToken"]}));
    let listed = |page: &Value| ids_of(page);
    assert_eq!([listed(&first), listed(&second)].concat(), ids[..6], "the seventh began after the range");
    assert!(second.get("NextToken").is_none());
    let graph = server.ok("/GetRetrievedTracesGraph", json!({"RetrievalToken": token}));
    assert!(graph["Services"].as_array().unwrap().iter().any(|service| service["Service"]["Name"] == "shop-0"));
    assert!(
        server
            .refused("/ListRetrievedTraces", json!({"RetrievalToken": token, "TraceFormat": "OTEL"}))
            .starts_with("400")
    );
    server.ok("/CancelTraceRetrieval", json!({"RetrievalToken": token}));
    let cancelled = server.ok("/ListRetrievedTraces", json!({"RetrievalToken": token}));
    assert_eq!((&cancelled["RetrievalStatus"], &cancelled["Traces"]), (&json!("CANCELLED"), &json!([])));
    assert!(
        server
            .refused("/ListRetrievedTraces", json!({"RetrievalToken": "none"}))
            .starts_with("404 ResourceNotFoundException")
    );
}

fn ids_of(page: &Value) -> Vec<String> {
    ids(&page["Traces"])
}

#[test]
fn there_are_no_insights() {
    let server = Server::start();
    assert_eq!(
        server.ok("/InsightSummaries", json!({"StartTime": NOON, "EndTime": NOON + 1.0})),
        json!({"InsightSummaries": []})
    );
    for path in ["/Insight", "/InsightEvents", "/InsightImpactGraph"] {
        let body = json!({"InsightId": "i", "StartTime": NOON, "EndTime": NOON + 1.0});
        assert_eq!(
            server.refused(path, body),
            "400 InvalidRequestException: there is no insight of this id; this console finds none"
        );
    }
}

#[test]
fn a_put_of_more_than_fifty_is_refused_whole() {
    let server = Server::start();
    let documents = vec!["{}"; 51];
    let refused = server.refused("/TraceSegments", json!({"TraceSegmentDocuments": documents}));
    assert_eq!(refused, "400 InvalidRequestException: TraceSegmentDocuments has 51 elements; expected at most 50");
    assert_eq!(
        server.ok("/TelemetryRecords", json!({"TelemetryRecords": [{"Timestamp": NOON, "SegmentsReceivedCount": 3}]})),
        json!({})
    );
}

#[test]
fn a_datagram_is_a_trace_at_the_same_address() {
    let server = Server::start();
    let mut changes = server.console.store().subscribe();
    let id = "1-6955b900-0000000000000000000000cc";
    let document =
        json!({"name": "shop", "id": "00000000000000cc", "trace_id": id, "start_time": NOON, "end_time": NOON + 1.0});
    let datagram = format!("{{\"format\":\"json\",\"version\":1}}\n{document}");
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().send_to(datagram.as_bytes(), server.address()).unwrap();
    changes.blocking_recv().unwrap();
    assert_eq!(server.ok("/Traces", json!({"TraceIds": [id]}))["Traces"][0]["Id"], id);
}

#[test]
fn what_is_refused_is_named_and_kept_with_its_sender() {
    let server = Server::start();
    let wrong = json!({"name": "a(b)", "id": "00000000000000cc", "trace_id": "1-6955b900-0000000000000000000000cc", "start_time": NOON,
        "end_time": NOON}).to_string();
    let answer = server.ok("/TraceSegments", json!({"TraceSegmentDocuments": [wrong, "nonsense"]}));
    let unprocessed = &answer["UnprocessedTraceSegments"];
    assert_eq!(
        (&unprocessed[0]["Id"], &unprocessed[0]["ErrorCode"]),
        (&json!("00000000000000cc"), &json!("InvalidName"))
    );
    assert_eq!(unprocessed[1].get("Id"), None, "it could not be read");
    let troubles = server.console.intake().troubles();
    assert!(troubles.iter().all(|trouble| trouble.sender.starts_with("tcp 127.0.0.1:")), "{troubles:?}");
    assert_eq!(troubles.len(), 2);
}
