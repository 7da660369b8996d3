"""Reads back what the programs sent, by boto3, and compares it with golden files: golden.py FOLDER [--update]."""

import difflib
import json
import os
import re
import sys
import time

import boto3

CLIENT = boto3.client("xray", endpoint_url=os.environ["CONSOLE"])
# What differs from run to run, or from one machine to the next: shown as a word, so that its presence is compared.
TIMES = {"StartTime", "EndTime", "start_time", "end_time", "Duration", "ResponseTime", "TotalResponseTime", "Value", "Coverage",
         "CreatedAt", "ModifiedAt", "Timestamp"}
MACHINE = {"working_directory", "paths", "stack", "version", "runtime_version", "client_ip", "ClientIp", "Revision",
           "ResponseTimeRootCauses"}


def settled(expected):
    """The traces of these services, once all have come: datagrams take their time."""
    deadline = time.monotonic() + 10
    while True:
        now = time.time()
        pages = CLIENT.get_paginator("get_trace_summaries").paginate(StartTime=now - 600, EndTime=now + 60)
        found = [one for page in pages for one in page["TraceSummaries"]]
        ours = {name: [one for one in found if one.get("EntryPoint", {}).get("Name", "").startswith(name)] for name in expected}
        if all(len(ours[name]) == count for name, count in expected.items()) and not any(one["IsPartial"] for one in found):
            return {name: sorted(summaries, key=lambda one: one["StartTime"]) for name, summaries in ours.items()}
        if time.monotonic() > deadline:
            sys.exit(f"golden.py: expected {expected} traces, found { {name: len(it) for name, it in ours.items()} }")
        time.sleep(0.05)


class Names:
    """Ids become id-1, id-2 … in the order in which they are met."""

    def __init__(self):
        self.known = {}

    def text(self, text):
        def named(match):
            return self.known.setdefault(match.group(0), f"id-{len(self.known) + 1}")

        text = re.sub(r"\b(1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{16})\b", named, text)
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)

    def value(self, value, key=None):
        if key in MACHINE:
            return "…"
        if key in TIMES and not isinstance(value, (dict, list)):
            return "time"
        if key == "Document":
            return self.value(json.loads(value))
        if isinstance(value, dict):
            return {name: self.value(member, name) for name, member in value.items()}
        if isinstance(value, list):
            if key and key.endswith("Histogram"):
                return sum(entry["Count"] for entry in value)
            return [self.value(element) for element in value]
        return self.text(value) if isinstance(value, str) else value


def read(summaries):
    ids = [one["Id"] for one in summaries]
    graph = CLIENT.get_trace_graph(TraceIds=ids)["Services"]
    traces = {one["Id"]: one for one in CLIENT.batch_get_traces(TraceIds=ids)["Traces"]}
    names = Names()
    return names.value({"summaries": summaries, "traces": [traces[one] for one in ids], "graph": graph})


def main(folder, update):
    found = settled({"py-": 3, "node-": 3})
    answers = {"python": read(found["py-"]), "node": read(found["node-"])}
    rules = [record["SamplingRule"] for record in CLIENT.get_sampling_rules()["SamplingRuleRecords"]]
    counts = [one for one in CLIENT.get_sampling_statistic_summaries()["SamplingStatisticSummaries"]]
    answers["sampling"] = {"rules": rules, "rules told of": sorted({one["RuleName"] for one in counts})}
    different = False
    for name, answer in answers.items():
        path = os.path.join(folder, f"{name}.json")
        text = json.dumps(answer, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        if update:
            open(path, "w", encoding="utf-8").write(text)
            continue
        golden = open(path, encoding="utf-8").read()
        if text != golden:
            different = True
            sys.stdout.writelines(difflib.unified_diff(golden.splitlines(True), text.splitlines(True), path, "now"))
    if different:
        sys.exit("golden.py: answers differ from the golden files")


main(sys.argv[1], "--update" in sys.argv[2:])
