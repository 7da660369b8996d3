"""A service on the official OpenTelemetry SDK for Python: serves a request, fails in it, calls on.

Reads the trace header from XRAY_HEADER, exports to OTLP_ENDPOINT, and prints the header it would send on.
"""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagators.aws import AwsXRayPropagator
from opentelemetry.sdk.extension.aws.trace import AwsXRayIdGenerator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

provider = TracerProvider(
    resource=Resource.create({"service.name": "python", "deployment.environment": "test"}),
    id_generator=AwsXRayIdGenerator(),
)
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=os.environ["OTLP_ENDPOINT"])))
tracer = provider.get_tracer("peer")
propagator = AwsXRayPropagator()
parent = propagator.extract({"X-Amzn-Trace-Id": os.environ["XRAY_HEADER"]})


def inner():
    raise KeyError("no such order")


def outer():
    try:
        inner()
    except KeyError as error:
        raise ValueError("cannot load") from error


request = {"http.request.method": "GET", "url.scheme": "http", "url.path": "/orders/7", "server.address": "python"}
with tracer.start_as_current_span("GET /orders/{id}", context=parent, kind=SpanKind.SERVER, attributes=request) as served:
    served.set_attribute("http.response.status_code", 500)
    served.set_attribute("sizes", [1, 2, 3])
    try:
        with tracer.start_as_current_span("load"):
            outer()
    except ValueError:
        pass
    called = {"http.request.method": "GET", "server.address": "back.example.com", "server.port": 8080}
    with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=called):
        onward = {}
        propagator.inject(onward)
        print(onward["X-Amzn-Trace-Id"])
provider.shutdown()
