"""Whether the ledger's books are right: `python -m benchmarks.ledger_accuracy CONVERSATIONS.jsonl [--every N]`.

Each line of the file is a recorded conversation of an agent: {"id", "system", "tools", "messages"}, Anthropic's shapes,
ending with a user's turn. Every request of it passes the aligner, and a provider that is made up here says what it
would bill: blocks that lead the request before are read from its cache at 0.1, others written at 1.25 (Anthropic), or
read in steps of 128 tokens and not charged for writing (OpenAI); nothing is cached below 1,024 tokens. It bills the
client's own requests too, which the ledger never sees: that is what its `passthrough` has to come to.

Scenarios: all goes well; every seventh request comes after the cache is gone; after every fifth reply the model reads
originals; a dry run, where the ledger books the client's requests and makes up the shortened ones; four workers that
share nothing but where conversations stand, one of which is started again at every hundredth request. Without exact
counts (`--estimate`) the same is done with the built-in estimate. Fails above 0.5 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from headroom.cache_aligner import Aligned, CacheAligner
from headroom.ccr.memory import MemoryStore
from headroom.ccr.pins import MemoryPins
from headroom.interfaces import HeldCall, Leg
from headroom.ledger.calibration import MOST_SAMPLES, Sample
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.counting import Counter
from headroom.ledger.rebilling import Known, known_after
from headroom.ledger.record import Bill, Group, Record, Retrieved
from headroom.marker import RETRIEVE_TOOL
from headroom.model import Usage
from headroom.options import Options
from headroom.plugins import dialects, replies
from headroom.tokens import exact_counter

LIMIT = 0.005
_MINIMUM, _STEP = 1_024, 128
_PAUSE, _GAP = 10.0, 400.0  # seconds between requests, and those after which a cache is gone
_GAPS, _RETRIEVALS, _RESTART = 7, 5, 100
_READ_BACK = 4_000  # characters that the model reads of an original
_RATES = Bill(1.0, 0.1, 1.25, 2.0)
_MODEL = "claude-sonnet-4-5"


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    dialect: str
    gaps: int = 0
    retrievals: int = 0
    group: Group = Group.TREATED
    workers: int = 1


SCENARIOS = (
    Scenario("Anthropic", "anthropic"),
    Scenario("Anthropic, gaps", "anthropic", gaps=_GAPS),
    Scenario("Anthropic, retrievals", "anthropic", retrievals=_RETRIEVALS),
    Scenario("Anthropic, dry run", "anthropic", group=Group.DRY_RUN),
    Scenario("Anthropic, four workers", "anthropic", retrievals=_RETRIEVALS, workers=4),
    Scenario("OpenAI", "openai_chat"),
    Scenario("OpenAI, gaps", "openai_chat", gaps=_GAPS),
    Scenario("OpenAI, retrievals", "openai_chat", retrievals=_RETRIEVALS),
    Scenario("OpenAI, four workers", "openai_chat", retrievals=_RETRIEVALS, workers=4),
)


class Provider:
    """A prompt cache, of one conversation."""

    _known: dict[str, int] = {}  # noqa: RUF012 - counts of blocks, which all conversations share

    def __init__(self, dialect: str) -> None:
        self._writes = dialect == "anthropic"
        self._held: list[str] = []

    def forget(self) -> None:
        self._held = []

    def bill(self, body: Any, marked: bool = True) -> Usage:
        """What a request is billed; one that is not `marked` for the cache is only kept where that needs no mark."""
        blocks, same = _blocks(body), 0
        while same < min(len(blocks), len(self._held)) and blocks[same] == self._held[same]:
            same += 1
        read, rest = sum(map(self._tokens, blocks[:same])), sum(map(self._tokens, blocks[same:]))
        total = read + rest
        if marked or not self._writes:
            self._held = blocks
        if not self._writes:
            read = read // _STEP * _STEP
        read = read if read >= _MINIMUM else 0
        wrote = total - read if self._writes and marked and total >= _MINIMUM else 0
        return Usage(total - read - wrote, read, wrote, 1, _MODEL, True)

    def _tokens(self, block: str) -> int:
        if block not in self._known:
            self._known[block] = COUNT(block)
        return self._known[block]


@dataclass(slots=True)
class Sums:
    """What a conversation's requests come to, as they went and in the other form, by the provider and the ledger."""

    id: str
    other: float = 0.0
    went: float = 0.0
    booked_other: float = 0.0
    booked_went: float = 0.0
    requests: int = 0

    @property
    def errors(self) -> tuple[float, float]:
        return abs(self.booked_other / self.other - 1), abs(self.booked_went / self.went - 1)


