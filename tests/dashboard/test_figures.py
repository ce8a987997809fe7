"""Every number on the page is one of /stats."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.browser import Visit, proxy_over, skip_without_browser, visited
from tests.dashboard.figures import count, millis, percent, share, short, usd
from tests.dashboard.invented import fill, records

skip_without_browser()

PRICED = {}
UNPRICED = {"models": ("private-one", "private-two")}
LOSING = -0.95


@pytest.fixture(params=["priced", "unpriced", "losing"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    given: dict[str, Any] = UNPRICED if request.param == "unpriced" else PRICED
    fill(tmp_path, records(700, time.time() - 60, **given), LOSING if request.param == "losing" else 0.55)
    return tmp_path


async def test_every_number_is_that_of_the_books(folder: Path) -> None:
    async with proxy_over(folder) as w, visited(w) as visit:
        for period in ("24h", "30d"):
            await visit.page.select_option("#period", period)
            await visit.page.wait_for_selector(f"#main[data-period='{period}']")
            summary = await visit.stats(f"?since={period}")
            assert await headline(visit) == expected_headline(summary)
            assert [row[:2] for row in await visit.cells("#reasons")] == [
                [code, count(n)] for code, n in sorted(summary["reasons"].items(), key=lambda one: (-one[1], one[0]))
            ]
            assert await visit.cells("#breakers") == [
                [b["what"], count(b["requests"]), short(b["tokens"])] for b in summary["cache_breakers"]
            ]
            points = (await visit.stats(f"/series?since={period}&bucket={'hour' if period == '24h' else 'day'}"))[
                "points"
            ]
            assert [row[1:] for row in await visit.cells("#time-table")] == [
                [
                    count(p["requests"]), usd(p["billed_usd"]), usd(p["passthrough_usd"]), short(p["saved_tokens"]),
                    share(p["cache_hit_rate"]),
                ]
                for p in points
            ]  # fmt: skip
        assert summary["requests"] == 700
        await apart(visit)
        await lists(visit)
        assert visit.errors == []


async def headline(visit: Visit) -> list[str]:
    ids = "saved saved-percent saved-tokens requests-count texts-count cache-hits retrievals-count added".split()
    return [await visit.text(f"#{id}") for id in ids] + [await visit.text(".saving p:nth-child(2)")]


def expected_headline(s: dict[str, Any]) -> list[str]:
    priced = s["saved"]["usd"] is not None
    amount = s["saved"]["usd"] if priced else s["saved"]["tokens"]
    verb = "lost" if amount < 0 else "saved"
    bill = f"Billed {usd(s['billed']['usd'])}; the same requests as they came: {usd(s['passthrough']['usd'])}."
    weighed = "No price is known of these models; the percentage weighs tokens by what they usually cost."
    return [
        usd(abs(amount)) if priced else f"{short(abs(amount))} tokens",
        f"{verb}, {percent(abs(s['saved']['percent']))} of what it would have cost",
        short(s["saved"]["tokens"]),
        count(s["requests"]),
        count(s["texts"]["changed"]),
        share(s["cache_hit_rate"]),
        count(s["retrievals"]["count"]),
        millis(s["latency"]["added_ms"]["p50"]),
        bill if priced else weighed,
    ]


async def apart(visit: Visit) -> None:
    """The tables of all dimensions."""
    for dimension in ("tool", "type", "compressor", "model", "client", "project", "day"):
        await visit.page.click(f"#tab-{dimension}")
        await visit.page.wait_for_selector(f"#by[aria-labelledby=tab-{dimension}]")
        rows = (await visit.stats(f"/by/{dimension}?since=30d"))["rows"]
        assert rows
        of_texts = "texts" in rows[0]
        priced = any(row.get("billed_usd") is not None for row in rows)
        expected = [texts_row(row) if of_texts else money_row(row, priced) for row in rows]
        assert await visit.cells("#by") == expected


def texts_row(r: dict[str, Any]) -> list[str]:
    tokens = ("tokens_before", "tokens_after", "tokens_saved", "retrieved_tokens", "net_tokens")
    return [r["name"], count(r["texts"]), count(r["changed"]), *(short(r[name]) for name in tokens), ""]


def money_row(r: dict[str, Any], priced: bool) -> list[str]:
    money = [usd(r[name]) for name in ("billed_usd", "passthrough_usd", "saved_usd")] if priced else []
    tokens = [short(r[name]) for name in ("tokens_before", "tokens_after", "retrieved_tokens")]
    return [r["name"], count(r["requests"]), *money, percent(r["saved_percent"]), *tokens, ""]


async def lists(visit: Visit) -> None:
    """Requests, strategies, retrievals, the comparison with held-out conversations."""
    requests = (await visit.stats("/requests?limit=20"))["requests"]
    priced = any(r["billed_usd"] is not None for r in requests)
    assert [row[1:-1] for row in await visit.cells("#requests")] == [
        [
            r["model"], r["client"], r["project"], str(r["status"]), short(r["tokens_read"]), short(r["tokens_saved"]),
            *([usd(r["billed_usd"])] if priced else []), millis(r["ms_added"]),
        ]
        for r in requests
    ]  # fmt: skip
    strategies = (await visit.stats("/strategies"))["strategies"]
    assert [row[:-1] for row in await visit.cells("#strategies")] == [
        [s["compressor"], s["tool"], count(s["uses"]), short(s["saved"]), short(s["lost"]), short(s["net"])]
        for s in strategies
    ]
    retrievals = (await visit.stats("/retrievals?limit=10"))["retrievals"]
    assert [row[1:] for row in await visit.cells("#retrievals")] == [
        [r["id"], r["asked"], count(r["tokens"]), f"request {r['request']}"] for r in retrievals
    ]
    measures = (await visit.stats("/holdout?since=30d"))["measures"]
    assert [row[1:3] for row in await visit.cells("#holdout")] == [
        [short(m["treated_mean"]), short(m["held_out_mean"])] for m in measures
    ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7.25, "7.25"), (999, "999"), (999.6, "1K"), (1_234, "1.23K"), (12_345_678, "12.3M"), (-2_500, "−2.5K")],
)
def test_the_expected_figures_are_right(number: float, text: str) -> None:
    assert short(number) == text
