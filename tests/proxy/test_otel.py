"""What OpenTelemetry is told, by the SDK's own exporters in memory and by what a collector gets on the wire."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from headroom.errors import InputError
from headroom.ledger.book import Book
from headroom.ledger.record import Account, Bill, Group, Retrieved
from headroom.proxy import telemetry
from tests.ledger.records import account, cost, record
from tests.proxy.test_command import command_running
from tests.proxy.world import anthropic_body, eventually, real_engine, reply_ok, served, world

pytest.importorskip("opentelemetry.sdk", reason="the extra `otel` is not installed")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="the extra `otel` is not installed")

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from headroom.ledger.tallies import MOST, OTHER
from headroom.proxy.otel import Exporting, Telemetry
from headroom.proxy.otel import telemetry as exporting

SECRET = "a text of somebody"


class Told:
    """A Telemetry with what it has told."""

    def __init__(self) -> None:
        self.reader, self.spans = InMemoryMetricReader(), InMemorySpanExporter()
        tracers = TracerProvider()
        tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.telemetry = Telemetry(MeterProvider([self.reader]), tracers, cost)

    def points(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The points of an instrument: attributes and the point."""
        data = self.reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        (found,) = [metric for metric in metrics if metric.name == name]
        return [(dict(point.attributes or {}), point) for point in found.data.data_points]

    def total(self, name: str, **wanted: str) -> float:
        given = {key.replace("__", "."): value for key, value in wanted.items()}
        return sum(point.value for about, point in self.points(name) if given.items() <= about.items())


def test_a_span_for_each_request() -> None:
    told = Told()
    asked = record(model="claude-opus", ms_total=2_500.0, retrieved=(Retrieved("k3v9x2mq", "lines=3-9", SECRET),))
    told.telemetry(account(asked))
    (span,) = told.spans.get_finished_spans()
    about = dict(span.attributes or {})
    assert span.name == "chat claude-opus"
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.end_time - span.start_time == 2_500_000_000
    assert about["gen_ai.provider.name"] == "anthropic"
    assert about["gen_ai.request.model"] == "claude-opus"
    assert about["gen_ai.response.model"] == "claude-opus-4-5"
    assert about["gen_ai.usage.input_tokens"] == 21_010
    assert about["gen_ai.usage.cache_read.input_tokens"] == 20_000
    assert about["gen_ai.usage.output_tokens"] == 300
    assert about["headroom.tokens_saved"] == 500
    assert about["headroom.retrieved_tokens"] == len(SECRET) // 4
    assert about["headroom.saved_usd"] == pytest.approx(500.125 * 5 / 1_000_000)
    assert span.status.status_code is StatusCode.UNSET
    assert SECRET not in span.to_json()


def test_errors_are_told() -> None:
    told = Told()
    told.telemetry(account(record(status=529)))
    told.telemetry(account(record(reasons=("upstream_broke_off",))))
    first, second = told.spans.get_finished_spans()
    assert (first.attributes or {})["error.type"] == "529"
    assert (second.attributes or {})["error.type"] == "upstream_broke_off"
    assert {first.status.status_code, second.status.status_code} == {StatusCode.ERROR}
    assert told.total("headroom.request.errors") == 2


def test_instruments_add_up() -> None:
    told = Told()
    for _ in range(3):
        told.telemetry(account(record(ms_total=100.0)))
    assert told.total("headroom.requests", headroom__client="claude-cli/2.1") == 3
    assert told.total("headroom.tokens", headroom__bill="billed", headroom__class="cache_read") == 60_000
    came, billed = (told.total("headroom.cost", headroom__bill=side) for side in ("passthrough", "billed"))
    assert came - billed == pytest.approx(3 * 500.125 * 5 / 1_000_000)
    ((_, added),) = told.points("headroom.added_latency")
    assert (added.count, added.sum) == (3, pytest.approx(0.0075))
    assert 0.0025 in added.explicit_bounds or 0.003 in added.explicit_bounds
    ((_, tokens),) = told.points("headroom.request.saved_tokens")
    assert (tokens.count, tokens.sum) == (3, pytest.approx(1500.375))
    assert {about["gen_ai.token.type"] for about, _ in told.points("gen_ai.client.token.usage")} == {"input", "output"}
    ((_, took),) = told.points("gen_ai.client.operation.duration")
    assert took.sum == pytest.approx(0.3)


def test_what_costs_more_is_told_as_lost() -> None:
    told = Told()
    one = account(record())
    told.telemetry(Account(one.record, one.billed.plus(Bill(cache_write=900)), one.billed, True))
    assert told.total("headroom.request.lost_tokens") == 900
    ((_, tokens),) = told.points("headroom.request.saved_tokens")
    assert (tokens.count, tokens.sum, tokens.bucket_counts[0]) == (1, 0, 1)


