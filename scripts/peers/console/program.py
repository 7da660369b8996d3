"""A program on the official Python SDK: what it sends is compared by golden.py."""

import time

from aws_xray_sdk.core import xray_recorder

xray_recorder.configure(service="py-shop")

# Rules come from the console: the SDK fetches them on a thread of its own.
sampler = xray_recorder.sampler
sampler.start()
deadline = time.monotonic() + 10
while not sampler._cache.last_updated:
    assert time.monotonic() < deadline, "the SDK was given no sampling rules"
    time.sleep(0.01)
assert sampler.should_trace({"host": "localhost", "method": "GET", "path": "/orders", "service": "py-shop"}) == "Default"
# And targets: its part of the reservoir of 1, which operations.py had before.
targets, modified = sampler._connector.fetch_sampling_target(sampler._cache.rules)
assert targets["Default"]["quota"] in (0, 1) and targets["Default"]["rate"] == 1.0 and modified > 0, targets

with xray_recorder.in_segment("py-shop") as segment:
    segment.put_http_meta("method", "GET")
    segment.put_http_meta("url", "http://localhost/orders/7")
    segment.put_http_meta("status", 200)
    segment.set_user("alice")
    segment.put_annotation("order_id", 7)
    segment.put_metadata("basket", {"items": [1, 2]})
    with xray_recorder.in_subsegment("load"):
        with xray_recorder.in_subsegment("orders@db.internal", namespace="remote") as query:
            query.set_sql({"url": "postgresql://db.internal/orders", "sanitized_query": "SELECT 1", "database_type": "PostgreSQL"})
    with xray_recorder.in_subsegment("dynamodb", namespace="aws") as call:
        call.set_aws({"operation": "GetItem", "table_name": "baskets", "region": "eu-west-1"})
time.sleep(0.01)

try:
    with xray_recorder.in_segment("py-shop") as segment:
        segment.put_http_meta("url", "http://localhost/orders/8")
        segment.put_http_meta("status", 500)
        with xray_recorder.in_subsegment("charge"):
            raise ValueError("card refused")
except ValueError:
    pass
time.sleep(0.01)

# More subsegments than a segment may hold when it is sent: they leave in datagrams of their own.
with xray_recorder.in_segment("py-batch"):
    for number in range(40):
        with xray_recorder.in_subsegment(f"item {number:02}"):
            pass
