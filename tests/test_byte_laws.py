"""The CacheAligner's promises about bytes (P1 to P3), over conversations that `tests/conversations.py` makes up.

`HEADROOM_FUZZ=100000 pytest tests/test_byte_laws.py` looks at that many requests of each kind instead of a few hundred.
A failure names the seed that repeats it.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from headroom import MemoryStore
from headroom.cache_aligner import Aligned, CacheAligner
from headroom.ccr.pins import KEEP, MemoryPins, SQLitePins
from headroom.ccr.retrieval_tool import definition
from headroom.ccr.sqlite import SQLiteStore
from headroom.errors import HeadroomError, StoreError
from headroom.interfaces import Dialect, Original, Pins
from headroom.marker import RETRIEVE_TOOL, footer_ids
from headroom.model import Expired, Level, Role, never
from headroom.options import Options
from headroom.plugins import dialects, replies
from headroom.wire.spans import elements, members
from tests.conversations import APIS, Api, Client, Style, log, spoiled, with_arguments

REQUESTS = int(os.environ.get("HEADROOM_FUZZ", "1200"))  # of each kind, over all APIs
STEPS = 8  # requests of one made-up run, more or less
DAY = 86_400.0
# What the proxy turns into "as it came"; a dialect raises the others for messages of wrong types.
UNREADABLE = (HeadroomError, AttributeError, KeyError, TypeError, ValueError, RecursionError)
ANSWERS = ("[original ", "Nothing was returned: ")
STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

every_api = pytest.mark.parametrize("name", APIS)


def seeds(requests: int, one: int = 1) -> Callable[[Any], Any]:
    """Runs a test of every API with so many seeds that it looks at that many requests, `one` with each."""
    few = settings(
        max_examples=max(requests // one // len(APIS), 1), phases=(Phase.explicit, Phase.reuse, Phase.generate)
    )
    return lambda test: few(given(seed=st.integers(0, 2**48))(test))


# What a proxy has, and how it fails.


class FlakyStore(MemoryStore):
    """Keeps nothing at times."""

    def __init__(self, r: Random, failing: float) -> None:
        super().__init__()
        self._r, self._failing = r, failing

    def put_many(self, originals: Sequence[Original]) -> list[str]:
        if self._r.random() < self._failing:
            raise StoreError("disk full")
        return super().put_many(originals)


class FlakyPins:
    """Pins that can't be written at times, or read; `kept` says that a new process would find all of them."""

    def __init__(self, pins: Pins, r: Random, reading_fails: bool) -> None:
        self._pins, self._r, self._reading_fails = pins, r, reading_fails
        self.kept, self._lost = not reading_fails, False

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        if self._reading_fails:
            self._fail()
        return self._pins.get_many(keys)

    def put_many(self, rows: Any, over: bool = False, used: Any = ()) -> Any:
        once, self.kept = self._lost or self._reading_fails, False
        self._lost = self._lost or over  # such rows are not tried again
        self._fail()
        self._lost, self.kept = once, not once
        return self._pins.put_many(rows, over, used)

    def _fail(self) -> None:
        if self._r.random() < 0.3:
            raise StoreError("database is locked")


@dataclass
class Sent:
    """A request as it went upstream, beside what its client sent."""

    client: Parts
    forwarded: Parts


@dataclass(frozen=True)
class Parts:
    """The bytes of a body's tools, and of its messages one by one."""

    tools: bytes
    messages: list[bytes]

    @classmethod
    def of(cls, body: bytes, api: Api) -> Parts:
        top = {member.key: body[member.span.start : member.span.end] for member in members(body)}
        spans = elements(top[api.member])
        return cls(top.get("tools", b""), [top[api.member][start:end] for start, end in spans])


