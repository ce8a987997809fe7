"""Single requests, their texts and what was retrieved for them, as long as they are kept one by one."""

from __future__ import annotations

import json
from typing import Any

from headroom.errors import NotFound
from headroom.ledger.schema import FIGURES, GROUPS, REQUEST, TEXT
from headroom.ledger.totals import Totals, usd
from headroom.ledger.view import View

_COLUMNS = ", ".join(f"r.{column}" for column in REQUEST)
_FROM = f"SELECT c.name, {_COLUMNS} FROM requests r LEFT JOIN conversations c ON c.id = r.conversation"
_OF_A_TEXT = ("tool", "type", "compressor", "reason", "role")
_OMISSION = ("kind", "count", "unit", "ranges", "path")
_NAMED = ("project", "client", "upstream", "model", "endpoint", "dialect")


class Lines:
    """Rows of a view as plain values."""

    def __init__(self, view: View) -> None:
        self._view = view

    def requests(self, limit: int, before: int | None) -> list[dict[str, Any]]:
        """Newest first."""
        where, values = ("", []) if before is None else (" WHERE r.id < ?", [before])
        rows = self._view.db.execute(f"{_FROM}{where} ORDER BY r.id DESC LIMIT ?", (*values, limit))
        return [self._line(row) for row in rows]

    def request(self, id: int) -> dict[str, Any]:
        """One, with everything that is kept of it. Raises NotFound."""
        db = self._view.db
        row = db.execute(f"{_FROM} WHERE r.id = ?", (id,)).fetchone()
        if row is None:
            raise NotFound(f"no request {id} is kept")
        texts = db.execute(f"SELECT {', '.join(TEXT)} FROM texts WHERE request = ? ORDER BY n", (id,))
        retrievals = db.execute("SELECT original, asked, tokens FROM retrievals WHERE request = ? ORDER BY n", (id,))
        totals = self._totals(_given(row))
        return {
            **self._line(row),
            "billed": totals.billed.as_json(),
            "passthrough": totals.came.as_json(),
            "texts": [self._text(row) for row in texts],
            "retrievals": [{"id": id, "asked": asked, "tokens": tokens} for id, asked, tokens in retrievals],
        }

    def retrievals(self, limit: int) -> list[dict[str, Any]]:
        """Newest first."""
        rows = self._view.db.execute(
            """SELECT r.at, t.request, t.original, t.asked, t.tokens
                FROM retrievals t JOIN requests r ON r.id = t.request ORDER BY t.request DESC, t.n DESC LIMIT ?""",
            (limit,),
        )
        return [
            {"at": at / 1_000, "request": request, "id": id, "asked": asked, "tokens": tokens}
            for at, request, id, asked, tokens in rows
        ]

    def body(self, id: int) -> bytes | None:
        """A request itself, packed, where it is kept."""
        row = self._view.db.execute("SELECT packed FROM bodies WHERE request = ?", (id,)).fetchone()
        return None if row is None else bytes(row[0])

    def _line(self, row: tuple[Any, ...]) -> dict[str, Any]:
        given = _given(row)
        totals = self._totals(given)
        billed, came, would = totals.billed, totals.came, totals.dry_run()
        return {
            "id": given["id"],
            "at": given["at"] / 1_000,
            "conversation": given["name"] or "",
            **{name: self._view.names.get(given[name], "") for name in _NAMED},
            "group": GROUPS[given["grp"]].value,
            "status": given["status"],
            "tokens_read": round(billed.bill.read),
            "tokens_saved": round(came.bill.read - billed.bill.read),
            "billed_usd": usd(billed.usd),
            "passthrough_usd": usd(came.usd),
            "measured": bool(given["measured"]),
            "tokens_before": given["tokens_before"],
            "tokens_after": given["tokens_after"],
            "retrieved": given["retrievals"],
            "retrieved_tokens": given["retrieved_tokens"],
            "bytes_in": given["bytes_in"],
            "bytes_forwarded": given["bytes_forwarded"],
            "ms_added": given["us_added"] / 1_000,
            "ms_first_byte": given["us_first_byte"] / 1_000,
            "reasons": given["reasons"].split(",") if given["reasons"] else [],
            **({"would_save": would["would_save"]} if would else {}),
        }

    def _totals(self, given: dict[str, Any]) -> Totals:
        """A request's bills, priced."""
        totals = Totals(self._view.prices)
        model = self._view.names.get(given["model"], "")
        figures = [1, *(given[figure] for figure in FIGURES[1:])]
        totals.add(model, given["grp"], given["band"], given["band_came"], figures)
        return totals

    def _text(self, row: tuple[Any, ...]) -> dict[str, Any]:
        given = dict(zip(TEXT, row, strict=True))
        return {
            **{name: self._view.names.get(given[name], "") for name in _OF_A_TEXT},
            "lossless": bool(given["lossless"]),
            "tokens_before": given["tokens_before"],
            "tokens_after": given["tokens_after"],
            "id": given["original"],
            "path": json.loads(given["path"]),
            "omissions": [dict(zip(_OMISSION, one, strict=True)) for one in json.loads(given["omissions"] or "[]")],
            "detail": given["detail"] or "",
            "pin": given["pin"].hex() if given["pin"] else None,
        }


def _given(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(("name", *REQUEST), row, strict=True))
