"""Threads beside the event loop: in order, without what nobody waits for, and on without a thread that is stuck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from headroom.proxy.lanes import Lane, within
from tests.proxy.world import eventually


def patient() -> float:
    return 60.0


async def test_one_after_the_other() -> None:
    lane, done = Lane("test"), list[int]()
    await asyncio.gather(*(lane.submit(done.append, i) for i in range(50)))
    assert done == [*range(50)]
    assert await lane.submit(threading.current_thread) is not threading.current_thread()
    lane.close()


async def test_what_goes_wrong_reaches_who_waits() -> None:
    lane = Lane("test")
    with pytest.raises(ZeroDivisionError):
        await within(patient, lane.submit(lambda: 1 // 0))
    assert await within(patient, lane.submit(lambda: 2)) == 2
    lane.close()


async def test_what_nobody_waits_for_at_its_turn_is_not_done() -> None:
    lane, go_on, called = Lane("test"), threading.Event(), list[str]()

    def call(name: str) -> str:
        called.append(name)
        return name

    first = lane.submit(go_on.wait, 20)
    asking = asyncio.create_task(within(patient, lane.submit(call, "left")))
    await asyncio.sleep(0)
    assert await within(lambda: 0.0, lane.submit(call, "late")) is None
    asking.cancel()
    await asyncio.wait([asking])
    go_on.set()
    await first
    assert await lane.submit(call, "last") == "last"
    assert called == ["last"]
    lane.close()


async def test_a_stuck_thread_is_left_to_itself() -> None:
    lane, go_on = Lane("test"), threading.Event()
    stuck = lane.submit(go_on.wait, 20)
    waiting = [lane.submit(int, i) for i in range(3)]
    assert await within(few_seconds([0.01, 0.0]), stuck) is None
    lane.leave()
    assert lane.stuck == 1
    assert await asyncio.gather(*waiting) == [0, 1, 2]
    go_on.set()
    await eventually(lambda: lane.stuck == 0)
    assert await lane.submit(int) == 0
    lane.close()


def few_seconds(left: list[float]) -> Callable[[], float]:
    return lambda: left.pop(0) if left else 0.0
