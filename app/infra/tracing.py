"""Traces (OpenTelemetry): one line of spans from a request over the work that it owes to the webhook that tells of it.

A trace is carried by rows, as work is: the change log and the jobs keep the `traceparent` of the transaction that wrote
them (W3C Trace Context), so that whoever takes a row up goes on with its trace. Spans leave the process when
`OTEL_EXPORTER_OTLP_ENDPOINT` is set; the usual `OTEL_…` variables hold for sampling, headers and resource. Without it
no span is made, and a caller's trace is passed on all the same. No personal data in names and attributes.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

SETTING = "app.trace"
"""Of a transaction: what `Job.trace` and `Change.trace` take as their default."""
_W3C = TraceContextTextMapPropagator()
_NOTHING = Context()
_provider: TracerProvider | None = None


def configure_tracing(process: str, endpoint: str | None) -> None:
    """Send this process's spans to the collector at `endpoint`; without one nothing is recorded. Once a process."""
    if endpoint is None or _provider is not None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    install(process, OTLPSpanExporter())  # reads OTEL_EXPORTER_OTLP_… itself


def install(process: str, exporter: SpanExporter, *, at_once: bool = False) -> None:
    """Record spans and hand them to this exporter, in batches or each at its end."""
    global _provider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    names = {"service.namespace": "duecourse", "service.name": f"duecourse-{process}"}
    _provider = TracerProvider(resource=Resource.create(names))  # OTEL_RESOURCE_ATTRIBUTES adds to it
    _provider.add_span_processor(SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter))
    atexit.register(close)


def close() -> None:
    """Hand over what is left, and record nothing any more."""
    global _provider
    if _provider is not None:
        _provider.shutdown()
        _provider = None


def carried(headers: Mapping[str, str]) -> str | None:
    """The `traceparent` of a request when it is well-formed."""
    given = headers.get("traceparent")
    if given is None:
        return None
    found = trace.get_current_span(_W3C.extract({"traceparent": given}, context=_NOTHING)).get_span_context()
    return given if found.is_valid else None


def current() -> str | None:
    """The `traceparent` of what runs now; None outside a trace. Hex digits and dashes only."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(name: str, kind: SpanKind, parent: str | None, **attributes: str | int) -> Iterator[Span | None]:
    """Run a block as a span that follows `parent`; a fault of the block marks it.

    Where nothing is recorded the parent itself is what the block sees as current, and None is yielded.
    """
    if _provider is None and parent is None:
        yield None
        return
    context = _NOTHING if parent is None else _W3C.extract({"traceparent": parent}, context=_NOTHING)
    if _provider is None:
        with trace.use_span(trace.get_current_span(context), record_exception=False, set_status_on_exception=False):
            yield None
        return
    tracer = _provider.get_tracer("duecourse")
    made = tracer.start_span(name, context=context, kind=kind, attributes=attributes)
    with trace.use_span(made, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield made
        except BaseException as error:
            made.set_status(StatusCode.ERROR, type(error).__name__)  # a message may hold what is nobody's business
            raise


def fail(found: Span | None, reason: str) -> None:
    """Mark a span as failed for a reason that is no exception."""
    if found is not None:
        found.set_status(StatusCode.ERROR, reason)
