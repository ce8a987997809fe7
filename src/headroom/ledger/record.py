"""What happened to one request, as the proxy hands it over to the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from headroom.model import BlockReport, Usage
from headroom.wire.splice import Edit

_UNKNOWN = Usage()


class Group(str, Enum):
    """What is done to a conversation: compressed, left as it comes to compare with, only looked at, or neither.

    An adopted one was met in its midst: what came before is not in the books.
    """

    TREATED = "treated"
    ADOPTED = "adopted"
    HOLDOUT = "holdout"
    DRY_RUN = "dry_run"
    UNTOUCHED = "untouched"


@dataclass(frozen=True, slots=True)
class Break:
    """What differs from the request before, in words of ours, and about how many tokens have to be read again."""

    what: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Text:
    """A new text that was looked at: the tool it came from, and what became of it.

    `pin` is the key of the prefix under whose pins its sent form is kept (`Prefixes.turn`, at the report's path without
    its first element), empty where it is not kept.
    """

    tool: str
    report: BlockReport
    pin: bytes = b""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A part of an original that the model asked for: its id, what was asked ("lines=3-9"), and the answer."""

    id: str
    asked: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One request.

    `at` is in seconds since the epoch, `ms_added` is the time that was spent on the request here, `ms_first_byte` that
    from the whole request's arrival to the reply's first byte, `ms_total` that to its end; 0 where it isn't known.

    `conversation` is the same for all requests of one; empty where there is none to tell (a request that was not read).
    `model` is the one asked for; a reply's usage names the one that answered.

    `came` is the body as the client sent it, without content encoding; `edits` what was changed in it on the way, so
    that the difference can be counted; `boundary` is the offset in `came` from which on it is new to this
    conversation: 0 in its first request. `caching` says whether the provider is to keep it in its cache. In a dry run
    `edits` are those that were not made.

    `legs` has the usage of each of the provider's replies in order: more than one where the model called for originals,
    which were `retrieved` for it; `held` are those calls as JSON, which the client never saw. `texts` are the new ones
    that were looked at, `reasons` codes of what happened to the request as a whole, `breaks` what the client itself did
    to its cache.
    """

    at: float
    endpoint: str
    dialect: str
    upstream: str
    project: str
    client: str
    status: int
    conversation: str = ""
    group: Group = Group.UNTOUCHED
    model: str = ""
    came: bytes = b""
    edits: tuple[Edit, ...] = ()
    boundary: int = 0
    caching: bool = False
    bytes_in: int = 0
    bytes_forwarded: int = 0
    ms_added: float = 0.0
    ms_first_byte: float = 0.0
    ms_total: float = 0.0
    texts: tuple[Text, ...] = ()
    legs: tuple[Usage, ...] = (_UNKNOWN,)
    held: bytes = b""
    retrieved: tuple[Retrieved, ...] = ()
    reasons: tuple[str, ...] = ()
    breaks: tuple[Break, ...] = ()

    @property
    def usage(self) -> Usage:
        """What all of the provider's replies cost together."""
        total = Usage()
        for leg in self.legs:
            total = total.plus(leg)
        return total


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens by what they are charged as; `cache_write` for five minutes (or what the provider has), `_1h` for an hour.

    Fractions come from scaling counts to the provider's.
    """

    input: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    cache_write_1h: float = 0.0
    output: float = 0.0

    @property
    def read(self) -> float:
        """All that the model read."""
        return self.input + self.cache_read + self.cache_write + self.cache_write_1h

    def plus(self, other: Bill) -> Bill:
        return Bill(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.cache_write_1h + other.cache_write_1h,
            self.output + other.output,
        )


@dataclass(frozen=True, slots=True)
class Account:
    """A record with its sums: what was billed, and what would have been for the request as it came (in a dry run: as
    it would have gone, shortened).

    `measured` says that `billed` is the provider's own number; the other is always scaled to it from counts.
    `retrieved_tokens` is the answers' count.
    """

    record: Record
    billed: Bill
    passthrough: Bill
    measured: bool
    retrieved_tokens: int = 0
