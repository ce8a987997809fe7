"""Bills of requests as they came, against sums made by hand: a word is a token here, for the provider as for us."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.errors import StoreError
from headroom.ledger import standing
from headroom.ledger.calibration import MOST_SAMPLES, Sample
from headroom.ledger.counterfactual import Accounts
from headroom.ledger.counting import Counter, Size
from headroom.ledger.rebilling import Known
from headroom.ledger.record import Account, Bill, Group, Record, Retrieved
from headroom.ledger.standing import Standing
from headroom.model import Usage
from headroom.wire.spans import Span, elements, locate
from headroom.wire.splice import Edit

MODEL = "claude-sonnet-4-5"  # caches from 1,024 tokens on
NOW = 1_000_000.0


class Words(Counter):
    def __init__(self) -> None:
        super().__init__(exact=False)

    def text(self, text: str) -> int:
        return len(text.split())


def words(count: int, word: str = "word") -> str:
    return " ".join([word] * count)


def body(*texts: str, **members: Any) -> bytes:
    """Messages by turns, the client's first."""
    messages = [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]
    return json.dumps({**members, "messages": messages}).encode()


def edits(came: bytes, forms: Mapping[int, str]) -> tuple[Edit, ...]:
    """Edits that give messages another text."""
    return tuple(Edit(locate(came, ("messages", i, "content")), json.dumps(text).encode()) for i, text in forms.items())


def record(came: bytes, *legs: Usage, forms: Mapping[int, str] | None = None, new: int = 0, **more: Any) -> Record:
    """A request; `new` is its first message that is new, `forms` are the texts that went."""
    boundary = elements(came, locate(came, ("messages",)))[new - 1].end if new else 0
    made = Record(
        NOW, "messages", "anthropic", "upstream", "", "", 200, "c1", Group.TREATED, MODEL, came,
        edits(came, forms or {}), boundary, True, legs=legs,
    )  # fmt: skip
    return replace(made, **more)


def usage(input: int = 0, read: int = 0, write: int = 0, output: int = 0, hour: int = 0) -> Usage:
    return Usage(input, read, write, output, MODEL, True, hour)


def passthrough(account: Account) -> tuple[int, ...]:
    bill = account.passthrough
    return tuple(map(round, (bill.input, bill.cache_read, bill.cache_write, bill.cache_write_1h)))


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(Words())


class File:
    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        for statement in standing.STATEMENTS:
            self.db.execute(statement)

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self.db
        except sqlite3.Error as error:
            raise StoreError from error

    transaction = connection


FIRST = body(words(100), words(100), words(3_000))
SHORT = {2: words(1_000)}
SECOND = body(words(100), words(100), words(3_000), words(20), words(30))


def first(at: float = NOW, **more: Any) -> Record:
    return record(FIRST, usage(write=1_200), forms=SHORT, at=at, **more)


def test_what_is_new_is_written(accounts: Accounts) -> None:
    account = accounts(first())
    assert account.billed == Bill(cache_write=1_200)
    assert passthrough(account) == (0, 0, 3_200, 0)
    assert account.measured


def test_what_was_sent_before_is_read_again(accounts: Accounts) -> None:
    accounts(first())
    second = record(SECOND, usage(read=1_200, write=50), forms=SHORT, new=3, at=NOW + 10)
    assert passthrough(accounts(second)) == (0, 3_200, 50, 0)


def test_a_lost_cache_would_have_been_lost_as_well(accounts: Accounts) -> None:
    accounts(first())
    second = record(SECOND, usage(write=1_250), forms=SHORT, new=3, at=NOW + 400)
    assert passthrough(accounts(second)) == (0, 0, 3_250, 0)


def test_a_hit_that_ends_before_an_edit_leaves_it_to_be_written(accounts: Accounts) -> None:
    long = [words(2_000), words(100), words(3_000)]
    accounts(record(body(*long), usage(write=3_100), forms=SHORT))
    came = body(*long, words(20), words(30))
    second = record(came, usage(read=2_000, write=1_150), forms=SHORT, new=3, at=NOW + 10)
    assert passthrough(accounts(second)) == (0, 2_000, 3_150, 0)


def test_an_edit_behind_the_last_mark_is_charged_like_input(accounts: Accounts) -> None:
    came = body(words(2_000), words(10), words(3_000))
    account = accounts(record(came, usage(input=1_010, write=2_000), forms=SHORT))
    assert passthrough(account) == (3_010, 0, 2_000, 0)


