"""The ledger's tables, and how sums in them are added to.

Requests, their texts and retrievals are kept one by one for a while; sums of them are kept for long. All that a request
adds is written in one transaction, so sums and rows agree whatever dies when. Sums are by slots, which are hours since
the epoch; those of days gone by are drawn together in their day's first hour. Names stand in one small table and
elsewhere by number.

Tokens of bills are in thousandths and times in microseconds, as whole numbers: their sums don't depend on the order in
which they are added.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from headroom.ledger.record import Group

HOURS_A_DAY = 24
# By what is true of a conversation in which several hold: the first of these.
GROUPS = (Group.ADOPTED, Group.HOLDOUT, Group.TREATED, Group.DRY_RUN, Group.UNTOUCHED)

CLASSES = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
BILLS = (*(f"billed_{name}" for name in CLASSES), *(f"came_{name}" for name in CLASSES))
FIGURES = (
    "requests", "errors", "measured", "estimated", "with_results", "tokens_before", "tokens_after", "retrievals",
    "retrieved_tokens", "bytes_in", "bytes_forwarded", *BILLS,
)  # fmt: skip
PRICED_BY = ("model", "grp", "band", "band_came")  # what sums of bills have to be told apart by


class Named(IntEnum):
    """What a name is of."""

    MODEL = 1
    CLIENT = 2
    PROJECT = 3
    UPSTREAM = 4
    ENDPOINT = 5
    DIALECT = 6
    TOOL = 7
    TYPE = 8
    COMPRESSOR = 9
    REASON = 10
    ROLE = 11
    BREAK = 12


class Counted(IntEnum):
    """What is counted by name in each slot."""

    REASON = 1
    STATUS = 2  # the status itself is its name's number
    BREAK = 3
    LOST = 4  # one of `Lost`


class Lost(IntEnum):
    """What the books lack."""

    NOT_BOOKED = 1
    NOT_COMPARED = 2


class Measure(IntEnum):
    """What is kept as a histogram."""

    ADDED = 1
    FIRST_BYTE = 2
    SAVED = 3


@dataclass(frozen=True, eq=False)
class Sums:
    """A table with one row of sums for each combination of its keys."""

    name: str
    keys: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def creation(self) -> str:
        columns = ", ".join(f"{column} INTEGER NOT NULL" for column in (*self.keys, *self.values))
        return f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({', '.join(self.keys)})) WITHOUT ROWID"

    @cached_property
    def addition(self) -> str:
        """Adds a row's values to those that are there."""
        marks = ", ".join("?" * len(self.keys + self.values))
        return f"INSERT INTO {self.name} VALUES ({marks}) {self._onto}"

    @property
    def drawing_together(self) -> tuple[str, str]:
        """Puts what stands in slots from one on and before another into the first slot of each one's day."""
        day = f"slot - slot % {HOURS_A_DAY}"
        others = ", ".join(self.keys[1:])
        some = f"slot >= ?1 AND slot < ?2 AND slot % {HOURS_A_DAY} > 0"
        sums = ", ".join(f"sum({value})" for value in self.values)
        added = f"INSERT INTO {self.name} SELECT {day}, {others}, {sums} FROM {self.name} WHERE {some}"
        return f"{added} GROUP BY {day}, {others} {self._onto}", f"DELETE FROM {self.name} WHERE {some}"

    @property
    def _onto(self) -> str:
        changes = ", ".join(f"{value} = {value} + excluded.{value}" for value in self.values)
        return f"ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {changes}"


REQUEST_SUMS = Sums("request_sums", ("slot", "project", "client", "upstream", *PRICED_BY), FIGURES)
CONVERSATION_SUMS = Sums("conversation_sums", ("conversation", *PRICED_BY), FIGURES)
TEXT_SUMS = Sums(
    "text_sums",
    ("slot", "project", "tool", "type", "compressor", "reason", "dry"),
    ("texts", "tokens_before", "tokens_after", "retrievals", "retrieved_tokens"),
)
COUNTS = Sums("counts", ("slot", "project", "counted", "name"), ("requests", "tokens"))
HISTOGRAMS = Sums("histograms", ("slot", "project", "measure", "bucket"), ("requests", "total"))
BY_SLOT = (REQUEST_SUMS, TEXT_SUMS, COUNTS, HISTOGRAMS)

# A request's row: what it was, then its figures.
ABOUT = (
    "at", "conversation", "project", "client", "upstream", *PRICED_BY, "endpoint", "dialect", "status", "us_added",
    "us_first_byte", "reasons",
)  # fmt: skip
REQUEST = ("id", *ABOUT, *FIGURES[1:])
TEXT = (
    "request", "n", "tool", "type", "compressor", "reason", "role", "lossless", "tokens_before", "tokens_after",
    "original", "pin", "path", "omissions", "detail",
)  # fmt: skip
# The columns that hold no whole numbers.
_TEXTUAL = ("reasons", "original", "pin", "path", "omissions", "detail")


def _columns(names: tuple[str, ...]) -> str:
    return ", ".join(name if name in _TEXTUAL else f"{name} INTEGER NOT NULL" for name in names)


TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('names', random()), ('drawn_together', 0)",
    "CREATE TABLE names (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name))",
    f"CREATE TABLE requests (id INTEGER PRIMARY KEY, {_columns(REQUEST[1:])})",
    f"CREATE TABLE texts ({_columns(TEXT)}, PRIMARY KEY (request, n)) WITHOUT ROWID",
    "CREATE INDEX texts_by_original ON texts (original) WHERE original IS NOT NULL",
    """CREATE TABLE retrievals (request INTEGER, n INTEGER, original TEXT NOT NULL, asked TEXT NOT NULL,
        tokens INTEGER NOT NULL, PRIMARY KEY (request, n)) WITHOUT ROWID""",
    "CREATE TABLE bodies (request INTEGER PRIMARY KEY, size INTEGER NOT NULL, packed BLOB NOT NULL)",
    """CREATE TABLE conversations (id INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL,
        grp INTEGER NOT NULL, project INTEGER NOT NULL, client INTEGER NOT NULL, name TEXT NOT NULL UNIQUE)""",
    *(table.creation for table in (*BY_SLOT, CONVERSATION_SUMS)),
)
