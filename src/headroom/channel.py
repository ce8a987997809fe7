"""The channel: the tool by which a model asks for originals.

It is `headroom_retrieve`, offered among the client's tools, or one of the client's own that can be given a command. The
first request of a conversation that has tools decides (R4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from headroom.ccr.clients_tool import suitable
from headroom.ccr.retrieval_tool import definition
from headroom.marker import RETRIEVE_TOOL
from headroom.prefixes import Turn
from headroom.request import Request
from headroom.wire.spans import decoded, locate
from headroom.wire.splice import Edit, appended, literal

_NOTICEABLE = 0.008  # of a first request's bytes: a definition beyond that is saved where it can be
_OFFERED = RETRIEVE_TOOL.encode()


@dataclass(frozen=True, slots=True)
class Channel:
    """The `name` of a conversation's channel (empty for none, None where it has had no tools yet), in one request.

    `tool` is the one that the model can call here, empty where it can't; `edits` put it among the tools.
    """

    name: str | None
    tool: str = ""
    edits: Sequence[Edit] = ()

    @property
    def of_client(self) -> str:
        """The client's own tool that is the channel of the conversation; empty where that is none."""
        return self.name if self.name and self.name != RETRIEVE_TOOL else ""


def channel_of(request: Request, last: Turn | None, known: int, offer: bool) -> Channel:
    """The channel as it was decided when `last` was sent, the newest of the `known` messages, or is decided now.

    There will be a new one only where `offer` permits.
    """
    name = last.channel if last is not None else None
    if name and name != RETRIEVE_TOOL:
        if literal(name) in request.tools() and not has_tool(request):
            return Channel(name, name)
        if known > request.opening():
            return Channel(name)
        name = None  # decided for another conversation that began with the same words
    offered = None if name == "" else _offered(request)
    if name is None and offered is not None:
        begins = bool(offered) and offer and (last is not None or request.is_young())
        name = _chosen(request, offered[0], last is None) if begins else ""
    if name == RETRIEVE_TOOL:
        return Channel(name, name, offered) if offered else Channel(name)
    return Channel(name, name or "")


def has_tool(request: Request) -> bool:
    """Whether the client has `headroom_retrieve` among its own tools."""
    return _OFFERED in request.tools()


def _chosen(request: Request, offered: Edit, is_first: bool) -> str:
    """What suits a conversation by its first request: this one, or, as far as that is known, one before it.

    Results that are there already are worth the definition, and so is a request beside which it is small.
    """
    first = len(request.messages) if is_first else request.opening()
    if len(offered.replacement) <= request.size(first) * _NOTICEABLE or request.holds_results(first):
        return RETRIEVE_TOOL
    tools = decoded(request.body, request.top["tools"])
    return suitable(request.dialect.functions(tools)) or RETRIEVE_TOOL


def _offered(request: Request) -> list[Edit] | None:
    """The definition of `headroom_retrieve` among the client's tools, if it isn't; None where it has no tools."""
    if has_tool(request):
        return []
    span = request.top.get("tools")
    if span is None:
        return None
    place = request.dialect.offer(decoded(request.body, span), definition(request.dialect))
    if place is None:
        return None
    path, element = place
    return [appended(request.body, locate(request.body, path, span), msgspec.json.encode(element))]
