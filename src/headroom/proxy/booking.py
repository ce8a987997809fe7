"""What the ledger is told of requests."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from headroom.cache_aligner import Aligned
from headroom.ccr.clients_tool import asked
from headroom.interfaces import HeldCall
from headroom.ledger.record import Group, Record, Retrieved, Text
from headroom.model import Reason, Role
from headroom.pipeline import Outcome
from headroom.proxy.endpoints import Route
from headroom.wire.splice import Edit

_VERSION = re.compile(r"[/ ]v?\d|\s*[(;]")
_LONGEST_CLIENT = 60
_MARKS_ITS_CACHE = b'"cache_control"'  # what Anthropic wants to be told; the others cache by themselves


@dataclass(frozen=True, slots=True)
class Facts:
    """What the books want to know of a request's body: the members of a Record of the same names."""

    conversation: str = ""
    group: Group = Group.UNTOUCHED
    model: str = ""
    came: bytes = b""
    edits: tuple[Edit, ...] = ()
    boundary: int = 0
    caching: bool = False
    texts: tuple[Text, ...] = ()
    retrieved: tuple[Retrieved, ...] = ()


NOTHING_KNOWN = Facts()
_OF_BODIES = tuple(field.name for field in fields(Facts))


def facts_of(aligned: Aligned, came: bytes, dialect: str) -> Facts:
    """The facts of a turn whose body `came`."""
    return Facts(
        aligned.conversation,
        _group(aligned),
        aligned.model,
        came,
        aligned.edits,
        aligned.boundary,
        dialect != "anthropic" or _MARKS_ITS_CACHE in came,
        texts_of([(outcome, aligned.pin_of(outcome)) for outcome in aligned.outcomes]),
        tuple(_answered(outcome) for outcome in aligned.outcomes if outcome.reason is Reason.ANSWERED),
    )


def as_it_came(facts: Facts) -> Facts:
    """The facts of the same turn where nothing was changed in the end."""
    return replace(facts, edits=(), texts=(), retrieved=())


def texts_of(outcomes: Iterable[tuple[Outcome, bytes]]) -> tuple[Text, ...]:
    """Those that were looked at, with what they are pinned under; to report the others would mean to count them."""
    return tuple(
        Text(outcome.block.call.name, outcome.report, pin) for outcome, pin in outcomes if outcome.tokens is not None
    )


def _group(aligned: Aligned) -> Group:
    if aligned.plain:
        return Group.HOLDOUT if aligned.held_out else Group.UNTOUCHED
    return Group.ADOPTED if aligned.adopted else Group.TREATED


def _answered(outcome: Outcome) -> Retrieved:
    """An original that the model asked for by one of the client's own tools."""
    wanted = dict(asked(outcome.block.call) or {})
    return retrieved_by(wanted, outcome.text)


def retrieved_by(wanted: dict[str, Any], text: str) -> Retrieved:
    """What was asked for with these arguments, and the answer."""
    selectors = " ".join(f"{name}={value}" for name, value in wanted.items() if name != "id")
    return Retrieved(str(wanted.get("id", "")), selectors, text)


def held_json(calls: Sequence[HeldCall]) -> bytes:
    """The calls that the client never saw, as the model wrote them."""
    if not calls:
        return b""
    return json.dumps([{"name": call.name, "input": call.arguments} for call in calls]).encode()


def already_sent(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Says that tool results stay as they are because the conversation began before it came by here."""
    sent = (o.reason is Reason.ALREADY_SENT and o.block.role is Role.TOOL for o in outcomes)
    return ("already_sent",) if any(sent) else ()


def record_of(
    route: Route, project: str, client: str, status: int, facts: Facts = NOTHING_KNOWN, **more: Any
) -> Record:
    """The record of a request that went this way; `more` are further members of it."""
    told = {name: getattr(facts, name) for name in _OF_BODIES}
    names = route.endpoint.name, route.endpoint.dialect, route.upstream.name
    return Record(time.time(), *names, project, client, status, **{**told, **more})


def client_of(headers: Mapping[str, str]) -> str:
    """Which program asks, without its version."""
    agent = _VERSION.split(headers.get("User-Agent", ""), maxsplit=1)[0]
    return agent.strip()[:_LONGEST_CLIENT]
