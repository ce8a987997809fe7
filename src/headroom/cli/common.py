"""What commands share: reading input without losing a byte, options made from `Options`, output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from headroom.errors import InputError
from headroom.marker import plural
from headroom.model import BlockReport, Level
from headroom.options import Options

F = TypeVar("F", bound=Callable[..., Any])


def read_input(file: str) -> str:
    """The text of a file, or of standard input for "-". Bytes that aren't UTF-8 survive as lone surrogates."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from error
    return raw.decode("utf-8", "surrogateescape")


def read_json(file: str) -> Any:
    """The JSON value of a file; an error names file, line and column."""
    try:
        return json.loads(read_input(file))
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error


def write_text(text: str, final_newline: bool = False) -> None:
    """Writes text to standard output byte for byte; a final newline only for a terminal's sake."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    if final_newline and not text.endswith("\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def write_json(value: Any) -> None:
    """Writes a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def engine_options(command: F) -> F:
    """Adds a flag for every option of the engine that is a plain value."""
    for field in reversed(fields(Options)):
        if not field.metadata["flag"] or field.name == "roles":
            continue
        kind: Any = {"level": click.Choice([level.value for level in Level]), "query": str}.get(field.name, int)
        default = field.default.value if isinstance(field.default, Level) else field.default
        command = click.option(
            field.metadata["flag"],
            field.name,
            type=None if isinstance(default, bool) else kind,
            default=default,
            envvar=field.metadata["env"] or None,
            show_default=default is not None,
            help=field.metadata["help"],
        )(command)
    return command


def origin_options(command: F) -> F:
    """Adds --tool, --command and --path, which say where a payload comes from."""
    for flag, help in (
        ("--path", "the file it was read from"),
        ("--command", "the shell command that printed it"),
        ("--tool", "the tool that returned it"),
    ):
        command = click.option(flag, default="", help=help)(command)
    return command


def summary(report: BlockReport) -> str:
    """One line: tokens before and after, by whom, what was left out."""
    if report.id is None:
        return f"{plural(report.tokens_before, 'tokens')}, left as it is ({report.reason.value})"
    saved = 1 - report.tokens_after / max(report.tokens_before, 1)
    left_out = "; ".join(f"{o.count} {o.unit}: {o.kind}" for o in report.omissions) or "nothing left out"
    return (
        f"{report.tokens_before:,} → {report.tokens_after:,} tokens (−{saved:.0%}), {report.compressor}, "
        f"id {report.id}; {left_out}"
    )


def report_json(report: BlockReport) -> dict[str, Any]:
    """A report as plain values."""
    return {**asdict(report), "tokens_saved": report.tokens_before - report.tokens_after}
