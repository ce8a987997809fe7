"""The process that books: it gets all that it was handed into the file, whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headroom.ledger.default import counting
from headroom.ledger.prices import cost
from headroom.ledger.reading import Reading
from headroom.ledger.record import Retrieved
from headroom.proxy.scribe import Scribe
from tests.ledger.records import record


@pytest.fixture
def scribe(tmp_path: Path) -> Scribe:
    return Scribe(tmp_path / "ledger.sqlite3")


def _booked(scribe: Scribe) -> int:
    count: int = Reading(scribe.source(), cost, counting()).summary()["requests"]
    return count


def _eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.02)


def test_what_was_flushed_is_in_the_file(scribe: Scribe) -> None:
    assert scribe.flush()  # nothing was added: there is no process to ask
    for _ in range(200):
        scribe.add(record())
    assert scribe.flush(20)
    assert _booked(scribe) == 200
    scribe.close()


def test_texts_that_no_encoding_has_are_booked_too(scribe: Scribe) -> None:
    scribe.add(record(retrieved=(Retrieved("k3v9x2mq", "query=\ud800", "\udfff"),)))
    assert scribe.flush(20)
    assert _booked(scribe) == 1
    scribe.close()


def test_closing_writes_what_waits_and_a_later_record_starts_another_process(scribe: Scribe) -> None:
    scribe.add(record())
    scribe.close()
    assert _booked(scribe) == 1
    scribe.add(record())
    scribe.close()
    assert _booked(scribe) == 2


def test_a_process_that_was_killed_is_replaced(scribe: Scribe) -> None:
    scribe.add(record())
    assert scribe.flush(20)
    process = scribe._line and scribe._line._process
    assert process is not None
    process.kill()
    process.wait()
    scribe.add(record())
    assert scribe.flush(20)
    assert _booked(scribe) == 2
    scribe.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows knows no kill -9")
def test_who_is_killed_has_booked_what_was_handed_over(tmp_path: Path) -> None:
    program = """
        import sys, time
        from headroom.proxy.scribe import Scribe
        from tests.ledger.records import record
        scribe = Scribe(sys.argv[1])
        for _ in range(300):
            scribe.add(record())
        while scribe._waiting:
            time.sleep(0.001)
        print("handed over", flush=True)
        time.sleep(60)
    """
    path = tmp_path / "ledger.sqlite3"
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "handed over\n"
        process.kill()
    # The one that it was just writing may be cut in the middle.
    _eventually(lambda: _booked(Scribe(path)) >= 299)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_each_worker_has_one_of_its_own(scribe: Scribe) -> None:
    scribe.add(record())
    assert scribe.flush(20)
    child = os.fork()
    if child == 0:
        try:
            scribe.add(record())
            scribe.close()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert _booked(scribe) == 2
    scribe.close()


def test_what_can_not_be_handed_over_holds_nobody_up(scribe: Scribe) -> None:
    scribe.add(record(status=1 << 70))  # no number that the line has a form for
    scribe.add(record())
    assert scribe.flush(20)
    assert _booked(scribe) == 1
    assert scribe._lost == 1
    scribe.close()


def test_a_question_to_a_process_that_can_not_be_started_is_answered(
    scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    scribe.add(record())
    began = time.monotonic()
    assert not scribe.flush(60)
    assert time.monotonic() - began < 30
    scribe.close()


def test_more_than_there_is_room_for_is_left_out(scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headroom.proxy.scribe._MOST_WAITING", 0)
    scribe.add(record())
    assert scribe._lost == 1
    assert scribe.flush()
    assert not scribe.path.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_workers_share_one_and_the_next_in_a_place_has_its_own(scribe: Scribe) -> None:
    scribe.share(2)
    for worker in (0, 1, 0):
        child = os.fork()
        if child == 0:
            try:
                scribe.enter(worker)
                scribe.add(record())
                os._exit(0 if scribe.flush(20) else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert _booked(scribe) == 3