@dataclass
class World:
    """Workers of a proxy on the same pins, clients with their conversations, and what went upstream of each."""

    r: Random
    api: Api
    dialect: Dialect
    folder: Path
    now: float = 1e9
    sent: dict[tuple[int, ...], Sent] = field(default_factory=dict)  # by the messages of the request
    used: dict[int, float] = field(default_factory=dict)
    alive: list[Any] = field(default_factory=list)  # messages are told apart by who they are

    def __post_init__(self) -> None:
        r = self.r
        pins: Any = SQLitePins(self.folder / "pins", lambda: self.now) if r.random() < 0.15 else MemoryPins()
        self.on_disk = isinstance(pins, SQLitePins)
        self.flaky = r.random() < 0.3
        self.pins = FlakyPins(pins, r, r.random() < 0.5) if self.flaky else pins
        self.workers = [CacheAligner(self.pins) for _ in range(1 if self.flaky else r.choice([1, 2]))]
        self.store = FlakyStore(r, r.choice([0.0, 0.0, 0.3]))
        self.level = r.choice(list(Level))

    def something_happens(self) -> None:
        match self.r.randrange(6):
            case 0 if not self.flaky or self.pins.kept:
                self.workers[self.r.randrange(len(self.workers))] = CacheAligner(self.pins)
            case 1:
                self.level = self.r.choice(list(Level))
            case 2 if self.on_disk:
                self.now += self.r.random() * 4 * DAY

    def align(self, body: bytes, **more: Any) -> Aligned:
        worker = self.r.choice(self.workers)
        limit = self.r.choice([0.0, 0.0, 0.1, 1.0])
        expired: Expired = (lambda: self.r.random() < limit) if limit else never
        return worker.align(body, self.dialect, Options(level=self.level), self.store, expired=expired, **more)

    def send(self, client: Client) -> None:
        """The client's request as the proxy treats it, with all laws looked at."""
        body = client.request()
        record = self.r.random() < 0.9
        offer = self.r.random() < 0.95
        key = tuple(map(id, client.messages))
        self.alive += client.messages
        if self.now - self.used.get(id(client), self.now) > KEEP:  # no cache is as old
            self.sent = {k: v for k, v in self.sent.items() if k[0] != key[0]}
        self.used[id(client)] = self.now
        try:
            aligned = self.align(body, offer=offer, record=record)
        except StoreError:  # no reason not to read a request
            raise
        except UNREADABLE:
            self.sent[key] = Sent(*[Parts.of(body, self.api)] * 2)
            return
        only_texts_and_the_offer_change(body, aligned, self.dialect)
        client.ids = footer_ids(aligned.body.decode("utf-8", "surrogatepass"))
        now = Sent(Parts.of(body, self.api), Parts.of(aligned.body, self.api))
        longest = max((k for k in self.sent if key[: len(k)] == k), key=len, default=None)
        if longest is not None:
            repeats_what_was_sent(self.sent[longest], now, self.dialect)
        if not record:
            return
        self.sent[key] = now
        if aligned.changed and self.r.random() < 0.03:  # the provider refused what we made of it
            for worker in self.workers:
                worker.leave_alone(aligned.key)
            self.sent[key] = Sent(*[Parts.of(body, self.api)] * 2)


def only_texts_and_the_offer_change(body: bytes, aligned: Aligned, dialect: Dialect) -> None:
    """Splice and identity: other bytes are the client's, and nothing changed means the very same object."""
    assert aligned.changed == (aligned.body is not body) == (aligned.body != body)
    if not aligned.changed:
        return
    forwarded = aligned.body
    if aligned.offered:
        tool = definition(dialect)
        offered = msgspec.json.encode(tool["functionDeclarations"][0] if dialect.name == "gemini" else tool)
        assert forwarded.count(b"," + offered) == 1
        forwarded = forwarded.replace(b"," + offered, b"")
    assert STRINGS.split(forwarded) == STRINGS.split(body)
    before, after = STRINGS.findall(body), STRINGS.findall(forwarded)
    texts = {block.text for block in dialect.blocks(json.loads(body)[dialect.conversation]) if block.role is Role.TOOL}
    for was, now in zip(before, after, strict=True):
        if was != now:
            assert json.loads(was) in texts
            is_answer = json.loads(now).startswith(ANSWERS)
            assert is_answer or len(json.loads(now)) < len(json.loads(was))


