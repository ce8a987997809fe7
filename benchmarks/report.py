"""The benchmark's rows as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


COLUMNS = ("saved", "facts visible", "MB/s", "peak MiB")


def table(rows: Sequence[Row], labels: Sequence[str], names: Sequence[str] = COLUMNS) -> str:
    """One line per workload, then all of them; the named columns for each label."""
    head = ["what", "payloads", "tokens", *(f"{label}: {name}" for label in labels for name in names)]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    workloads = list(dict.fromkeys(row["workload"] for row in rows))
    for workload in workloads:
        chosen = [row for row in rows if row["workload"] == workload]
        lines.append(_line(workload, chosen, labels, names))
    lines.append([f"**{cell}**" for cell in _line("all", rows, labels, names)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _line(workload: str, rows: Sequence[Row], labels: Sequence[str], names: Sequence[str]) -> list[str]:
    first = [row for row in rows if row["label"] == labels[0]]
    cells = [workload, f"{len(first):,}", f"{sum(row['tokens_before'] for row in first):,}"]
    for label in labels:
        own = [row for row in rows if row["label"] == label]
        before, after = sum(row["tokens_before"] for row in own), sum(row["tokens_after"] for row in own)
        facts, seen = sum(row["facts"] for row in own), sum(row["facts_visible"] for row in own)
        seconds, size = sum(row["seconds"] for row in own), sum(row["bytes"] for row in own)
        values = {
            "saved": f"{1 - after / max(before, 1):.0%}",
            "facts visible": f"{seen / facts:.1%}" if facts else "–",
            "MB/s": f"{size / 1e6 / max(seconds, 1e-9):.1f}",
            "peak MiB": f"{max((row['peak_mib'] - row['base_mib'] for row in own), default=0):.0f}",
        }
        if failed := sum(bool(row["error"]) for row in own):
            values["saved"] += f" ({failed} failed)"
        cells += [values[name] for name in names]
    return cells
