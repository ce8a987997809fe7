"""`/metrics` by the reference parser and by promtool, and what its numbers are."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from headroom.ledger.histograms import BOUNDS
from headroom.ledger.record import Account, Bill, Group, Record, Retrieved
from headroom.ledger.schema import Measure
from headroom.ledger.tallies import MOST, OTHER
from headroom.model import Usage
from headroom.proxy.metrics import exposition
from tests.ledger.records import NOW, account, book_in, reading, record
from tests.proxy.world import TOKEN, anthropic_body, world

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
YEAR = 365 * 86_400


def samples(text: str) -> Samples:
    """All values by name and labels, as the reference parser reads them."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            key = one.name, tuple(sorted(one.labels.items()))
            assert key not in found
            found[key] = one.value
    return found


def told(folder: Path, records: Iterable[Record], now: float = NOW, lost: float = 0.0) -> tuple[str, Samples]:
    def accounted(record: Record) -> Account:
        done = account(record)
        return replace(done, billed=done.billed.plus(Bill(cache_write=lost)))

    book = book_in(folder, accounted if lost else account)
    for one in records:
        book.add(one)
    assert book.flush()
    book.close()
    text = exposition(reading(folder), False, now).decode()
    return text, samples(text)


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted((key.strip("_"), text) for key, text in labels.items()))]


def many() -> list[Record]:
    asked = record(retrieved=(Retrieved("k3v9x2mq", "lines=1-3", "x" * 400),))
    odd = record(client='a "client"\\\n', project="\ud800", status=529, reasons=("upstream_broke_off",))
    return [record(), record(group=Group.DRY_RUN), asked, odd, record(legs=(Usage(1, 2, 3, 4, "unpriced", True),))]


def test_values(tmp_path: Path) -> None:
    _, found = told(tmp_path, many())
    who = {"model": "claude-opus-4-5", "client": "claude-cli/2.1"}
    assert value(found, "headroom_requests_total", **who) == 3
    assert value(found, "headroom_request_errors_total", **who) == 0
    assert value(found, "headroom_request_errors_total", model="claude-opus-4-5", client='a "client"\\\n') == 1
    of_model = {"model": "claude-opus-4-5", "class_": "cache_write"}
    assert value(found, "headroom_tokens_total", bill="billed", **of_model) == 4_000
    assert value(found, "headroom_tokens_total", bill="passthrough", **of_model) == 5_500  # a dry run saves nothing
    costs = [
        value(found, "headroom_cost_dollars_total", model="claude-opus-4-5", bill=b) for b in ("billed", "passthrough")
    ]
    assert costs[1] - costs[0] == pytest.approx(3 * 500.125 * 5 / 1_000_000, abs=1e-6)
    assert ("headroom_cost_dollars_total", (("bill", "billed"), ("model", "unpriced"))) not in found
    assert value(found, "headroom_retrievals_total") == 1
    assert value(found, "headroom_retrieved_tokens_total") == 100
    assert value(found, "headroom_texts_total", outcome="shortened") == 4
    assert value(found, "headroom_text_tokens_total", stage="before") == 4_000
    assert value(found, "headroom_responses_total", code="529") == 1
    assert value(found, "headroom_reasons_total", reason="upstream_broke_off") == 1
    assert value(found, "headroom_paused") == 0


def test_histograms(tmp_path: Path) -> None:
    _, found = told(tmp_path, [record(ms_added=float(ms)) for ms in (1, 2, 3, 99_999)])
    assert value(found, "headroom_added_latency_seconds_count") == 4
    assert value(found, "headroom_added_latency_seconds_sum") == pytest.approx(100.005)
    assert value(found, "headroom_added_latency_seconds_bucket", le="0.002") == 2
    assert value(found, "headroom_added_latency_seconds_bucket", le="10.0") == 3
    assert value(found, "headroom_time_to_first_byte_seconds_bucket", le="0.75") == 4
    assert value(found, "headroom_request_saved_tokens_bucket", le="500.0") == 0
    assert value(found, "headroom_request_saved_tokens_sum") == pytest.approx(2_000.5)
    for measure, name in zip(
        Measure, ("added_latency_seconds", "time_to_first_byte_seconds", "request_saved_tokens"), strict=True
    ):
        buckets = [n for (key, _), n in found.items() if key == f"headroom_{name}_bucket"]
        assert len(buckets) == len(BOUNDS[measure]) + 1
        assert buckets == sorted(buckets)


def test_what_was_lost_is_told_without_a_sum_that_falls(tmp_path: Path) -> None:
    _, found = told(tmp_path, [record(), record()], lost=2_000)
    assert value(found, "headroom_request_saved_tokens_bucket", le="0.0") == 2
    assert value(found, "headroom_request_saved_tokens_sum") == 0
    assert value(found, "headroom_request_lost_tokens_total") == pytest.approx(2 * (2_000 - 500.125))


def test_names_are_few_and_stay_who_they_are(tmp_path: Path) -> None:
    clients = [record(client=f"client-{i}") for i in range(MOST + 5)]
    _, found = told(tmp_path, clients)
    shown = {dict(labels)["client"] for (name, labels), _ in found.items() if name == "headroom_requests_total"}
    assert shown == {OTHER, *(f"client-{i}" for i in range(MOST))}
    assert value(found, "headroom_requests_total", model="claude-opus-4-5", client=OTHER) == 5
    _, later = told(tmp_path, [record(client="client-7"), record(client="another")])
    assert value(later, "headroom_requests_total", model="claude-opus-4-5", client="client-7") == 2
    assert value(later, "headroom_requests_total", model="claude-opus-4-5", client=OTHER) == 6


def test_counters_begin_with_the_year(tmp_path: Path) -> None:
    _, found = told(tmp_path, [record(), record(at=NOW - YEAR / 2)])
    assert value(found, "headroom_requests_total", model="claude-opus-4-5", client="claude-cli/2.1") == 1
    _, later = told(tmp_path, [], now=NOW + YEAR)
    assert not [name for name, _ in later if name.startswith("headroom_requests")]


def test_names_and_units_are_those_of_prometheus(tmp_path: Path) -> None:
    text, found = told(tmp_path, many())
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = set(re.findall(r"^# HELP (\S+) .+$", text, re.M))
    assert set(types) == helps
    for name, kind in types.items():
        assert name.startswith("headroom_")
        assert name.endswith("_total") == (kind == "counter")
        assert not re.search(r"_(ms|milliseconds|percent|usd)\b", name)
    assert len(found) < 300


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is part of Debian's package prometheus")
def test_promtool_finds_nothing_wrong(tmp_path: Path) -> None:
    for folder, records in (("full", many()), ("empty", [])):
        (tmp_path / folder).mkdir()
        text, _ = told(tmp_path / folder, records)
        done = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_the_route() -> None:
    async with world() as w:
        await w.post("/v1/messages", anthropic_body())
        async with w.client.get(w.url + "/metrics") as reply:
            assert reply.status == 401
        w.engine.ledger.flush()
        async with w.client.get(w.url + "/metrics", headers={"authorization": f"Bearer {TOKEN}"}) as reply:
            assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            found = samples(await reply.text())
        assert value(found, "headroom_responses_total", code="200") == 1
        assert value(found, "headroom_paused") == 0
        w.engine.switch.pause(True)
        async with w.client.get(w.url + "/metrics", headers={"x-headroom-token": TOKEN}) as reply:
            assert value(samples(await reply.text()), "headroom_paused") == 1