def test_a_write_for_an_hour_is_one_as_it_came(accounts: Accounts) -> None:
    account = accounts(record(FIRST, usage(write=1_200, hour=1_200), forms=SHORT))
    assert account.billed == Bill(cache_write_1h=1_200)
    assert passthrough(account) == (0, 0, 0, 3_200)


def with_definition(made: Record) -> Record:
    came = made.came[:-1] + b', "tools": []}'
    place = came.rindex(b"]")
    return replace(made, came=came, edits=(*made.edits, Edit(Span(place, place), json.dumps(words(40)).encode())))


def test_tools_stand_before_the_messages_wherever_they_are_in_the_body(accounts: Accounts) -> None:
    assert passthrough(accounts(with_definition(record(FIRST, usage(write=1_240), forms=SHORT)))) == (0, 0, 3_200, 0)
    second = record(SECOND, usage(read=1_240, write=50), forms=SHORT, new=3, at=NOW + 10)
    assert passthrough(accounts(with_definition(second))) == (0, 3_200, 50, 0)


def test_what_was_too_short_to_be_cached_would_not_have_been(accounts: Accounts) -> None:
    came = body(words(100), words(100), words(2_000))
    short = {2: words(600)}
    assert passthrough(accounts(record(came, usage(800), forms=short))) == (0, 0, 2_200, 0)
    came = body(words(100), words(100), words(2_000), words(20), words(30))
    second = record(came, usage(850), forms=short, new=3, at=NOW + 200)
    assert passthrough(accounts(second)) == (0, 2_200, 50, 0)
    came = body(words(100), words(100), words(2_000), words(20), words(30), words(10), words(10))
    third = record(came, usage(870), forms=short, new=5, at=NOW + 900)
    assert passthrough(accounts(third)) == (0, 0, 2_270, 0)
    uncached = replace(third, conversation="c2", caching=False)
    assert passthrough(accounts(uncached)) == (2_270, 0, 0, 0)


def test_what_only_grew_above_the_minimum_would_not_have_been_cached(accounts: Accounts) -> None:
    came = body(words(1_000), tools=[])
    place = came.index(b"]")
    definition = Edit(Span(place, place), json.dumps(words(100)).encode())
    account = accounts(replace(record(came, usage(write=1_100)), edits=(definition,)))
    assert passthrough(account) == (1_000, 0, 0, 0)


def test_hits_come_in_steps_of_128(accounts: Accounts) -> None:
    openai = {"dialect": "openai_chat"}
    came = body(words(300), words(1_000), words(3_000))
    short = {2: words(1_000)}
    assert passthrough(accounts(record(came, usage(2_300), forms=short, **openai))) == (4_300, 0, 0, 0)
    came = body(words(300), words(1_000), words(3_000), words(20), words(30))
    second = record(came, usage(2_350 - 2_176, 2_176), forms=short, new=3, at=NOW + 10, **openai)
    assert passthrough(accounts(second)) == (4_350 - 4_224, 4_224, 0, 0)


def test_retrievals_are_billed_and_would_not_have_been(accounts: Accounts) -> None:
    legs = usage(write=1_200, output=70), usage(input=500, read=1_200, output=30)
    held = json.dumps(words(20)).encode()
    answers = (Retrieved("k3v9x2mq", "", words(400)),)
    account = accounts(record(FIRST, *legs, forms=SHORT, held=held, retrieved=answers))
    assert account.billed == Bill(500, 1_200, 1_200, 0, 100)
    assert passthrough(account) == (0, 0, 3_200, 0)
    assert account.passthrough.output == 80
    assert account.retrieved_tokens == 400


def with_exchange(made: Record) -> Record:
    own = elements(made.came, locate(made.came, ("messages",)))[3]
    hidden = json.dumps({"role": "assistant", "content": words(480)}).encode()
    return replace(made, edits=(*made.edits, Edit(own, hidden + b"," + made.came[own.start : own.end])))


