"""What a scripted model does, in words that no provider's API uses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RETRIEVE = "headroom_retrieve"
_ID = re.compile(r'\[headroom: [^\n]*\bid="(\w+)"')


@dataclass(frozen=True)
class Done:
    """A call that the model made before, with what came back."""

    name: str
    arguments: Mapping[str, Any]
    result: str

    @property
    def kept_as(self) -> str:
        """The id in its closing line."""
        found = _ID.findall(self.result)
        assert found, f"no closing line in {self.result[-300:]!r}"
        return str(found[-1])


@dataclass(frozen=True)
class Heard:
    """A request as the model understands it: which tools there are, the calls so far, the user's words."""

    tools: tuple[str, ...]
    done: tuple[Done, ...]
    said: str = ""

    def retrieved(self) -> list[str]:
        """What the model got when it asked for originals."""
        return [done.result for done in self.done if done.name == RETRIEVE]


@dataclass(frozen=True)
class Call:
    """A tool call; its arguments may depend on what the model has read."""

    name: str
    arguments: Mapping[str, Any] | Callable[[Heard], Mapping[str, Any]] = field(default_factory=dict)

    def asked(self, heard: Heard) -> dict[str, Any]:
        return dict(self.arguments(heard) if callable(self.arguments) else self.arguments)


@dataclass(frozen=True)
class Say:
    """One reply of the model. `thought` is written as the provider's signed, hidden thinking where it has such."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    thought: str = ""


Script = Callable[[Heard], Say]
ASIDE = Say("An aside.")


def in_order(*replies: Say) -> Script:
    """Reply after reply; how far it has come is read from the calls that stand in the request.

    A client's side requests (titles, summaries) don't have the tools, so they get a word in passing.
    """

    def played(heard: Heard) -> Say:
        if not set(_client_tools(replies)) <= set(heard.tools):
            return ASIDE
        made = len(heard.done)
        for reply in replies:
            if made <= 0:
                assert made == 0, "a request repeats only some of the calls of a turn"
                return reply
            made -= len(reply.calls)
        raise AssertionError(f"{len(heard.done)} calls, more than there are in the script")

    return played


def _client_tools(replies: tuple[Say, ...]) -> list[str]:
    return [call.name for reply in replies for call in reply.calls if call.name != RETRIEVE]


def fetch(result: int, **selector: str) -> Call:
    """A call for the original of the n-th result."""
    return Call(RETRIEVE, lambda heard: {"id": heard.done[result].kept_as, **selector})
