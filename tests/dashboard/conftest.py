"""Tests of the dashboard are coroutines, as those of the proxy are."""

from __future__ import annotations

from tests.proxy.conftest import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
