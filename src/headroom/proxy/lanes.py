"""Threads that work beside an event loop, each on one thing after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

_LOOK = 1.0  # seconds after which at the latest somebody's patience is looked at again

T = TypeVar("T")


class Lane:
    """A thread that does what it is given, in order. It starts with the first job."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._left: set[threading.Thread] = set()

    @property
    def stuck(self) -> int:
        """How many threads were left to themselves and have not come to an end."""
        return len(self._left)

    def submit(self, function: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """What the function will return or raise. Where the future is done before its turn, it is not called."""
        if self._thread is None:
            self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(partial(_do, loop, future, function, arguments))
        return future

    def leave(self) -> None:
        """Leaves a thread that doesn't come to an end to itself; another one goes on with what waits."""
        if self._thread is not None:
            self._left.add(self._thread)
        self._start()

    def close(self) -> None:
        """Lets the thread end after what waits for it."""
        self._jobs.put(None)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        own = threading.current_thread()
        while self._thread is own and self._did_one():
            pass
        self._left.discard(own)

    def _did_one(self) -> bool:
        job = self._jobs.get()
        if job is not None:
            job()
        return job is not None


def _do(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], function: Callable[..., T], arguments: Any) -> None:
    if future.done():  # nobody waits for it any more
        return
    settle: Callable[[Any], None]
    outcome: Any
    try:
        settle, outcome = future.set_result, function(*arguments)
    except BaseException as error:
        settle, outcome = future.set_exception, error
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(_settle, future, settle, outcome)


def _settle(future: asyncio.Future[T], settle: Callable[[Any], None], outcome: Any) -> None:
    if not future.done():
        settle(outcome)


async def within(patience: Callable[[], float], running: asyncio.Future[T]) -> T | None:
    """What is awaited; None where it takes longer than patience lasts, which says how many seconds are left."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        seconds = patience()
        if seconds > 0:
            timer = loop.call_later(min(seconds, _LOOK), look)
        else:
            _settle(running, running.set_result, None)

    look()
    try:
        return await running
    finally:
        if timer is not None:
            timer.cancel()
