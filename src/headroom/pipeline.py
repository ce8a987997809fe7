"""THE data path. Library, proxy, MCP server and CLI all come through here, block by block, in conversation order.

protected? → route (best candidate) → accept only if smaller with its closing line → store the original → done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headroom import marker
from headroom.conversation import Conversation
from headroom.errors import StoreError
from headroom.hints import intent_of
from headroom.interfaces import Store
from headroom.model import Block, BlockReport, Context, Intent, Reason, Role
from headroom.options import Options
from headroom.references import with_references
from headroom.router import Choice, Tried, closed, route
from headroom.tokens import count_tokens

_log = logging.getLogger("headroom")
_MIN_GAIN_TOKENS = 12
_QUERY_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """A block, the text that takes its place (its own where nothing changed), and the report of what happened."""

    block: Block
    text: str
    report: BlockReport
    tried: tuple[Tried, ...] = ()


def compress_blocks(
    blocks: Iterable[Block], options: Options, store: Store, targets: dict[int, int] | None = None
) -> Iterator[Outcome]:
    """Compresses blocks in conversation order; `targets` gives some of them (by position) a number of tokens to reach."""
    preceding = Conversation()
    for position, block in enumerate(blocks):
        outcome = compress_block(block, preceding, options, store, (targets or {}).get(position))
        preceding.add(block, outcome.text)
        yield outcome


def compress_block(
    block: Block, preceding: Conversation, options: Options, store: Store, target: int | None = None
) -> Outcome:
    """One block: compressed and its original stored, or untouched with the reason."""
    before = count_tokens(block.text)
    reason = _protected(block, options, before)
    if reason is not None:
        return _untouched(block, before, reason)
    try:
        id = store.identify(block.text)
    except StoreError as error:
        return _untouched(block, before, Reason.STORE_FAILED, detail=str(error))
    context = _context(block, preceding, options, target, id)
    try:
        choice = route(block.text, context)
        if options.repeats and block.role is Role.TOOL:
            choice = with_references(block.text, choice, context, preceding)
    except Exception as error:  # P7: whatever a compressor does, the block goes on as it came
        _log.warning("compressor failed at %s: %r", block.path, error)
        return _untouched(block, before, Reason.COMPRESSOR_FAILED, detail=repr(error)[:200])
    return _accept(block, choice, before, id, store)


def _protected(block: Block, options: Options, tokens: int) -> Reason | None:
    if block.role not in options.roles:
        return Reason.ROLE_PROTECTED
    if tokens < options.min_tokens:
        return Reason.TOO_SMALL
    if block.role is Role.TOOL and intent_of(block.call) is Intent.RETRIEVE:
        return Reason.RETRIEVAL_RESULT
    if marker.has_footer(block.text):
        return Reason.ALREADY_COMPRESSED
    return None


def _context(block: Block, preceding: Conversation, options: Options, target: int | None, id: str) -> Context:
    query = options.query
    if query is None:
        query = f"{preceding.question[-_QUERY_CHARS:]}\n{block.call.arguments[:_QUERY_CHARS]}"
    return Context(options.level, query, block.call, intent_of(block.call), target, id=id)


def _accept(block: Block, choice: Choice, before: int, id: str, store: Store) -> Outcome:
    """P5 and P4: smaller with everything counted, and the original durable before the marker exists."""
    best = choice.compressed
    if best is None:
        reason = Reason.NOT_SMALLER if choice.tried else Reason.NO_COMPRESSOR
        return _untouched(block, before, reason, choice)
    try:
        text = best.text if best.lossless or marker.has_footer(best.text) else closed(best.text, id)
        after = count_tokens(text)
        if before - after < _MIN_GAIN_TOKENS:
            return _untouched(block, before, Reason.NOT_SMALLER, choice)
        if store.put(block.text, tool=block.call.name, content_type=choice.content_type) != id:
            raise StoreError(f"the store moved the id {id!r}")
    except StoreError as error:
        _log.warning("original not stored, block left as it is: %s", error)
        return _untouched(block, before, Reason.STORE_FAILED, choice, str(error))
    report = BlockReport(
        block.path, block.role, choice.content_type, best.compressor, Reason.COMPRESSED, best.lossless,
        before, after, id, best.omissions,
    )  # fmt: skip
    return Outcome(block, text, report, choice.tried)


def _untouched(block: Block, tokens: int, reason: Reason, choice: Choice | None = None, detail: str = "") -> Outcome:
    content_type = choice.content_type if choice else ""
    report = BlockReport(
        block.path, block.role, content_type, "", reason, True, tokens, tokens, detail=detail
    )  # fmt: skip
    return Outcome(block, block.text, report, choice.tried if choice else ())
