"""What commands share: reading input without losing a byte, options made from `Options`, output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from headroom.errors import InputError
from headroom.marker import plural
from headroom.model import BlockReport, Level, Role
from headroom.options import Options

F = TypeVar("F", bound=Callable[..., Any])


def read_input(file: str) -> str:
    """The text of a file, or of standard input for "-". Bytes that aren't UTF-8 survive as lone surrogates."""
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    return raw.decode("utf-8", "surrogateescape")


def read_json(file: str) -> Any:
    """The JSON value of a file; an error names file, line and column."""
    text, file = read_input(file), "<stdin>" if file == "-" else file
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise InputError(f"{file}: JSON nested too deeply") from error


def write_text(text: str) -> None:
    """Writes text to standard output byte for byte; a final newline is added for a terminal only."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate that stood in JSON, not a byte that isn't UTF-8
        raw = text.encode("utf-8", "surrogatepass")
    out = sys.stdout.buffer
    out.write(raw)
    if raw and not raw.endswith(b"\n") and sys.stdout.isatty():
        out.write(b"\n")
    out.flush()


@contextmanager
def working(what: str) -> Iterator[None]:
    """Says on a terminal's stderr what is going on, and takes it away again; silent where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    click.echo(f"{what} …", nl=False, err=True)
    try:
        yield
    finally:
        click.echo("\r\x1b[K", nl=False, err=True)


def write_json(value: Any) -> None:
    """Writes a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=True))


def engine_options(command: F) -> F:
    """Adds a flag and an environment variable for every option of the engine."""
    kinds: dict[str, Any] = {"level": click.Choice([x.value for x in Level]), "query": str, "roles": str}
    for field in reversed(fields(Options)):
        default = field.default
        if isinstance(default, Level):
            default = default.value
        elif isinstance(default, frozenset):
            default = ",".join(sorted(role.value for role in default))
        many = isinstance(default, tuple)
        command = click.option(
            field.metadata["flag"],
            field.name,
            type=None if isinstance(default, bool) else str if many else kinds.get(field.name, click.IntRange(min=0)),
            default=None if many else default,
            multiple=many,
            metavar=field.metadata["metavar"] or None,
            envvar=field.metadata["env"] or None,
            show_envvar=True,
            callback=_roles if field.name == "roles" else None,
            show_default=not many and default is not None,
            help=field.metadata["help"],
        )(command)
    return command


def _roles(ctx: click.Context, param: click.Parameter, value: str) -> frozenset[Role]:
    """Roles with commas between them."""
    try:
        return frozenset(Role(role.strip()) for role in value.split(","))
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise click.BadParameter(f"{value!r}; known roles: {known}", ctx, param) from None


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
    left_out = "; ".join(f"{plural(o.count, o.unit)}: {o.kind}" for o in report.omissions) or "nothing left out"
    return (
        f"{report.tokens_before:,} → {report.tokens_after:,} tokens (−{saved:.0%}), {report.compressor}, "
        f"id {report.id}; {left_out}"
    )


def report_json(report: BlockReport) -> dict[str, Any]:
    """A report as plain values."""
    return {**asdict(report), "tokens_saved": report.tokens_before - report.tokens_after}
