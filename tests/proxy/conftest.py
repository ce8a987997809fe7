"""Tests of the proxy are coroutines; each runs in an event loop of its own and must leave nothing behind in it."""

from __future__ import annotations

import asyncio
import inspect

import pytest

_GENEROUS_SECONDS = 60


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}
    asyncio.run(asyncio.wait_for(pyfuncitem.obj(**arguments), _GENEROUS_SECONDS))
    return True
