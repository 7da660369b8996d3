"""Calls every operation of boto3's X-Ray model on a console, and holds every answer to that model.

botocore passes over members it does not know and takes a float for an integer; here both are mistakes.
"""

import json
import os
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Neither retries nor pages of 100 % of anything hide an error.
CLIENT = boto3.client("xray", endpoint_url=os.environ["CONSOLE"], config=Config(retries={"max_attempts": 0}))
CALLED = set()


def hold(shape, value, where):
    """The JSON is of the shape: no member it does not have, none that is null, the right types."""
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(value, dict), f"{where}: {value!r} is no object"
        for name, member in value.items():
            assert name in shape.members, f"{where}: the model has no member {name}"
            hold(shape.members[name], member, f"{where}.{name}")
        for name in shape.required_members:
            assert name in value, f"{where}: required member {name} is missing"
    elif kind == "list":
        assert isinstance(value, list), f"{where}: {value!r} is no list"
        for index, element in enumerate(value):
            hold(shape.member, element, f"{where}[{index}]")
    elif kind == "map":
        assert isinstance(value, dict), f"{where}: {value!r} is no map"
        for key, element in value.items():
            hold(shape.value, element, f"{where}[{key}]")
    elif kind == "string":
        assert isinstance(value, str), f"{where}: {value!r} is no string"
        assert not getattr(shape, "enum", None) or value in shape.enum, f"{where}: {value!r} is none of {shape.enum}"
    elif kind == "boolean":
        assert isinstance(value, bool), f"{where}: {value!r} is no boolean"
    elif kind in ("integer", "long"):
        assert isinstance(value, int) and not isinstance(value, bool), f"{where}: {value!r} is no integer"
    else:
        assert kind in ("double", "float", "timestamp"), f"{where}: a shape of type {kind}"
        assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{where}: {value!r} is no number"


def check(http_response, model, **_):
    if http_response.status_code == 200:
        CALLED.add(model.name)
        hold(model.output_shape, json.loads(http_response.content), model.name)


CLIENT.meta.events.register("after-call.xray", check)


def refused(code, call, **members):
    try:
        call(**members)
    except ClientError as error:
        CALLED.add(error.operation_name)
        assert error.response["Error"]["Code"] == code, error
        assert getattr(CLIENT.exceptions, code), "boto3 has a class of its own for it"
        assert error.response["Error"]["Message"], "it says why"
    else:
        raise AssertionError(f"{call} with {members} was not refused")


NOW = time.time()
RANGE = {"StartTime": NOW - 600, "EndTime": NOW + 60}
TRACE = f"1-{int(NOW):08x}-0123456789abcdef01234567"


def document(number, **more):
    return json.dumps({"name": "boto", "id": f"{number:016x}", "trace_id": TRACE, "start_time": NOW, "end_time": NOW + 0.25, **more})


# Tier 1.
http = {"request": {"method": "GET", "url": "http://localhost/boto"}, "response": {"status": 500}}
call = {"name": "DynamoDB", "id": f"{9:016x}", "namespace": "aws", "start_time": NOW, "end_time": NOW + 0.1,
        "aws": {"table_name": "orders", "operation": "GetItem"}}
exception = {"working_directory": "/", "exceptions": [{"id": f"{7:016x}", "message": "no such order", "type": "NotFound"}]}
put = CLIENT.put_trace_segments(TraceSegmentDocuments=[
    document(1, http=http, fault=True, cause=exception, annotations={"order": 7, "gold": True, "tier": "a"}, user="u", subsegments=[call]),
    "nonsense",
    document(2, name="a?b"),
])
assert [one.get("ErrorCode") for one in put["UnprocessedTraceSegments"]][1] == "InvalidName", put
refused("InvalidRequestException", CLIENT.put_trace_segments, TraceSegmentDocuments=["{}"] * 51)
CLIENT.put_telemetry_records(TelemetryRecords=[{"Timestamp": NOW, "SegmentsReceivedCount": 1, "BackendConnectionErrors": {"OtherCount": 1}}])
rules = CLIENT.get_sampling_rules()["SamplingRuleRecords"]
assert rules[-1]["SamplingRule"]["RuleName"] == "Default", rules
statistics = {"RuleName": "Default", "ClientID": "0123456789abcdef01234567", "Timestamp": NOW, "RequestCount": 3, "SampledCount": 1}
boost = {"RuleName": "Default", "ServiceName": "s", "Timestamp": NOW, "AnomalyCount": 0, "TotalCount": 1, "SampledAnomalyCount": 0}
targets = CLIENT.get_sampling_targets(
    SamplingStatisticsDocuments=[statistics, {**statistics, "RuleName": "none"}], SamplingBoostStatisticsDocuments=[boost])
assert targets["SamplingTargetDocuments"][0]["ReservoirQuota"] == 1, targets
assert targets["UnprocessedStatistics"][0]["RuleName"] == "none", targets
assert CLIENT.get_sampling_statistic_summaries()["SamplingStatisticSummaries"][0]["RequestCount"] == 3
for kind in ("TraceId", "Event", "Service"):
    found = CLIENT.get_trace_summaries(**RANGE, TimeRangeType=kind, FilterExpression='annotation.order = 7 AND service("boto")')
    assert [one["Id"] for one in found["TraceSummaries"]] == [TRACE], (kind, found)
    assert found["TraceSummaries"][0]["HasFault"], found
