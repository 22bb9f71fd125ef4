"""One trace: a request, the job that it owes, what that job owes, and the change log that webhooks go on from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.infra import tracing
from app.infra.change_log import ChangeRow, record_change
from app.infra.database import SYSTEM
from app.infra.jobs import JobContext, owe
from app.settings import Settings
from tests.conftest import RolledBackDatabase
from tests.factories import Tenant
from workers.runner import Runner, Services

GIVEN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = GIVEN.split("-")[1]


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is recorded, at once."""
    exporter = InMemorySpanExporter()
    tracing.install("test", exporter, at_once=True)
    yield exporter
    tracing.close()


def trace_of(span: ReadableSpan) -> str:
    return format(span.get_span_context().trace_id, "032x")


@pytest.mark.parametrize("header", [None, "", "nonsense", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", GIVEN + "'; --"])
def test_what_is_not_a_trace_is_not_carried(header: str | None) -> None:
    assert tracing.carried({} if header is None else {"traceparent": header}) is None


def test_without_a_collector_a_trace_is_passed_on_and_nothing_recorded() -> None:
    assert tracing.current() is None
    with tracing.span("request", SpanKind.SERVER, GIVEN) as made:
        assert made is None
        assert tracing.current() == GIVEN
        with tracing.span("inner", SpanKind.CLIENT, None):
            assert tracing.current() == GIVEN
    assert tracing.current() is None


def test_a_fault_marks_its_span_without_its_words(spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="iban"), tracing.span("request", SpanKind.SERVER, None):
        raise ValueError("the iban of somebody")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "iban" not in span.to_json()


async def test_rows_carry_the_trace_of_their_transaction(
    database: RolledBackDatabase, tenant: Tenant, spans: InMemorySpanExporter
) -> None:
    with tracing.span("request", SpanKind.SERVER, GIVEN):
        async with database.write(tenant.organization_id, tenant.actor) as session:
            record_change(session, ChangeRow("organization", tenant.organization_id, "organization.updated", {}, {}))
            owe(session, "test.first", "1")
    (request,) = spans.get_finished_spans()
    expected = f"00-{TRACE}-{request.get_span_context().span_id:016x}-01"
    assert trace_of(request) == TRACE
    async with database.read(tenant.organization_id) as session:
        for table in ("jobs", "change_log"):
            last = await session.driver.fetchval(
                f"SELECT trace FROM {table} WHERE organization_id = $1 ORDER BY id DESC LIMIT 1", tenant.organization_id
            )
            assert last == expected, table


async def test_a_job_goes_on_with_the_trace_and_hands_it_to_what_it_owes(
    committed: RolledBackDatabase, claims: RolledBackDatabase, spans: InMemorySpanExporter
) -> None:
    from tests.factories import make_tenant

    tenant = await make_tenant(committed)

    async def first(job: JobContext) -> None:
        async with job.database.write(job.organization_id, SYSTEM) as session:
            owe(session, "test.traced_second", "1")

    async def second(job: JobContext) -> None:
        raise ValueError("not today")

    with tracing.span("request", SpanKind.SERVER, GIVEN):
        async with committed.write(tenant.organization_id, tenant.actor) as session:
            owe(session, "test.traced_first", "1")
    handlers = {"test.traced_first": first, "test.traced_second": second}
    runner = Runner(Services(committed, claims, Settings()), handlers, max_jobs=2)
    for _ in range(2):
        await runner._claim()
        for task in list(runner._running.values()):
            await task
    by_name = {span.name: span for span in spans.get_finished_spans()}
    assert {trace_of(span) for span in by_name.values()} == {TRACE}
    request, one, two = (by_name[name] for name in ("request", "job test.traced_first", "job test.traced_second"))
    assert one.parent is not None
    assert two.parent is not None
    assert one.parent.span_id == request.get_span_context().span_id
    assert two.parent.span_id == one.get_span_context().span_id
    assert (one.status.status_code, two.status.status_code) == (StatusCode.UNSET, StatusCode.ERROR)