@dataclass(slots=True)
class Together:
    """What workers know together."""

    conversations: dict[str, Known] = field(default_factory=dict)
    exchanges: dict[bytes, float] = field(default_factory=dict)
    shared: dict[str, list[Sample]] = field(default_factory=dict)

    def known(self, conversation: str) -> Known | None:
        return self.conversations.get(conversation)

    def exchange(self, key: bytes) -> float | None:
        return self.exchanges.get(key)

    def keep_exchange(self, key: bytes, tokens: float, at: float) -> None:
        self.exchanges[key] = tokens

    def samples(self, model: str) -> Sequence[Sample]:
        return self.shared.get(model, [])

    def keep_samples(self, model: str, samples: Sequence[Sample]) -> None:
        self.shared[model] = [*self.samples(model), *samples][-MOST_SAMPLES:]


@dataclass(slots=True)
class Player:
    """Plays conversations in a scenario; the ledger's side of it."""

    scenario: Scenario
    exact: bool = True
    seconds: float = 0.0
    done: list[Sums] = field(default_factory=list)
    _workers: list[Accounts] = field(default_factory=list)
    _memory: Together = field(default_factory=Together)
    _booked: int = 0

    def play(self, conversation: Any) -> None:
        aligner, store = CacheAligner(MemoryPins()), MemoryStore()
        client, proxy = Provider(self.scenario.dialect), Provider(self.scenario.dialect)
        sums, at = Sums(conversation["id"]), 0.0
        for number, (end, body) in enumerate(_requests(conversation), 1):
            gap = self.scenario.gaps and number % self.scenario.gaps == 0
            at += _GAP if gap else _PAUSE
            if gap:
                client.forget()
                proxy.forget()
            came = json.dumps(body).encode()
            aligned = aligner.align(came, dialects()["anthropic"], Options.of(), store)
            forms = [proxy.bill(json.loads(aligned.body)), client.bill(body)]
            if self.scenario.group is Group.DRY_RUN:
                forms.reverse()
            legs, other = forms[:1], forms[1]
            held, answers = b"", ()
            if self.scenario.retrievals and number % self.scenario.retrievals == 0 and aligned.offered:
                call, answer = _call(number, body)
                further = _exchanged(aligner, aligned, call, answer, conversation["messages"], end)
                legs.append(proxy.bill(json.loads(further), marked=False))
                held, answers = json.dumps(_said(call)[0]).encode(), (Retrieved("an id", "", answer),)
            record = Record(
                at, "messages", self.scenario.dialect, "provider", "", "", 200, sums.id, self.scenario.group, _MODEL,
                came, aligned.edits, aligned.boundary, True, legs=tuple(legs), held=held, retrieved=answers,
            )  # fmt: skip
            self._book(record, sums)
            sums.other += _cost(_bill(other))
            sums.went += sum(_cost(_bill(leg)) for leg in legs)
        self.done.append(sums)

    def _book(self, record: Record, sums: Sums) -> None:
        began = time.process_time()
        account = self._accounts()(record)
        self.seconds += time.process_time() - began
        self._memory.conversations[record.conversation] = known_after(account)
        sums.booked_other += _cost(account.passthrough)
        sums.booked_went += _cost(account.billed)
        sums.requests += 1

    def _accounts(self) -> Accounts:
        """The next worker; with several, each is replaced by a new one now and then."""
        workers, several = self._workers, self.scenario.workers > 1
        if len(workers) < self.scenario.workers or (several and self._booked % _RESTART == 0):
            workers[: max(0, len(workers) + 1 - self.scenario.workers)] = []
            workers.append(Accounts(Counter(self.exact), self._memory))
        self._booked += 1
        return workers[self._booked % len(workers)]


def _requests(conversation: Any) -> Iterator[tuple[int, Any]]:
    """Where each request of a conversation ends, and the request as coding agents send it, its last block marked."""
    mark = {"cache_control": {"type": "ephemeral"}}
    system = [{"type": "text", "text": conversation.get("system") or "You are a coding agent.", **mark}]
    for i, message in enumerate(conversation["messages"]):
        if message["role"] != "user":
            continue
        *parts, last = _parts(message)
        messages = [*conversation["messages"][:i], {**message, "content": [*parts, {**last, **mark}]}]
        yield i, {"model": _MODEL, "system": system, "tools": conversation.get("tools") or [], "messages": messages}