refused("InvalidRequestException", CLIENT.get_trace_summaries, **RANGE, FilterExpression="falut")
refused("InvalidRequestException", CLIENT.get_trace_summaries, **RANGE, NextToken="nonsense")
traces = CLIENT.batch_get_traces(TraceIds=[TRACE, "1-00000000-000000000000000000000000"])
assert len(traces["Traces"]) == len(traces["UnprocessedTraceIds"]) == 1, traces
assert len(traces["Traces"][0]["Segments"]) == 2, "the table is an inferred segment"
assert {one["Name"] for one in CLIENT.get_service_graph(**RANGE)["Services"]} >= {"boto", "orders"}
assert CLIENT.get_trace_graph(TraceIds=[TRACE])["Services"]
series = CLIENT.get_time_series_service_statistics(**RANGE, EntitySelectorExpression='id(name: "boto")', Period=60)
assert series["TimeSeriesServiceStatistics"][0]["ServiceSummaryStatistics"]["TotalCount"] == 1, series
assert CLIENT.get_time_series_service_statistics(**RANGE)["TimeSeriesServiceStatistics"][0]["EdgeSummaryStatistics"]

# Tier 2.
rule = {"RuleName": "boto", "ResourceARN": "*", "Priority": 1, "FixedRate": 0.1, "ReservoirSize": 1, "ServiceName": "*",
        "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1, "Attributes": {"a": "b"}}
made = CLIENT.create_sampling_rule(SamplingRule=rule, Tags=[{"Key": "k", "Value": "v"}])["SamplingRuleRecord"]["SamplingRule"]
CLIENT.update_sampling_rule(SamplingRuleUpdate={"RuleName": "boto", "FixedRate": 0.2})
assert CLIENT.list_tags_for_resource(ResourceARN=made["RuleARN"])["Tags"] == [{"Key": "k", "Value": "v"}]
CLIENT.tag_resource(ResourceARN=made["RuleARN"], Tags=[{"Key": "l", "Value": ""}])
CLIENT.untag_resource(ResourceARN=made["RuleARN"], TagKeys=["k"])
assert CLIENT.delete_sampling_rule(RuleARN=made["RuleARN"])["SamplingRuleRecord"]["SamplingRule"]["FixedRate"] == 0.2
refused("ResourceNotFoundException", CLIENT.list_tags_for_resource, ResourceARN=made["RuleARN"])
group = CLIENT.create_group(GroupName="boto", FilterExpression="fault", InsightsConfiguration={"InsightsEnabled": True})["Group"]
CLIENT.update_group(GroupARN=group["GroupARN"], FilterExpression="ok")
assert CLIENT.get_group(GroupName="boto")["Group"]["FilterExpression"] == "ok"
assert [one["GroupName"] for one in CLIENT.get_groups()["Groups"]] == ["Default", "boto"]
assert CLIENT.get_service_graph(**RANGE, GroupName="boto")["Services"] == []
CLIENT.delete_group(GroupName="boto")
refused("InvalidRequestException", CLIENT.get_group, GroupName="boto")
CLIENT.put_encryption_config(Type="KMS", KeyId="alias/boto")
assert CLIENT.get_encryption_config()["EncryptionConfig"] == {"Type": "KMS", "KeyId": "alias/boto", "Status": "ACTIVE"}
CLIENT.update_trace_segment_destination(Destination="CloudWatchLogs")
assert CLIENT.get_trace_segment_destination()["Destination"] == "CloudWatchLogs"
CLIENT.update_indexing_rule(Name="Default", Rule={"Probabilistic": {"DesiredSamplingPercentage": 50}})
assert CLIENT.get_indexing_rules()["IndexingRules"][0]["Rule"]["Probabilistic"]["ActualSamplingPercentage"] == 50
token = CLIENT.start_trace_retrieval(TraceIds=[TRACE], **RANGE)["RetrievalToken"]
assert CLIENT.list_retrieved_traces(RetrievalToken=token, TraceFormat="XRAY")["Traces"][0]["Spans"]
assert CLIENT.get_retrieved_traces_graph(RetrievalToken=token)["Services"]
CLIENT.cancel_trace_retrieval(RetrievalToken=token)
policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:*", "Resource": "*"}]})
revision = CLIENT.put_resource_policy(PolicyName="boto", PolicyDocument=policy)["ResourcePolicy"]["PolicyRevisionId"]
refused("MalformedPolicyDocumentException", CLIENT.put_resource_policy, PolicyName="boto", PolicyDocument="nonsense")
assert len(CLIENT.list_resource_policies()["ResourcePolicies"]) == 1
CLIENT.delete_resource_policy(PolicyName="boto", PolicyRevisionId=revision)
assert CLIENT.get_insight_summaries(**RANGE)["InsightSummaries"] == []
refused("InvalidRequestException", CLIENT.get_insight, InsightId="00000000-0000-0000-0000-000000000000")
refused("InvalidRequestException", CLIENT.get_insight_events, InsightId="00000000-0000-0000-0000-000000000000")
refused("InvalidRequestException", CLIENT.get_insight_impact_graph, InsightId="00000000-0000-0000-0000-000000000000", **RANGE)

missing = set(CLIENT.meta.service_model.operation_names) - CALLED
assert not missing, f"never called: {sorted(missing)}"
print(f"operations.py: {len(CALLED)} operations called, every answer as modelled")