def test_names_are_few_and_can_be_told() -> None:
    told = Told()
    for i in range(MOST + 10):
        told.telemetry(account(record(client=f"client-{i}", model="\ud800\0" * 500)))
    names = {about["headroom.client"] for about, _ in told.points("headroom.requests")}
    assert len(names) == MOST + 1
    assert OTHER in names
    told.telemetry(account(record(client="client-3")))
    assert told.total("headroom.requests", headroom__client="client-3") == 2


def test_a_listener_that_fails_harms_no_book(tmp_path: Path) -> None:
    class Failing:
        closed = 0

        def __call__(self, account: Account) -> None:
            raise RuntimeError("no")

        def close(self) -> None:
            self.closed += 1

    failing = Failing()
    book = Book(tmp_path / "ledger.sqlite3", account, told=failing)
    book.add(record())
    assert book.flush()
    book.close()
    assert failing.closed == 1


async def test_a_collector_gets_it_from_the_ledgers_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    got: dict[str, list[bytes]] = {"/v1/traces": [], "/v1/metrics": []}

    async def collect(request: web.Request) -> web.StreamResponse:
        got[request.path].append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    async with served(collect) as port:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine,deployment.environment.name=test")
        told = telemetry.listener(False)
        assert isinstance(told, Exporting)
        engine = real_engine(ledger=Book(None, account, told=told))
        async with world(engine=engine) as w:
            await w.post("/v1/messages", anthropic_body(model="claude-opus"))
        await eventually(lambda: all(got.values()))
    traces, metrics = ExportTraceServiceRequest(), ExportMetricsServiceRequest()
    traces.ParseFromString(got["/v1/traces"][0])
    metrics.ParseFromString(got["/v1/metrics"][0])
    (resource,) = traces.resource_spans
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert about["service.name"] == "mine"
    assert about["service.instance.id"]
    (span,) = resource.scope_spans[0].spans
    assert span.name == "chat claude-opus"
    assert span.end_time_unix_nano > span.start_time_unix_nano > (time.time() - 600) * 1e9
    assert {one.key: one.value.int_value for one in span.attributes}["gen_ai.usage.input_tokens"] == 15
    names = {metric.name for one in metrics.resource_metrics for scope in one.scope_metrics for metric in scope.metrics}
    assert {"headroom.requests", "headroom.tokens", "headroom.added_latency", "gen_ai.client.token.usage"} <= names
    assert "handled request" not in MessageToJson(traces) + MessageToJson(metrics)


@pytest.mark.skipif(os.name != "posix", reason="signals and forks")
async def test_what_all_workers_answered_is_exported() -> None:
    got: list[bytes] = []

    async def upstream(request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/traces":
            got.append(await request.read())
        return await reply_ok(request)

    async with served(upstream) as port:
        here = f"http://127.0.0.1:{port}"
        flags = ("--workers", "2", "--otel", f"--anthropic-url={here}")
        async with command_running(*flags, OTEL_EXPORTER_OTLP_ENDPOINT=here, OTEL_METRICS_EXPORTER="none") as running:
            assert set(await asyncio.gather(*(asked(running.url) for _ in range(40)))) == {200}
        await eventually(lambda: len(spans_in(got)) == 40)
    assert {name for _, name in spans_in(got)} == {"chat m"}
    assert all(instance for instance, _ in spans_in(got))


async def asked(url: str) -> int:
    """A request over a connection of its own."""
    async with aiohttp.ClientSession() as client, client.post(url + "/v1/messages", data=anthropic_body()) as reply:
        return reply.status


def spans_in(exports: list[bytes]) -> list[tuple[str, str]]:
    """The spans that were exported: which process each is from, and its name."""
    found = []
    for export in exports:
        traces = ExportTraceServiceRequest()
        traces.ParseFromString(export)
        for one in traces.resource_spans:
            about = {named.key: named.value.string_value for named in one.resource.attributes}
            found += [(about["service.instance.id"], span.name) for scope in one.scope_spans for span in scope.spans]
    return found


def test_a_collector_that_is_not_there_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    book = Book(tmp_path / "ledger.sqlite3", account, told=Exporting(partial(exporting, cost)))
    book.add(record())
    assert book.flush()
    began = time.monotonic()
    book.close()
    assert time.monotonic() - began < 8


def test_it_is_told_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert telemetry.listener(False) is None
    assert telemetry.listener(True) is not None
    monkeypatch.setattr(telemetry, "find_spec", lambda name: None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert telemetry.listener(False) is None
    with pytest.raises(InputError, match=r"headroom-ai\[otel\]"):
        telemetry.listener(True)


def test_a_dry_run_is_told_as_such() -> None:
    told = Told()
    one = account(record(group=Group.DRY_RUN))
    told.telemetry(Account(one.record, one.passthrough, one.billed, True))
    (span,) = told.spans.get_finished_spans()
    about = dict(span.attributes or {})
    names = ("headroom.group", "headroom.tokens_saved", "headroom.tokens_would_save")
    assert [about[name] for name in names] == ["dry_run", 0, 500]
    sides = [told.total("headroom.tokens", headroom__bill=side) for side in ("billed", "passthrough")]
    assert sides[0] == sides[1] > 0
