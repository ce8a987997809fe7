"""A request's body taken apart: where its members and messages stand. Nothing is parsed that isn't asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headroom.interfaces import Dialect
from headroom.model import Block, Role
from headroom.prefixes import Message, Reply
from headroom.wire.spans import Span, decoded
from headroom.wire.splice import Edit, literal

EARLIER = ("previous_response_id", "conversation")  # members that name what a request goes on from


@dataclass(frozen=True, slots=True)
class Request:
    """Members and messages by their spans, what is known of the messages, and the key of each prefix.

    It may go on from a reply whose messages are not repeated: they have the positions below 0, `origin` is what they
    replied to. `adopted` says that it goes on from something that did not pass here.
    """

    body: bytes
    dialect: Dialect
    top: Mapping[str, Span]
    messages: Sequence[Span]
    known: Sequence[Message]
    keys: Sequence[bytes]
    origin: Reply | None = None
    adopted: bool = False

    @property
    def first(self) -> int:
        return -len(self.origin.said) if self.origin else 0

    def key(self, position: int) -> bytes:
        """The key of the prefix that ends with a message."""
        return self.origin.key if position < 0 and self.origin else self.keys[position]

    def message(self, position: int) -> Any:
        if position < 0 and self.origin:
            return self.origin.said[position]
        return decoded(self.body, self.messages[position])

    def blocks(self, start: int, end: int) -> Iterator[Block]:
        """The texts of the messages from `start` to before `end`."""
        for block in self.dialect.blocks([self.message(i) for i in range(start, end)]):
            yield replace(block, path=(int(block.path[0]) + start, *block.path[1:]))

    def from_model(self, position: int) -> bool:
        return self.dialect.from_model(self.message(position))

    def model(self) -> str:
        """The model that is asked; empty where the body doesn't say."""
        span = self.top.get("model")
        named = decoded(self.body, span) if span else ""
        return named if isinstance(named, str) else ""

    def tools(self) -> bytes:
        span = self.top.get("tools")
        return self.body[span.start : span.end] if span else b""

    def is_young(self) -> bool:
        """Whether a conversation begins here, so that the tool list can be the same in all of its requests (R4).

        Clients that begin with a tool's result, of a call that they made up or kept from before, count as beginning
        too.
        """
        if self.adopted:
            return False
        speakers = [self.from_model(i) for i in range(len(self.messages))]
        return sum(now and not before for before, now in zip([False, *speakers], speakers, strict=False)) <= 1

    def opening(self) -> int:
        """How many messages stand before the model's first: what conversations may have in common by chance."""
        return next((i for i in range(len(self.messages)) if self.from_model(i)), len(self.messages))

    def holds_results(self, end: int) -> bool:
        """Whether tools have answered in one of the messages before `end`."""
        return any(block.role is Role.TOOL for block in self.blocks(0, end))

    def size(self, end: int) -> int:
        """How many bytes it has without the messages from `end` on."""
        rest = self.messages[-1].end - self.messages[end].start if end < len(self.messages) else 0
        return len(self.body) - rest

    def renaming(self) -> list[Edit]:
        """The edit that names the reply that the request goes on from as the provider does."""
        if self.origin is None:
            return []
        span, name = self.top[EARLIER[0]], literal(self.origin.id)
        return [Edit(span, name)] if self.body[span.start : span.end] != name else []
