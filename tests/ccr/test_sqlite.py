"""The store on disk under real conditions: kills, many processes, full disks, damage, time."""

from __future__ import annotations

import logging
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from headroom.ccr import database
from headroom.ccr.default import data_folder, default_store
from headroom.ccr.sqlite import SCHEMA, SQLiteStore
from headroom.errors import InputError, NotFound, StoreError
from headroom.interfaces import Original
from tests.ccr.conftest import Clock, noise

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX modes and signals")

WRITER = """
import random, sys
from headroom.ccr.sqlite import SQLiteStore
store, draw = SQLiteStore(sys.argv[1]), random.Random(int(sys.argv[2]))
for _ in range(int(sys.argv[3])):
    seed = draw.getrandbits(40)
    id = store.put(random.Random(seed).randbytes(random.Random(seed).randrange(4000)).hex())
    print(seed, id, flush=True)
"""


def random_text(seed: int) -> str:
    """What the writer puts for a seed."""
    return random.Random(seed).randbytes(random.Random(seed).randrange(4000)).hex()


def writer(path: Path | str, seed: int, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(path), str(seed), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def acknowledged(output: str) -> dict[str, str]:
    """Id → text of every complete line that a writer printed."""
    lines = output.split("\n")[:-1]
    return {id: random_text(int(seed)) for seed, id in map(str.split, lines)}


@contextmanager
def raw(store: SQLiteStore) -> Iterator[sqlite3.Connection]:
    """The file behind the store's back."""
    with closing(sqlite3.connect(store.path)) as db, db:
        yield db


def file_of(store: SQLiteStore) -> Path:
    return Path(store.path)


# Nothing acknowledged is lost


def test_what_a_killed_process_acknowledged_is_there(store: SQLiteStore) -> None:
    expected: dict[str, str] = {}
    for round in range(6):
        process = writer(store.path, round, 1_000_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.02 * round)
        process.kill()
        rest, _ = process.communicate()
        expected |= acknowledged(first + rest)
    assert len(expected) >= 6
    assert {id: store.get(id) for id in expected} == expected
    with raw(store) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_processes_write_at_once(store: SQLiteStore) -> None:
    processes = [writer(store.path, seed, 200) for seed in (1, 2, 3, 1)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    expected = {id: text for output in outputs for id, text in acknowledged(output).items()}
    assert len(expected) == 600
    assert {id: store.get(id) for id in expected} == expected
    assert store.stats().entries == 600


@posix
def test_a_store_lives_on_across_a_fork(store: SQLiteStore) -> None:
    before = store.put("before")
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            first = store.get(before) == "before"
            os.read(wait, 1)
            os._exit(0 if first and store.get(store.put("from the child")) == "from the child" else 1)
        finally:
            os._exit(2)
    store.put("from the parent")
    store.close()  # as if it were the last one to use the file
    os.write(go, b"!")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert {store.get(entry.id) for entry in store.entries()} == {"before", "from the child", "from the parent"}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_connection_is_open_while_a_process_forks(store: SQLiteStore) -> None:
    """SQLite's locks don't pass to a child: it would take the file for locked while it isn't."""
    store.put("text")
    child = os.fork()
    if child == 0:
        names = [os.readlink(f"/proc/self/fd/{n}") for n in range(3, 64) if os.path.lexists(f"/proc/self/fd/{n}")]
        os._exit(sum("ccr.sqlite3" in name for name in names))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_the_log_is_taken_over_beside_the_work(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_TAKEN_OVER", 3)
    ids = [store.put(text) for text in ("one", "two", "three")]
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join()
    alone = Path(store.path).with_name("without its log")
    shutil.copy(store.path, alone)
    with closing(sqlite3.connect(alone)) as db:
        assert {id for (id,) in db.execute("SELECT id FROM originals")} == set(ids)


def test_a_deleted_file_is_noticed(store: SQLiteStore) -> None:
    gone = store.put("old")
    for file in file_of(store).parent.iterdir():
        file.unlink()
    id = store.put("new")
    assert SQLiteStore(store.path).get(id) == "new"
    with pytest.raises(NotFound):
        store.get(gone)


# Nothing is kept that others can read


@posix
def test_folder_and_files_are_private(store: SQLiteStore) -> None:
    before = os.umask(0)
    try:
        store.put("text")
    finally:
        os.umask(before)
    folder = file_of(store).parent
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {
        "ccr.sqlite3": "0o600", "ccr.sqlite3-wal": "0o600", "ccr.sqlite3-shm": "0o600"
    }  # fmt: skip
    assert folder.stat().st_mode & 0o777 == 0o700


@posix
def test_a_file_with_wider_permissions_is_narrowed(tmp_path: Path) -> None:
    path = tmp_path / "ccr.sqlite3"
    path.touch(mode=0o644)
    SQLiteStore(path).put("text")
    assert path.stat().st_mode & 0o777 == 0o600


def test_purged_text_is_gone_from_the_files(store: SQLiteStore) -> None:
    secret = "A token nobody may find: " + noise(1, 90)  # too short to be compressed
    store.put_many([Original(secret), *(Original(noise(n)) for n in range(50))])
    size = sum(file.stat().st_size for file in file_of(store).parent.iterdir())
    files = list(file_of(store).parent.iterdir())
    assert store.purge([store.identify(secret)]) == 1
    assert not any(b"A token nobody" in file.read_bytes() for file in files)
    assert store.purge() == 50
    assert sum(file.stat().st_size for file in files) < size / 3


def test_the_constructor_touches_nothing(store: SQLiteStore) -> None:
    assert not file_of(store).parent.exists()


# Whatever is wrong with the file is a StoreError that says what to do


def test_a_full_disk(store: SQLiteStore) -> None:
    """The page limit makes SQLite fail exactly as on a full disk."""
    kept = store.put("kept before")
    with store._database.connection() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(StoreError, match=r"ccr\.sqlite3 can't be used: .*full"):
        store.put_many([Original("small"), Original(noise(1, 100_000))])
    assert [entry.id for entry in store.entries()] == [kept]
    assert store.get(store.put("fits again")) == "fits again"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small file system")
def test_a_really_full_disk(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        store = SQLiteStore(small / "ccr.sqlite3")
        kept: dict[str, str] = {}

        def fill() -> None:
            for seed in range(1000):
                kept[store.put(noise(seed))] = noise(seed)

        with pytest.raises(StoreError):
            fill()
        assert len(kept) > 20
        assert {id: store.get(id) for id in kept} == kept
        store.close()
    finally:
        subprocess.run(["umount", small], check=True)


def test_reading_needs_no_room_and_no_lock(tmp_path: Path, clock: Clock) -> None:
    """Noting the last use is a write; where it can't be made, the text comes all the same, and without waiting."""
    store = SQLiteStore(tmp_path / "ccr.sqlite3", clock=clock)
    id = store.put("text")
    clock.pass_days(1)
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    assert store.get(id) == "text"
    assert store.put("text") == id
    assert time.monotonic() - start < 5
    blocker.execute("ROLLBACK")
    blocker.close()
    assert store.get(id) == "text"
    assert store.entries()[0].used == clock.now


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be used"):
        SQLiteStore(tmp_path / "file" / "ccr.sqlite3").put("text")


def as_nobody(call: Callable[[], object]) -> int:
    """Runs a call in a child without root's rights: 0 when it raised StoreError."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        if os.geteuid() == 0:
            os.setuid(65_534)
        call()
    except StoreError:
        os._exit(0)
    finally:
        os._exit(1)


@posix
def test_a_read_only_folder() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        assert as_nobody(lambda: SQLiteStore(Path(folder) / "ccr.sqlite3").put("text")) == 0
        assert as_nobody(lambda: SQLiteStore(Path(folder) / "new" / "ccr.sqlite3").put("text")) == 0
        os.chmod(folder, 0o700)


@pytest.mark.parametrize("damage", ["not a database", "zeros", "noise in the middle"])
def test_a_damaged_file(store: SQLiteStore, damage: str) -> None:
    ids = [store.put(noise(n)) for n in range(50)]
    store.close()
    data = bytearray(file_of(store).read_bytes())
    if damage == "not a database":
        data[:] = b"plain text " * 1000
    elif damage == "zeros":
        data[:100] = bytes(100)
    else:
        data[200:-200] = noise(99, len(data) - 400).encode()
    file_of(store).write_bytes(data)
    with pytest.raises(StoreError, match=r"ccr\.sqlite3.* damaged"):
        print([store.get(id) for id in ids])
    with pytest.raises(StoreError):
        store.put_many([Original(noise(n)) for n in range(100, 150)])


def test_a_damaged_original_is_never_returned(store: SQLiteStore) -> None:
    id, other = store.put(noise(1)), store.put("short")
    with raw(store) as db:
        db.execute("UPDATE originals SET body = zeroblob(100) WHERE id = ?", (id,))
        db.execute("UPDATE originals SET body = CAST('shirt' AS BLOB) WHERE id = ?", (other,))
    for one in (id, other):
        with pytest.raises(StoreError, match="damaged"):
            store.get(one)


def test_a_newer_schema_is_refused(store: SQLiteStore) -> None:
    store.put("text")
    store.close()
    with raw(store) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    with pytest.raises(StoreError, match="newer Headroom"):
        store.put("more")


def test_another_process_that_keeps_the_file_locked(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "ccr.sqlite3", patience=0.05)
    kept = store.put("kept")
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    store.close()
    assert store.get(kept) == "kept", "readers don't wait for writers"
    with pytest.raises(StoreError, match="locked"):
        store.put("text")
    blocker.execute("ROLLBACK")
    blocker.close()
    store.put("text")


# Room and time


def test_what_nobody_used_for_a_month_goes(tmp_path: Path, clock: Clock) -> None:
    def opened() -> SQLiteStore:
        return SQLiteStore(tmp_path / "ccr.sqlite3", clock=clock)

    store = opened()
    idle, used, pinned = store.put("idle"), store.put("used"), store.put("pinned")
    store.pin(pinned)
    clock.pass_days(29)
    store.get(used)
    store.put("sweep")
    assert store.stats().entries == 4
    clock.pass_days(2)
    store = opened()
    store.put("sweep again")
    assert {entry.id for entry in store.entries()} >= {used, pinned}
    with pytest.raises(NotFound):
        store.get(idle)
    assert store.stats().expired == 1


def test_the_cap_evicts_the_least_recently_used_and_says_so(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[int, int]] = []
    store = SQLiteStore(
        tmp_path / "ccr.sqlite3", cap=60_000, clock=clock, on_evict=lambda count, size: told.append((count, size))
    )
    ids = []
    for n in range(10):
        ids.append(store.put(noise(n)))  # about 5,000 bytes each as stored
        clock.pass_days(0.1)
    clock.pass_days(8)
    store.pin(ids[0])
    store.get(ids[1])
    with caplog.at_level(logging.WARNING, "headroom.ccr"):
        store.put_many([Original(noise(n)) for n in range(20, 24)])
    assert told
    count, size = told[0]
    left = {entry.id for entry in store.entries()}
    assert {ids[0], ids[1]} <= left, "pinned, and used lately"
    assert [id for id in ids if id not in left] == ids[2 : 2 + count], "oldest first, and no more than needed"
    stats = store.stats()
    assert (stats.evicted, stats.entries) == (count, 14 - count)
    assert stats.stored == stats.stored_in_file <= 60_000 < stats.stored + size
    assert "evicted" in caplog.text


def test_a_store_full_of_promises_refuses(tmp_path: Path, clock: Clock) -> None:
    store = SQLiteStore(tmp_path / "ccr.sqlite3", cap=30_000, clock=clock)
    ids = [store.put(noise(n)) for n in range(5)]
    clock.pass_days(6.9)
    with pytest.raises(StoreError, match=r"full.*7 days.*headroom store purge"):
        store.put(noise(9, 50_000))
    assert [store.get(id) for id in ids] == [noise(n) for n in range(5)]
    assert store.put(noise(0)) == ids[0], "what is there already needs no room"


def test_eviction_never_takes_what_was_just_put(tmp_path: Path, clock: Clock) -> None:
    store = SQLiteStore(tmp_path / "ccr.sqlite3", cap=20_000, keep_at_least=0, clock=clock)
    old = store.put(noise(1))
    clock.pass_days(1)
    ids = store.put_many([Original(noise(1)), *(Original(noise(n)) for n in (2, 3))])
    assert [store.get(id) for id in ids] == [noise(1), noise(2), noise(3)]
    with pytest.raises(StoreError, match="full"):
        store.put(noise(4, 100_000))
    assert old == ids[0]


# The store nobody named


def test_default_store_is_one_per_home_and_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEADROOM_STORE", raising=False)
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "a"))
    store = default_store()
    assert isinstance(store, SQLiteStore)
    assert store.path == str(tmp_path / "a" / "ccr.sqlite3")
    assert store.project == "default"
    assert default_store() is store
    assert default_store("other") is not store
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "b"))
    assert default_store() is not store
    monkeypatch.delenv("HEADROOM_HOME")
    assert data_folder().name == "headroom"


def test_memory_mode_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEADROOM_STORE", "memory")
    assert default_store("p").get(default_store("p").put("text")) == "text"
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("HEADROOM_STORE", "disk")
    with pytest.raises(InputError, match="HEADROOM_STORE"):
        default_store()
