"""What in the books somebody should look into, in words."""

from __future__ import annotations

from collections.abc import Iterator

from headroom.ledger.schema import Lost
from headroom.ledger.totals import Totals
from headroom.ledger.view import Broken, View

_MOST_BYTES = (
    100  # of requests for one token that a provider reports; texts have three to five, encoded images hundreds
)
_ENOUGH = 20  # requests with results of tools, after which no saving at all is worth a warning
NOTHING_SAVED = "nothing was saved so far: see `reasons` for what the texts were left alone for"
CACHE_BROKEN = (
    "clients broke their own prompt cache in {requests:,} requests, about {tokens:,} tokens were read again:"
    " see `cache_breakers` for what changed"
)
INCREDIBLE = (
    "the provider reports one token for {bytes:,} bytes of requests: if those are no images, its usage is not what it"
    " bills, and what was saved is not either"
)
LOSS = "it cost more than it saved: ${usd:.2f} so far; `headroom stats --by project` and `--by model` show where"
UNPRICED = "no price is known of {models}: its tokens are counted, its money is not"
NOT_BOOKED = "{requests:,} requests are missing: the ledger's file could not be written"
NOT_COMPARED = (
    "{requests:,} requests count as if they had gone as they came: what that would have cost could not be told"
)


def warnings_of(view: View, totals: Totals, broken: list[Broken]) -> list[str]:
    """The warnings of a period."""
    return list(_found(view, totals, broken))


def _found(view: View, totals: Totals, broken: list[Broken]) -> Iterator[str]:
    if totals.counts["with_results"] >= _ENOUGH and totals.counts["tokens_before"] == totals.counts["tokens_after"]:
        yield NOTHING_SAVED
    read = totals.billed.bill.read
    if totals.counts["requests"] >= _ENOUGH and totals.counts["bytes_forwarded"] > _MOST_BYTES * read > 0:
        yield INCREDIBLE.format(bytes=round(totals.counts["bytes_forwarded"] / read))
    saved = totals.saved()["usd"]
    if totals.counts["requests"] >= _ENOUGH and saved is not None and saved < 0:
        yield LOSS.format(usd=-saved)
    if broken:
        requests, tokens = sum(one.requests for one in broken), sum(one.tokens for one in broken)
        yield CACHE_BROKEN.format(requests=requests, tokens=tokens)
    if totals.unpriced:
        yield UNPRICED.format(models=", ".join(sorted(totals.unpriced)))
    lost = view.lost()
    for kind, words in ((Lost.NOT_BOOKED, NOT_BOOKED), (Lost.NOT_COMPARED, NOT_COMPARED)):
        if kind in lost:
            yield words.format(requests=lost[kind])
