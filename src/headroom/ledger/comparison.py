"""Conversations that were held out, compared with those that were not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headroom.ledger.holdout import Totals, measured
from headroom.ledger.record import Group
from headroom.ledger.view import Conversation

_COMPARED = (Group.TREATED, Group.HOLDOUT)


def compared(conversations: Sequence[Conversation]) -> dict[str, Any]:
    """What they differ by: `text` in words, empty where nothing was held out, and each of the `measures`.

    Only those are compared that began while some were held out: what people do changes with time. Costs are in US
    dollars where all prices are known, else in tokens weighted by what they usually cost.
    """
    treated, held_out = ([one for one in conversations if one.group == group.value] for group in _COMPARED)
    if not held_out:
        return {"text": "", "measures": []}
    begun = [one.first for one in held_out]
    treated = [one for one in treated if min(begun) <= one.first <= max(begun)]
    priced = not any(one.totals.unpriced for one in (*treated, *held_out))
    found = measured([_totals(one, priced) for one in treated], [_totals(one, priced) for one in held_out])
    return {"text": "\n".join(one.words for one in found), "measures": [one.as_json() for one in found]}


def _totals(one: Conversation, priced: bool) -> Totals:
    billed, counts = one.totals.billed, one.totals.counts
    cost = (billed.usd or 0.0) if priced else billed.weighted
    return Totals(cost, billed.bill.read, counts["requests"], counts["retrievals"], counts["errors"])
