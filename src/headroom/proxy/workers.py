"""One or more processes on one port. The parent holds the socket, so that no connection is lost with a worker."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from threading import Thread

from headroom.errors import InputError

_log = logging.getLogger("headroom.proxy")
_SIGNALS = ("SIGCHLD", "SIGHUP", "SIGINT", "SIGTERM")
_BACKLOG = 1024
_SHORT_LIFE = 1.0  # seconds; a worker that ends sooner is started again only after a pause
_PAUSE = 1.0


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises InputError that says why it can't."""
    name = "127.0.0.1" if host == "localhost" else host.strip("[]")  # where clients look for it first
    try:
        family = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((name, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise InputError(f"can't listen on {host}:{port}: {error.strerror or error}") from error


class Supervisor:
    """Keeps `count` workers running until told to stop. Each runs `work` in a process forked from this one."""

    def __init__(self, count: int, work: Callable[[int], None]) -> None:
        self._count, self._work = count, work
        self._running: dict[int, tuple[int, float]] = {}
        self._life, self._held = os.pipe()  # which only this process writes to: its end is the pipe's end
        self._stopping = False

    def run(self) -> None:
        """Returns when all workers have ended after SIGTERM or SIGINT; passes SIGHUP on to them."""
        signals = {getattr(signal, name) for name in _SIGNALS}
        signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored by default might never be reported
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        for slot in range(self._count):
            self._start(slot)
        while self._running:
            received = signal.sigwait(signals)
            if received == signal.SIGCHLD:
                self._take_leave()
            elif received == signal.SIGHUP:
                self._tell(signal.SIGHUP)
            else:
                self._stopping = True
                self._tell(signal.SIGTERM)

    def _start(self, slot: int) -> None:
        process = os.fork()
        if process:
            self._running[process] = slot, time.monotonic()
            return
        status = 1
        try:
            os.close(self._held)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            Thread(target=self._end_with_parent, daemon=True).start()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {getattr(signal, name) for name in _SIGNALS})
            self._work(slot)
            status = 0
        except BaseException:
            _log.exception("a worker ended")
        finally:
            os._exit(status)

    def _end_with_parent(self) -> None:
        """In a worker: who has lost its parent, be it by kill -9, must not keep the port from the next one."""
        os.read(self._life, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _take_leave(self) -> None:
        """Collects the workers that have ended and starts others in their places."""
        while self._running:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            slot, since = self._running.pop(process, (None, 0.0))
            if slot is None or self._stopping:
                continue
            _log.warning("worker %d ended (%d) and is started again", process, os.waitstatus_to_exitcode(status))
            if time.monotonic() - since < _SHORT_LIFE:
                time.sleep(_PAUSE)
            self._start(slot)

    def _tell(self, number: int) -> None:
        for process in self._running:
            os.kill(process, number)
