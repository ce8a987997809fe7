"""THE data path. Library, proxy, MCP server and CLI all come through here, block by block, in conversation order.

protected? → route (best candidate) → accept only if smaller with its closing line → store the original → done.
"""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from headroom import marker
from headroom.contest import Choice, Tried
from headroom.conversation import Conversation
from headroom.errors import NotFound, OutOfTime, StoreError
from headroom.hints import intent_of
from headroom.interfaces import Original, Store
from headroom.model import Block, BlockReport, Context, Expired, Intent, Level, Reason, Role, never
from headroom.options import Options
from headroom.references import with_references
from headroom.router import closed, route
from headroom.rules import REPEATS, lossless_only
from headroom.tokens import count_tokens

_log = logging.getLogger("headroom")
_REMEMBERED, _REMEMBERED_CHARS = 256, 65_536
_remembered = lru_cache(maxsize=_REMEMBERED)(route)
# Below these a gain may be the token estimate's error.
_MIN_GAIN_TOKENS, _MIN_GAIN_SHARE = 12, 0.015
_QUERY_CHARS = 2_500
_BUDGET_ROUNDS, _BUDGET_MARGIN = 5, 0.97


@dataclass(frozen=True)
class Outcome:
    """A block, the text that takes its place (its own where nothing changed), and what happened.

    `choice` is None where the block was not routed; `tokens` is the count of its own text where that was needed.
    """

    block: Block
    text: str
    reason: Reason
    choice: Choice | None = None
    tokens: int | None = None
    id: str | None = None
    detail: str = ""

    @property
    def changed(self) -> bool:
        return self.reason is Reason.COMPRESSED

    @property
    def content_type(self) -> str:
        return self.choice.content_type if self.choice else ""

    @property
    def tried(self) -> tuple[Tried, ...]:
        return self.choice.tried if self.choice else ()

    @cached_property
    def report(self) -> BlockReport:
        """What happened, in full; tokens of a protected block, most of a conversation, are counted only here."""
        tokens = count_tokens(self.block.text) if self.tokens is None else self.tokens
        best = self.choice.compressed if self.choice and self.changed else None
        if self.choice is None or best is None:
            return BlockReport(
                self.block.path, self.block.role, self.content_type, "", self.reason, True, tokens, tokens,
                detail=self.detail,
            )  # fmt: skip
        return BlockReport(
            self.block.path, self.block.role, self.content_type, best.compressor, self.reason, best.lossless,
            tokens, self.choice.tokens_after, self.id, best.omissions,
        )  # fmt: skip


def compress_blocks(
    blocks: Sequence[Block],
    options: Options,
    store: Store,
    preceding: Conversation | None = None,
    expired: Expired = never,
) -> list[Outcome]:
    """Compresses blocks in conversation order, within the budget if there is one, and stores the originals.

    `preceding` is what was said before the first of them; it takes them in. What is not done when `expired` says so
    stays as it is.
    """
    with _no_collections():
        outcomes = plan(blocks, options, store, preceding=preceding, expired=expired)
        if options.budget is not None:
            outcomes = _tightened(blocks, outcomes, options, store, options.budget)
    return _stored(outcomes, store)


