"""What every store promises, checked on each of them. A new store is one more line in STORES."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headroom.ccr import ids
from headroom.ccr.memory import MemoryStore
from headroom.ccr.sqlite import SQLiteStore
from headroom.errors import NotFound
from headroom.interfaces import Original, Store
from tests.ccr.conftest import Clock, noise

Make = Callable[..., Store]
STORES: dict[str, Callable[[Path], Make]] = {
    "memory": lambda folder: MemoryStore,
    "sqlite": lambda folder: lambda *args, **options: SQLiteStore(folder / "ccr.sqlite3", *args, **options),
}
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates too


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return STORES[request.param](tmp_path)


@pytest.fixture
def kept(make: Make) -> Store:
    return make()


@given(text=ANY_TEXT)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_put_comes_back_byte_for_byte(kept: Store, text: str) -> None:
    assert kept.get(kept.put(text)) == text


@pytest.mark.parametrize("text", ["", "\r\n", "a\x00b", "\ud800", "\ufeffx", "e\u0301", "x" * 1_000_000, "end\n\n"])
def test_odd_texts(kept: Store, text: str) -> None:
    assert kept.get(kept.put(text)) == text


def test_the_id_is_short_known_beforehand_and_the_same_everywhere(kept: Store, make: Make) -> None:
    assert kept.identify("hello") == kept.put("hello") == kept.identify("hello") == "5ks4vejz"
    assert make("other").identify("hello") == "5ks4vejz"


def test_the_same_text_is_kept_once(kept: Store) -> None:
    assert kept.put("twice", tool="first") == kept.put("twice", tool="second")
    (entry,) = kept.entries()
    assert (entry.tool, entry.size) == ("first", 5)


def test_many_at_once(kept: Store) -> None:
    texts = ["a" * 500, "b", "a" * 500, "\udc80", ""]
    found = kept.put_many([Original(text, "tool", "log") for text in texts])
    assert [kept.get(id) for id in found] == texts
    assert len(kept.entries()) == 4
    assert kept.put_many([]) == []


def test_texts_whose_ids_begin_alike_get_longer_ones(kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All digests begin with the same 50 bits, as if ids collided."""
    whole = ids.digest
    for module in ("memory", "sqlite"):
        monkeypatch.setattr(f"headroom.ccr.{module}.digest", lambda data: b"headroom" + whole(data)[8:])
    found = [*kept.put_many([Original("one"), Original("two")]), kept.put("three"), kept.put("one")]
    assert found[0] == found[3]
    assert len(set(found)) == 3
    assert [len(id) for id in found[:2]] == [8, 9]
    assert [kept.get(id) for id in found[:3]] == ["one", "two", "three"]


@pytest.mark.parametrize("id", ["abcdefgh", "", "../../etc", "x' OR 1=1 --", "ABCDEFGH", "\ud800" * 8, "a" * 100])
def test_an_unknown_id_is_not_found(kept: Store, id: str) -> None:
    kept.put("something")
    for call in (kept.get, kept.pin, kept.unpin):
        with pytest.raises(NotFound):
            call(id)


def test_projects_do_not_see_each_other(make: Make) -> None:
    mine, yours = make("mine"), make("yours")
    id = mine.put("secret")
    for call in (yours.get, yours.pin, yours.unpin):
        with pytest.raises(NotFound):
            call(id)
    assert yours.entries() == []
    assert yours.purge() == yours.purge([id]) == 0
    assert mine.get(id) == "secret"
    assert yours.put("secret") == id
    assert mine.purge() == 1
    assert yours.get(id) == "secret"


def test_entries_describe_without_texts_newest_first(make: Make, clock: Clock) -> None:
    store = make("p", clock=clock)
    first = store.put("é" * 1000, tool="Bash", content_type="log")
    clock.pass_days(1)
    second = store.put("x")
    store.pin(second)
    newest, oldest = store.entries()
    assert (newest.id, newest.pinned, newest.project) == (second, True, "p")
    assert (oldest.id, oldest.pinned, oldest.size) == (first, False, 2000)
    assert (oldest.tool, oldest.content_type) == ("Bash", "log")
    assert newest.created - oldest.created == 86_400
    assert store.entries(1) == [newest]
    store.unpin(second)
    assert not store.entries(1)[0].pinned


def test_purge_takes_what_it_is_told(make: Make, clock: Clock) -> None:
    store = make(clock=clock)
    a, b = store.put("a"), store.put("b")
    clock.pass_days(2)
    c = store.put("c")
    store.pin(a)
    assert store.purge([c, "unknown0"], older_than=86_400) == 0
    assert store.purge([b, "unknown0"]) == 1
    assert store.purge(older_than=86_400) == 1, "a pin protects from eviction, not from purge"
    assert [entry.id for entry in store.entries()] == [c]
    assert store.purge() == 1
    with pytest.raises(NotFound):
        store.get(c)


def test_use_counts_against_older_than(make: Make, clock: Clock) -> None:
    store = make(clock=clock)
    read, put_again, idle = store.put("read"), store.put("put again"), store.put("idle")
    clock.pass_days(2)
    store.get(read)
    store.put("put again")
    assert store.purge(older_than=86_400) == 1
    assert {entry.id for entry in store.entries()} == {read, put_again}
    assert idle not in {read, put_again}


def test_threads_share_a_store(kept: Store) -> None:
    failures: list[object] = []

    def work(number: int) -> None:
        try:
            for i in range(25):
                text = noise(number * 100 + i % 20, 400)
                if kept.get(kept.put(text)) != text:
                    failures.append(i)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(kept.entries()) == 120


def test_a_closed_store_can_be_used_again(kept: Store) -> None:
    id = kept.put("text")
    kept.close()
    kept.close()
    assert kept.get(id) == "text"