def _parts(message: Any) -> list[Any]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [*map(_unmarked, value)] if isinstance(value, list) else value


def _blocks(body: Any) -> list[str]:
    """A request as a cache sees it: tools, the system prompt, the parts of messages, each as one string."""
    front = [json.dumps(_unmarked(one), sort_keys=True) for one in (*body["tools"], *body["system"])]
    parts = [(message["role"], part) for message in body["messages"] for part in _parts(message)]
    return front + [role + json.dumps(_unmarked(part), sort_keys=True, ensure_ascii=False) for role, part in parts]


def _call(number: int, body: Any) -> tuple[HeldCall, str]:
    """A call for an original, and the answer to it."""
    text = json.dumps(body["messages"][-1], ensure_ascii=False)
    return HeldCall(f"toolu_{number:06}", RETRIEVE_TOOL, {"id": "k3v9x2mq", "lines": "1-200"}), text[:_READ_BACK]


def _said(call: HeldCall) -> list[Any]:
    return [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}]


def _exchanged(
    aligner: CacheAligner,
    aligned: Aligned,
    call: HeldCall,
    answer: str,
    messages: Sequence[Any],
    end: int,
) -> bytes:
    """The request that answers the call; the exchange is kept for the requests that follow."""
    reply = replies()["anthropic"]
    asked = Leg(_said(call), (call,), False, True, 0)
    if end + 1 < len(messages):
        said = _parts(messages[end + 1])
        exchange = reply.exchange([asked, Leg(said, (), True, True, len(said))], [[(call, answer)]])
        aligner.keep_exchange(aligned.key, exchange or b"")
    return reply.follow_up(aligned.body, asked, [(call, answer)])


def _bill(usage: Usage) -> Bill:
    return Bill(usage.input, usage.cache_read, usage.cache_write)


def _cost(bill: Bill) -> float:
    return (
        bill.input * _RATES.input
        + bill.cache_read * _RATES.cache_read
        + bill.cache_write * _RATES.cache_write
        + bill.cache_write_1h * _RATES.cache_write_1h
    )


def _row(player: Player) -> str:
    done, requests = player.done, sum(sums.requests for sums in player.done)
    errors = sorted(sums.errors[0] for sums in done)
    other, went = sum(sums.other for sums in done), sum(sums.went for sums in done)
    cells = (
        player.scenario.name,
        f"{requests:,}",
        f"{went / other:.3f}",
        f"{100 * max(sums.errors[1] for sums in done):.3f}",
        f"{100 * (sum(sums.booked_other for sums in done) / other - 1):+.3f}",
        f"{100 * median(errors):.3f}",
        f"{100 * errors[len(errors) * 9 // 10]:.3f}",
        f"{100 * errors[-1]:.3f}",
        f"{1_000 * player.seconds / requests:.2f}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--every", type=int, default=1, help="take only every so-manieth conversation")
    arguments.add_argument("--estimate", action="store_true", help="count by the built-in estimate; never fails")
    arguments.add_argument("--scenario", action="append", choices=[one.name for one in SCENARIOS])
    arguments.add_argument("--worst", type=int, default=0, help="name so many conversations that are furthest off")
    chosen = arguments.parse_args()
    names = chosen.scenario or [one.name for one in SCENARIOS]
    players = [Player(one, not chosen.estimate) for one in SCENARIOS if one.name in names]
    conversations = [json.loads(line) for line in chosen.file.read_text().splitlines()[:: chosen.every]]
    print("| | requests | bill | billed off by, % | passthrough: all | median | p90 | worst | ms each |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for player in players:
        for conversation in conversations:
            player.play(conversation)
        print(_row(player), flush=True)
        for sums in sorted(player.done, key=lambda sums: -sums.errors[0])[: chosen.worst]:
            print(f"    {sums.id}: {sums.other:.0f}, booked {sums.booked_other:.0f}")
    off = max(max(sums.errors) for player in players for sums in player.done)
    sys.exit(0 if chosen.estimate or off <= LIMIT else f"off by {100 * off:.2f} %, more than {100 * LIMIT} %")


COUNT = exact_counter() or sys.exit("needs the extra: pip install 'headroom-ai[tokens]'")

if __name__ == "__main__":
    main()
