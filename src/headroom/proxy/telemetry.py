"""Whether OpenTelemetry is told of requests: where it is asked for, and the extra `otel` is installed."""

from __future__ import annotations

import os
from functools import partial
from importlib import import_module
from importlib.util import find_spec

from headroom.errors import InputError
from headroom.ledger.book import Listener
from headroom.ledger.prices import cost

_PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_VARIABLES = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
)


def is_told(wanted: bool) -> bool:
    """Whether anybody is to be told. Raises InputError where it is `wanted` and not installed."""
    if not wanted and not any(map(os.environ.get, _VARIABLES)):
        return False
    installed = all(map(_is_installed, _PACKAGES))
    if wanted and not installed:
        raise InputError("--otel needs the extra: pip install 'headroom-ai[otel]'")
    return installed


def listener(wanted: bool) -> Listener | None:
    """Who is to be told; None where nobody is. Raises InputError where it is `wanted` and not installed."""
    if not is_told(wanted):
        return None
    otel = import_module("headroom.proxy.otel")
    told: Listener = otel.Exporting(partial(otel.telemetry, cost))
    return told


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # nor is what it is a part of
        return False