def repeats_what_was_sent(before: Sent, now: Sent, dialect: Dialect) -> None:
    """Prefix: what the client repeats goes out as it went out, to the byte where the client's bytes are the same."""
    if before.client.tools == now.client.tools:
        assert before.forwarded.tools == now.forwarded.tools
    for *client, was, again in zip(
        before.client.messages, now.client.messages, before.forwarded.messages, now.forwarded.messages, strict=False
    ):
        if client[0] == client[1]:
            assert was == again
        else:
            assert dialect.settled(json.loads(was)) == dialect.settled(json.loads(again))


@every_api
@seeds(REQUESTS, STEPS)
def test_conversations_keep_the_laws(name: str, seed: int) -> None:
    r = Random(seed)
    with TemporaryDirectory() as folder:
        world = World(r, APIS[name], dialects()[name], Path(folder))
        clients = [Client(r, APIS[name]) for _ in range(r.choice([1, 1, 2]))]
        for _ in range(STEPS):
            client = r.choice(clients)
            match r.randrange(12):
                case 0:
                    client.go_back()
                case 1:
                    pass  # once more
                case 2 if r.random() < 0.5:
                    client.grow()
                    client.spoil()
                case _:
                    client.grow()
            world.something_happens()
            world.send(client)


# What is no request, or hardly one.

BREAKS: dict[str, Callable[[Random, bytes], bytes]] = {
    "cut off": lambda r, body: body[: r.randrange(len(body))],
    "a byte changed": lambda r, body: body[: (at := r.randrange(len(body)))] + r.randbytes(1) + body[at + 1 :],
    "bytes moved": lambda r, body: body[(at := r.randrange(len(body))) :] + body[:at],
    "BOM": lambda r, body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda r, body: body.decode().encode("utf-16"),
    "not UTF-8": lambda r, body: body.replace(b" ", b"\xff", 1) + b"\xc3",
    "NaN": lambda r, body: body[:-1].rstrip() + b',"n":' + r.choice([b"NaN", b"Infinity", b"-Infinity", b"0x7"]) + b"}",
    "nested too deep": lambda r, body: body[:-1].rstrip() + b',"d":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "more behind it": lambda r, body: body + r.choice([b"{}", b",", b"\x00", b"\n"]),
    "in a list": lambda r, body: b"[" + body + b"]",
}