def test_an_exchange_that_is_repeated_is_as_long_as_the_provider_said() -> None:
    file = File()
    memory = Standing(file)
    accounts = Accounts(Words(), memory)
    accounts(record(FIRST, usage(write=1_200), usage(input=500, read=1_200), forms=SHORT))
    second = with_exchange(record(SECOND, usage(read=1_200, write=550), forms=SHORT, new=3, at=NOW + 10))
    account = accounts(second)
    assert passthrough(account) == (0, 3_200, 50, 0)
    standing.book(file.db, account)
    came = body(words(100), words(100), words(3_000), words(20), words(30), words(10), words(10))
    third = with_exchange(record(came, usage(read=1_750, write=20), forms=SHORT, new=5, at=NOW + 20))
    for told in (accounts, Accounts(Words(), memory)):
        assert passthrough(told(third)) == (0, 3_250, 20, 0)
    standing.forget(file.db, NOW + 1e6)
    assert memory.exchange(b"") is None


def test_a_change_of_ours_that_loses_the_cache_is_not_the_clients(accounts: Accounts) -> None:
    accounts(first())
    plain = record(SECOND, usage(read=0, write=3_250), new=3, at=NOW + 10)
    assert passthrough(accounts(plain)) == (0, 3_200, 50, 0)


def test_in_a_dry_run_the_shortened_one_is_made_up(accounts: Accounts) -> None:
    dry = {"group": Group.DRY_RUN}
    account = accounts(record(FIRST, usage(write=3_200), forms=SHORT, **dry))
    assert account.billed == Bill(cache_write=3_200)
    assert passthrough(account) == (0, 0, 1_200, 0)
    second = record(SECOND, usage(read=3_200, write=50), forms=SHORT, new=3, at=NOW + 10, **dry)
    assert passthrough(accounts(second)) == (0, 1_200, 50, 0)


def test_what_the_provider_keeps_is_not_in_the_body_and_still_counts(accounts: Accounts) -> None:
    more = {"dialect": "openai_responses", "caching": True}
    came = json.dumps({"input": [{"role": "user", "content": words(3_000)}]}).encode()
    short = Edit(locate(came, ("input", 0, "content")), json.dumps(words(2_000)).encode())
    accounts(replace(record(FIRST, usage(2_000), **more), came=came, edits=(short,)))
    came = json.dumps({"previous_response_id": "resp_2", "input": [{"role": "user", "content": words(50)}]}).encode()
    renamed = Edit(locate(came, ("previous_response_id",)), b'"resp_one_two_three"')
    second = replace(record(FIRST, usage(2_100), at=NOW + 400, **more), came=came, edits=(renamed,))
    assert passthrough(accounts(second)) == (3_100, 0, 0, 0)


def test_what_was_not_reported_is_counted_in_both_forms(accounts: Accounts) -> None:
    account = accounts(record(FIRST, Usage(), forms=SHORT))
    assert not account.measured
    assert account.billed == Bill(cache_write=1_200)
    assert passthrough(account) == (0, 0, 3_200, 0)
    second = accounts(record(SECOND, Usage(), forms=SHORT, new=3, at=NOW + 10))
    assert second.billed == Bill(cache_read=1_200, cache_write=50)
    assert passthrough(second) == (0, 3_200, 50, 0)


@pytest.mark.parametrize("changes", [{"status": 429}, {"conversation": ""}], ids=["refused", "aside"])
def test_nothing_is_charged_for_what_was_refused_or_is_no_turn(accounts: Accounts, changes: dict[str, Any]) -> None:
    account = accounts(record(FIRST, Usage(), forms=SHORT, **changes))
    assert account.billed == account.passthrough == Bill()
    assert account.measured == ("status" in changes)


def test_another_process_goes_on_where_one_was() -> None:
    file = File()
    memory = Standing(file)
    came = body(words(100), words(100), words(2_000))
    short = {2: words(600)}
    standing.book(file.db, Accounts(Words(), memory)(record(came, usage(800), forms=short)))
    came = body(words(100), words(100), words(2_000), words(20), words(30))
    second = record(came, usage(850), forms=short, new=3, at=NOW + 200)
    account = Accounts(Words(), memory)(second)
    assert passthrough(account) == (0, 2_200, 50, 0)
    standing.book(file.db, replace(account, record=replace(second, at=NOW - 1)))  # which is not the last one
    assert memory.known("c1") == Known(NOW, 800, 2_200)
    standing.book(file.db, account)
    assert memory.known("c1") == Known(NOW + 200, 850, 2_250)
    standing.forget(file.db, NOW + 100_000)
    assert memory.known("c1") is None


