"""Keeps credentials out of log lines: by the name of the header they stand in, and by how they look."""

from __future__ import annotations

import logging
import re

_NAMED = re.compile(
    r"(?i)((?:authorization|cookie|[\w-]{0,40}(?:api[-_]?key|token|secret|password))[\"']?\s{0,3}[:=]\s{0,3}[\"']?)"
    r"([^\s\"',;&}]+(?: [\w.~+/=-]+)?)"
)
_SHAPED = re.compile(
    r"\b(?:sk-[\w-]{8,}|AIza[\w-]{10,}|gh[pousr]_\w{10,}|github_pat_\w{10,}|xox[abprs]-[\w-]{8,}|AKIA[0-9A-Z]{12,}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)|(?i:\b(?:Bearer|Basic) +[\w.~+/=-]{8,})|(?<=[?&]key=)[^\s&\"']+"
)
_GONE = "[redacted]"


def redacted(text: str) -> str:
    """The text without anything that looks like a credential."""
    return _SHAPED.sub(_GONE, _NAMED.sub(rf"\1{_GONE}", text))


class Redaction(logging.Filter):
    """Redacts what a handler writes, tracebacks included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = redacted(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True