@every_api
@seeds(REQUESTS // 4, 1)
def test_what_is_no_json_passes_or_is_refused_and_disturbs_nothing(name: str, seed: int) -> None:
    r, dialect = Random(seed), dialects()[name]
    client = Client(r, APIS[name])
    aligner, store = CacheAligner(MemoryPins()), MemoryStore()
    client.grow()
    before = client.request()
    sent = aligner.align(before, dialect, Options(), store)
    client.grow()
    broken = BREAKS[r.choice([*BREAKS])](r, client.request())
    try:
        aligned = aligner.align(broken, dialect, Options(), store)
    except UNREADABLE:
        pass
    else:
        only_texts_and_the_offer_change(broken, aligned, dialect)
    body = client.request()
    again = aligner.align(body, dialect, Options(), store)
    only_texts_and_the_offer_change(body, again, dialect)
    repeats_what_was_sent(
        Sent(Parts.of(before, client.api), Parts.of(sent.body, client.api)),
        Sent(Parts.of(body, client.api), Parts.of(again.body, client.api)),
        dialect,
    )


@every_api
@seeds(REQUESTS // 4, 2)
def test_whatever_stands_in_a_body_it_passes_or_is_refused(name: str, seed: int) -> None:
    r, api, dialect = Random(seed), APIS[name], dialects()[name]
    client = Client(r, api)
    client.grow()
    body = json.loads(client.request())
    places = [api.member, "tools", "system", "instructions", "systemInstruction", "previous_response_id"]
    for place in r.sample(places, 2):
        body[place] = spoiled(r, body.get(place))
    aligner, store = CacheAligner(MemoryPins()), MemoryStore()
    raw = Style(r.random()).spelled(body).encode()
    first: bytes | None = None
    for _ in range(2):
        try:
            aligned = aligner.align(raw, dialect, Options(), store)
        except UNREADABLE:
            assert first is None
            continue
        only_texts_and_the_offer_change(raw, aligned, dialect)
        assert first in (None, aligned.body)
        first = aligned.body


@every_api
@seeds(REQUESTS // 8, 2)
def test_where_there_is_nothing_to_compress_nothing_is_made_anew(name: str, seed: int) -> None:
    client = Client(Random(seed), APIS[name])
    aligner = CacheAligner(MemoryPins())
    for _ in range(2):
        client.grow()
        body = client.request()
        options = Options(min_tokens=10**6)
        assert aligner.align(body, dialects()[name], options, MemoryStore(), offer=False).body is body


# The form of a text is a function of what precedes it and of nothing else (P3).


@every_api
@seeds(REQUESTS // 2, STEPS)
def test_neither_restarts_nor_other_workers_nor_branches_change_a_form(name: str, seed: int) -> None:
    r, dialect = Random(seed), dialects()[name]
    client, options = Client(r, APIS[name]), Options(level=r.choice(list(Level)))
    steady, pins, store = CacheAligner(MemoryPins()), MemoryPins(), MemoryStore()
    workers = [CacheAligner(pins), CacheAligner(pins)]
    for turn in range(STEPS // 2):
        body = client.request()
        if turn and r.random() < 0.3:  # another course of the same conversation comes first
            aside = copy.copy(client)
            aside.messages = [*client.messages]
            aside.grow()
            workers[0].align(aside.request(), dialect, options, store)
        aligned = r.choice(workers).align(body, dialect, options, store)
        assert aligned.body == steady.align(body, dialect, options, MemoryStore()).body
        workers[r.randrange(2)] = CacheAligner(pins)
        client.grow()


def test_a_message_is_known_by_its_bytes_and_its_api() -> None:
    shared, message = CacheAligner(MemoryPins()), {"role": "user", "content": "Why?"}
    for name in ("anthropic", "openai_responses", "openai_chat"):
        body = json.dumps({APIS[name].member: [message]}).encode()
        alone = CacheAligner(MemoryPins()).align(body, dialects()[name], Options(), MemoryStore())
        assert shared.align(body, dialects()[name], Options(), MemoryStore()).key == alone.key


# What the made-up conversations come across only now and then.


def requests(texts: Sequence[str]) -> list[bytes]:
    """A conversation in which tools answer these texts, one request more than there are."""
    messages: list[Any] = [{"role": "user", "content": "Why?"}]
    bodies = []
    for n, text in enumerate([*texts, ""]):
        bodies.append(json.dumps({"tools": APIS["anthropic"].tools, "messages": messages}).encode())
        call = {"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": f"kubectl logs {n}"}}
        result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": text}
        messages = [*messages, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return bodies


class Failing(MemoryPins):
    """Pins that can't be written while it is so."""

    failing = False

    def put_many(self, *rows: Any, **how: Any) -> dict[bytes, bytes]:
        if self.failing:
            raise StoreError("disk full")
        return super().put_many(*rows, **how)


LOGS = [log(Random(n), 60) for n in range(5)]


def sent_by(aligner: CacheAligner, body: bytes, level: Level = Level.BALANCED) -> list[bytes]:
    """The messages as they go upstream."""
    aligned = aligner.align(body, dialects()["anthropic"], Options(level=level), MemoryStore())
    return Parts.of(aligned.body, APIS["anthropic"]).messages


def test_what_the_disk_did_not_take_it_gets_later() -> None:
    pins = Failing()
    aligner, before = CacheAligner(pins), list[bytes]()
    for n, body in enumerate(requests(LOGS)):
        pins.failing = n % 2 == 1
        if n == 3:  # the ones before were written
            aligner = CacheAligner(pins)
        now = sent_by(aligner, body, [*Level][n % 3])
        assert now[: len(before)] == before
        before = now


def test_a_conversation_that_goes_on_is_kept_for_longer_than_a_week(tmp_path: Path) -> None:
    now = 1e9
    pins, before = SQLitePins(tmp_path / "pins", lambda: now), list[bytes]()
    for n, body in enumerate(requests(LOGS)):
        sent = sent_by(CacheAligner(pins), body, [*Level][n % 3])
        assert sent[: len(before)] == before
        before, now = sent, now + 3 * DAY


def test_what_a_result_was_is_told_once_in_spite_of_restarts() -> None:
    steady, pins, r = CacheAligner(MemoryPins()), MemoryPins(), Random(0)
    lines = "\n".join(f"{r.getrandbits(40):x} {r.getrandbits(90):x}" for _ in range(30))
    for body in requests([f"{lines}\n{more}" for more in ("", "one", "two", "three")]):
        now = sent_by(CacheAligner(pins), body, Level.AGGRESSIVE)
        assert now == sent_by(steady, body, Level.AGGRESSIVE)
    assert b"".join(now).count(b"in tool result 1 (") == 1


def test_what_is_left_alone_stays_so_where_the_disk_does_not_take_it() -> None:
    pins = Failing()
    aligner, bodies = CacheAligner(pins), requests(LOGS)
    for body in bodies[:2]:
        sent_by(aligner, body)
    pins.failing = True
    aligner.let_pass(bodies[1], dialects()["anthropic"])
    pins.failing = False
    for body in bodies[1:]:
        assert sent_by(aligner, body) == Parts.of(body, APIS["anthropic"]).messages


# What the client never saw of a reply is put back each time.


def turn_with_a_hidden_call(name: str, n: int) -> tuple[Any, list[Any]]:
    """A reply that calls `headroom_retrieve` beside the client's own tool, and what the client goes on with."""
    held, own, text = f"held{n}", f"own{n}", log(Random(n))
    match name:
        case "anthropic":
            calls = [
                {"type": "tool_use", "id": i, "name": t, "input": {}} for i, t in ((held, RETRIEVE_TOOL), (own, "B"))
            ]
            said = [{"type": "text", "text": "I look."}]
            result = {"type": "tool_result", "tool_use_id": own, "content": text}
            return (
                {"type": "message", "role": "assistant", "content": [*said, *calls], "stop_reason": "tool_use"},
                [{"role": "assistant", "content": [*said, calls[1]]}, {"role": "user", "content": [result]}],
            )
        case "openai_chat":
            functions = [{"name": RETRIEVE_TOOL, "arguments": "{}"}, {"name": "shell", "arguments": "{}"}]
            calls = [{"id": i, "type": "function", "function": f} for i, f in zip((held, own), functions, strict=True)]
            message = {"role": "assistant", "content": "I look."}
            choice = {"index": 0, "message": {**message, "tool_calls": calls}, "finish_reason": "tool_calls"}
            result = {"role": "tool", "tool_call_id": own, "content": text}
            return {"choices": [choice]}, [{**message, "tool_calls": calls[1:]}, result]
        case "openai_responses":
            calls = [
                {"type": "function_call", "id": f"fc_{i}", "call_id": i, "name": t, "arguments": "{}"}
                for i, t in ((held, RETRIEVE_TOOL), (own, "shell"))
            ]
            result = {"type": "function_call_output", "call_id": own, "output": text}
            return {"id": f"resp{n}", "status": "completed", "output": calls}, [calls[1], result]
    calls = [{"functionCall": {"name": t, "args": {"n": n}}} for t in (RETRIEVE_TOOL, "shell")]
    response = {"functionResponse": {"name": "shell", "response": {"output": text}}}
    return (
        {"candidates": [{"content": {"role": "model", "parts": calls}, "finishReason": "STOP"}]},
        [{"role": "model", "parts": calls[1:]}, {"role": "user", "parts": [response]}],
    )


@every_api
@pytest.mark.parametrize("channel", [RETRIEVE_TOOL, "the client's"])
@pytest.mark.parametrize("seed", range(8))
def test_hidden_exchanges_stay_where_they_were_put(name: str, seed: int, channel: str, tmp_path: Path) -> None:
    """Also where the tool was not offered, and the model calls it because it has seen such calls."""
    r, api, dialect, reply = Random(seed), APIS[name], dialects()[name], replies()[name]
    offered = channel == RETRIEVE_TOOL
    tools = api.tools if offered else with_arguments(api.tools)
    pins, store = SQLitePins(tmp_path / "pins"), MemoryStore()
    workers = [CacheAligner(pins), CacheAligner(pins)]
    messages = api.question(Random(0), "Why?")
    sent: list[bytes] = []
    for n in range(5):
        workers[r.randrange(2)] = CacheAligner(pins)
        body = json.dumps({"tools": tools, api.member: messages}).encode()
        for _ in range(r.randrange(1, 3)):  # at times once more
            aligned = r.choice(workers).align(body, dialect, Options(), store)
            assert aligned.offered is offered
            assert aligned.channel
            now = Parts.of(aligned.body, api).messages
            assert now[: len(sent)] == sent
            assert sum(message.count(b"the whole text") for message in now) == n
            sent = now
        if r.random() < 0.5:  # of two replies to the same request, this one hides nothing
            aside = [*messages, *turn_with_a_hidden_call(name, n + 9)[1]]
            body = json.dumps({"tools": tools, api.member: aside}).encode()
            r.choice(workers).align(body, dialect, Options(), store)
        upstream, following = turn_with_a_hidden_call(name, n)
        leg, _ = reply.whole(json.dumps(upstream).encode(), RETRIEVE_TOOL)
        exchange = reply.exchange([leg], [[(leg.held[0], "the whole text")]])
        assert exchange is not None
        r.choice(workers).keep_exchange(aligned.key, exchange)
        messages = [*messages, *following]


# Many at once, and an end without warning.


def course(r: Random, api: Api, requests: int) -> list[bytes]:
    """The requests of one conversation."""
    client = Client(r, api)
    bodies = []
    for _ in range(requests):
        bodies.append(client.request())
        client.grow()
    return bodies


@pytest.mark.parametrize("in_memory", [True, False])
def test_threads_get_what_each_would_get_alone(in_memory: bool, tmp_path: Path) -> None:
    r, store = Random(7), MemoryStore()
    courses = [(dialects()[name], course(r, APIS[name], 5)) for name in APIS for _ in range(2)]
    lone = CacheAligner(MemoryPins())
    alone = [[lone.align(body, dialect, Options(), store).body for body in bodies] for dialect, bodies in courses]
    pins = MemoryPins() if in_memory else SQLitePins(tmp_path / "pins")
    workers = [CacheAligner(pins), CacheAligner(pins)]
    threads_of_each = 2
    start = threading.Barrier(threads_of_each * len(courses))

    def run(n: int) -> list[bytes]:
        dialect, bodies = courses[n % len(courses)]
        start.wait()
        return [workers[(n + i) % 2].align(body, dialect, Options(), store).body for i, body in enumerate(bodies)]

    with ThreadPoolExecutor(start.parties) as threads:
        for n, bodies in enumerate(threads.map(run, range(start.parties))):
            assert bodies == alone[n % len(courses)]


@every_api
@pytest.mark.parametrize("seed", range(4))
def test_of_requests_at_once_that_fare_differently_one_form_holds(name: str, seed: int) -> None:
    """Time is up for some, others ask for another level: what was pinned first is what all of them send."""
    pins, store, start = MemoryPins(), MemoryStore(), threading.Barrier(4)
    workers = [CacheAligner(pins), CacheAligner(pins)]

    def run(body: bytes, n: int) -> bytes:
        options, expired = Options(level=[*Level][n % 3]), never if n % 2 else lambda: True
        start.wait()
        return workers[n // 2].align(body, dialects()[name], options, store, expired=expired).body

    with ThreadPoolExecutor(start.parties) as threads:
        for body in course(Random(seed), APIS[name], 4):
            assert len({*threads.map(run, [body] * start.parties, range(start.parties))}) == 1


@every_api
def test_what_passed_while_it_was_worked_on_stays_as_it_passed(name: str) -> None:
    """A thread that nobody waits for any more comes to its end and pins nothing that was not sent."""
    api, dialect = APIS[name], dialects()[name]
    aligner, store = CacheAligner(MemoryPins()), MemoryStore()
    asked = 0

    def too_late() -> bool:
        nonlocal asked
        asked += 1
        aligner.let_pass(bodies[1], dialect)
        return False

    messages = api.question(Random(0), "Why?")
    bodies = []
    for n in range(4):
        bodies.append(json.dumps({"tools": api.tools, api.member: messages}).encode())
        messages = [*messages, *turn_with_a_hidden_call(name, n)[1]]
    assert aligner.align(bodies[0], dialect, Options(), store).changed
    assert aligner.align(bodies[1], dialect, Options(), store, expired=too_late).body is bodies[1]
    assert asked
    for body in bodies[1:]:
        assert aligner.align(body, dialect, Options(), store).body is body


CHILD = """
import sys
from random import Random
from headroom.cache_aligner import CacheAligner
from headroom.ccr.pins import SQLitePins
from headroom.ccr.sqlite import SQLiteStore
from headroom.options import Options
from headroom.plugins import dialects, replies
from tests.conversations import APIS
from tests.test_byte_laws import course
name, seed, folder = sys.argv[1:]
aligner, store, r = CacheAligner(SQLitePins(folder + "/pins")), SQLiteStore(folder + "/originals"), Random(int(seed))
while True:
    for body in course(r, APIS[name], 5):
        print(aligner.align(body, dialects()[name], Options(), store).body.hex(), flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")
@every_api
def test_after_a_kill_all_goes_on_as_it_was_sent(name: str, tmp_path: Path) -> None:
    r, api, dialect = Random(APIS[name].member), APIS[name], dialects()[name]
    command = [sys.executable, "-c", CHILD, name, "5", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(r.randrange(5, 25))]
        threading.Event().wait(r.random() / 50)
        child.kill()
        lines += [line for line in child.stdout if line.endswith(b"\n")]
    forwarded = [bytes.fromhex(line.decode()) for line in lines]
    r, store = Random(5), SQLiteStore(tmp_path / "originals")
    bodies = [body for _ in range(len(forwarded) // 5 + 1) for body in course(r, api, 5)]
    aligner = CacheAligner(SQLitePins(tmp_path / "pins"))
    for body, was in zip(bodies, forwarded, strict=False):
        assert aligner.align(body, dialect, Options(), store).body == was
        assert all(store.get(id) for id in footer_ids(was.decode()) if id != "abcdefgh")
    killed = len(forwarded)  # perhaps in the middle of this one
    first = killed - killed % 5
    sent = [*forwarded[first:], *(aligner.align(b, dialect, Options(), store).body for b in bodies[killed : first + 5])]
    for n in range(4):
        repeats_what_was_sent(
            Sent(Parts.of(bodies[first + n], api), Parts.of(sent[n], api)),
            Sent(Parts.of(bodies[first + n + 1], api), Parts.of(sent[n + 1], api)),
            dialect,
        )