def test_a_provider_that_counts_more_has_saved_more() -> None:
    memory = Standing(File())
    accounts, at = Accounts(Words(), memory), NOW
    for number in range(10):
        conversation = {"conversation": f"c{number}"}
        accounts(replace(first(at := at + 1), legs=(usage(write=1_440),), **conversation))
        came = body(words(100), words(100), words(3_000), words(20), words(400))
        accounts(record(came, usage(read=1_440, write=504), forms=SHORT, new=3, at=(at := at + 1), **conversation))
    for told in (accounts, Accounts(Words(), memory)):  # a second one knows it from the first
        account = told(replace(first(at), legs=(usage(write=1_440),), conversation="new"))
        assert passthrough(account) == (0, 0, 3_840, 0)


def test_only_the_last_samples_are_kept() -> None:
    memory = Standing(File())
    samples = [Sample(Size(i, i, 1), float(i)) for i in range(MOST_SAMPLES + 20)]
    memory.keep_samples("other", samples[:1])
    for one in samples:
        memory.keep_samples("m", [one])
    assert memory.samples("m") == samples[20:]
    assert memory.samples("other") == samples[:1]


def test_without_its_file_a_process_is_alone() -> None:
    file = File()
    memory = Standing(file)
    file.db.execute("DROP TABLE standing")
    file.db.execute("DROP TABLE samples")
    file.db.execute("DROP TABLE exchanges")
    memory.keep_exchange(b"key", 5.0, NOW)
    assert memory.exchange(b"key") is None
    memory.keep_samples("m", [Sample(Size(1, 1, 1), 1.0)])
    assert memory.known("c1") is None
    assert memory.samples("m") == []
    assert passthrough(Accounts(Words(), memory)(first())) == (0, 0, 3_200, 0)


def test_a_body_that_is_no_request_still_has_a_bill(accounts: Accounts) -> None:
    broken = replace(record(FIRST, usage(write=1_200)), came=b"no JSON", edits=(Edit(Span(0, 2), b"some"),))
    assert accounts(broken).passthrough.read > 0
    without = replace(first(NOW + 1), came=b"", edits=(), boundary=50)
    assert passthrough(accounts(without)) == (0, 0, 1_200, 0)


TOKENS = st.integers(0, 5_000)
USAGES = st.builds(usage, TOKENS, TOKENS, TOKENS, TOKENS)


@given(st.lists(st.tuples(USAGES, st.sampled_from(Group), st.booleans()), max_size=4))
def test_without_edits_nothing_is_saved(requests: list[tuple[Usage, Group, bool]]) -> None:
    accounts = Accounts(Words())
    for number, (leg, group, caching) in enumerate(requests):
        account = accounts(record(SECOND, leg, new=3, at=NOW + number, group=group, caching=caching))
        if leg.input + leg.cache_read + leg.cache_write:
            assert account.passthrough == account.billed


@given(
    st.lists(
        st.tuples(USAGES, st.integers(0, 6_000), st.sampled_from([0, 1, 3]), st.floats(0, 600), st.booleans()),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["anthropic", "openai_chat", "gemini"]),
    st.sampled_from([Group.TREATED, Group.DRY_RUN]),
)
def test_bills_are_never_negative(
    requests: list[tuple[Usage, int, int, float, bool]], dialect: str, group: Group
) -> None:
    accounts, at = Accounts(Words()), NOW
    for leg, length, new, pause, caching in requests:
        at += pause
        came = SECOND.replace(b"messages", b"contents") if dialect == "gemini" else SECOND
        made = record(SECOND, leg, forms={2: words(length)}, new=new, at=at, group=group, caching=caching)
        account = accounts(replace(made, came=came, dialect=dialect))
        assert min(vars_of(account.passthrough)) >= -1e-6
        assert min(vars_of(account.billed)) >= 0


@given(USAGES, st.integers(0, 6_000), st.booleans())
def test_the_forms_differ_by_the_edits(leg: Usage, length: int, caching: bool) -> None:
    accounts = Accounts(Words())
    accounts(replace(first(), conversation="other"))  # which says that a token is a token
    made = record(FIRST, leg, forms={2: words(length)}, caching=caching)
    account = accounts(made)
    if account.measured and account.billed.read:
        assert account.passthrough.read == pytest.approx(max(0, account.billed.read + 3_000 - length), abs=1e-6)


def vars_of(bill: Bill) -> tuple[float, ...]:
    return bill.input, bill.cache_read, bill.cache_write, bill.cache_write_1h, bill.output