@contextmanager
def _no_collections() -> Iterator[None]:
    """Keeps the cyclic garbage collector from walking all objects again and again: a call makes many and no cycles."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def plan(
    blocks: Iterable[Block],
    options: Options,
    store: Store,
    targets: Mapping[int, int] | None = None,
    preceding: Conversation | None = None,
    expired: Expired = never,
) -> list[Outcome]:
    """What would become of each block; nothing is stored. `targets` gives some (by position) tokens to reach."""
    preceding = Conversation() if preceding is None else preceding
    outcomes: list[Outcome] = []
    for position, block in enumerate(blocks):
        target = targets.get(position) if targets else None
        outcome = _planned(block, preceding, options, store, target, expired)
        preceding.add(block, outcome.text)
        outcomes.append(outcome)
    return outcomes


def tokens_after(outcomes: Iterable[Outcome]) -> int:
    """Tokens of all blocks as they would be sent."""
    return sum(outcome.report.tokens_after for outcome in outcomes)


def _tightened(
    blocks: Sequence[Block], outcomes: list[Outcome], options: Options, store: Store, budget: int
) -> list[Outcome]:
    """While the whole exceeds the budget, each block that may change gets a smaller target, in proportion."""
    for _ in range(_BUDGET_ROUNDS):
        total = tokens_after(outcomes)
        if total <= budget:
            break
        soft = {i: o.report.tokens_after for i, o in enumerate(outcomes) if o.block.role in options.roles}
        room = max(budget - (total - sum(soft.values())), 0)
        scale = _BUDGET_MARGIN * room / max(sum(soft.values()), 1)
        tighter = plan(blocks, options, store, {i: int(tokens * scale) for i, tokens in soft.items()})
        if tokens_after(tighter) >= total:
            break
        outcomes = tighter
    return outcomes


def _planned(
    block: Block, preceding: Conversation, options: Options, store: Store, target: int | None, expired: Expired
) -> Outcome:
    if block.role not in options.roles:
        return Outcome(block, block.text, Reason.ROLE_PROTECTED)
    before, level = count_tokens(block.text), options.level_for(block)
    if level is None:
        return Outcome(block, block.text, Reason.POLICY, tokens=before)
    reason = _protected(block, options, before)
    if reason is None and _was_compressed(block.text, store):
        reason = Reason.ALREADY_COMPRESSED
    if reason is None and expired():
        reason = Reason.OUT_OF_TIME
    if reason is not None:
        return Outcome(block, block.text, reason, tokens=before)
    try:
        id = store.identify(block.text)
        context = _context(block, preceding, options, level, target, id, expired)
        routed = partial(_routed, block.text, context, before)
        referring = options.repeats and block.role is Role.TOOL and REPEATS not in context.without
        choice = with_references(block.text, before, routed, context, preceding) if referring else routed()
    except OutOfTime:
        return Outcome(block, block.text, Reason.OUT_OF_TIME, tokens=before)
    except StoreError as error:
        return Outcome(block, block.text, Reason.STORE_FAILED, tokens=before, detail=str(error))
    except Exception as error:  # P7: whatever a compressor does, the block goes on as it came
        _log.warning("compressor failed at %s: %r", block.path, error)
        return Outcome(block, block.text, Reason.COMPRESSOR_FAILED, tokens=before, detail=repr(error)[:200])
    return _accepted(block, choice, before, context)


def _protected(block: Block, options: Options, tokens: int) -> Reason | None:
    if tokens < options.min_tokens:
        return Reason.TOO_SMALL
    if block.role is Role.TOOL and intent_of(block.call) is Intent.RETRIEVE:
        return Reason.RETRIEVAL_RESULT
    return None


def _was_compressed(text: str, store: Store) -> bool:
    """Whether a text closes with an id of ours: anybody can quote such a line, only we have the original."""
    try:
        return marker.has_footer(text) and any(store.get(id) != "" for id in marker.footer_ids(text)[-1:])
    except (NotFound, StoreError):
        return False


def _context(
    block: Block,
    preceding: Conversation,
    options: Options,
    level: Level,
    target: int | None,
    id: str,
    expired: Expired,
) -> Context:
    query = options.query
    if query is None:
        # The nearest first: what the call says, why the model made it, what the user wants.
        nearest = (
            block.call.arguments[:_QUERY_CHARS],
            preceding.said[-_QUERY_CHARS:],
            preceding.question[-_QUERY_CHARS:],
        )
        query = "\n".join(nearest)
    return Context(
        level,
        query,
        block.call,
        intent_of(block.call),
        target,
        id=id,
        told=level is Level.AGGRESSIVE and preceding.explained,
        tool=preceding.tool,
        without=lossless_only(options.strategies, block.call.name),
        expired=expired,
    )


def _accepted(block: Block, choice: Choice, before: int, context: Context) -> Outcome:
    """P5: smaller with everything counted, or untouched."""
    best = choice.compressed
    if best is None:
        reason = Reason.NOT_SMALLER if choice.tried else Reason.NO_COMPRESSOR
        return Outcome(block, block.text, reason, choice, before)
    closes = best.lossless or context.id in marker.footer_ids(best.text)
    text = best.text if closes else closed(best, context)
    after = choice.tokens_after
    breaks_call = block.role is Role.CALL and _parses(block.text) and not _parses(text)
    if before - after < max(_MIN_GAIN_TOKENS, before * _MIN_GAIN_SHARE) or breaks_call:
        return Outcome(block, block.text, Reason.NOT_SMALLER, choice, before)
    return Outcome(block, text, Reason.COMPRESSED, choice, before, context.id)


def _routed(text: str, context: Context, tokens: int) -> Choice:
    """What the router chooses; remembered for texts of ordinary size, which come again with every turn."""
    return (_remembered if len(text) <= _REMEMBERED_CHARS else route)(text, context, 0, tokens)


def _parses(arguments: str) -> bool:
    """Whether a call's arguments are JSON, as some providers want them."""
    try:
        json.loads(arguments)
    except ValueError:
        return False
    return True


def _stored(outcomes: list[Outcome], store: Store) -> list[Outcome]:
    """P4: all originals durable before any marker leaves; otherwise every block stays as it came."""
    changed = [o for o in outcomes if o.changed]
    if not changed:
        return outcomes
    try:
        ids = store.put_many([Original(o.block.text, o.block.call.name, o.content_type) for o in changed])
        if ids != [o.id for o in changed]:
            raise StoreError("the store keeps an original under another id than its marker says")
    except StoreError as error:
        _log.warning("originals not stored, all blocks left as they are: %s", error)
        return [_unstored(o, str(error)) if o.changed else o for o in outcomes]
    return outcomes


def _unstored(outcome: Outcome, detail: str) -> Outcome:
    """The block as it came: its original could not be kept."""
    block = outcome.block
    return Outcome(block, block.text, Reason.STORE_FAILED, tokens=outcome.tokens, detail=detail)
