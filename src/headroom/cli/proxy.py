"""`headroom proxy`: stands between any client of an LLM API and the provider."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Coroutine
from dataclasses import Field, fields
from functools import partial
from pathlib import Path
from typing import Any

import click

from headroom.ccr.default import config_folder
from headroom.errors import HeadroomError, InputError
from headroom.model import Level
from headroom.proxy.policy import CONFIG_FILE, settings_in
from headroom.proxy.settings import Settings
from headroom.rules import LEVELS

_ARGUMENTS = "headroom.proxy.arguments"


class _Remembering(click.Command):
    """A command that keeps what it was called with, to read its options again."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        given = list(args)
        ctx = super().make_context(info_name, args, parent, **extra)
        ctx.meta[_ARGUMENTS] = given
        return ctx


def _settings_options(command: click.Command) -> click.Command:
    """Adds a flag and an environment variable for every setting."""
    for setting in fields(Settings):
        default = setting.default.value if isinstance(setting.default, Level) else setting.default
        many, switch = isinstance(default, tuple), isinstance(default, bool)
        command.params.append(
            click.Option(
                [setting.metadata["flag"], setting.name],
                type=None if switch else _kind(setting),
                default=None if many else default,
                multiple=many,
                envvar=setting.metadata["env"] or None,
                metavar=setting.metadata["metavar"] or None,
                show_envvar=True,
                show_default=not many and default != "",
                help=setting.metadata["help"],
            )
        )
    return command


def _kind(setting: Field[Any]) -> Any:
    """How the command line reads a setting that is no switch."""
    limits = setting.metadata["least"], setting.metadata["most"]
    if setting.name == "level":
        return click.Choice(LEVELS)
    if isinstance(setting.default, int):
        return click.IntRange(*limits)
    return click.FloatRange(*limits) if isinstance(setting.default, float) else str


def _from_file(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """What the file says counts after flags and environment."""
    file = config_folder() / CONFIG_FILE if value is None else Path(value)
    if value or (value is None and file.is_file()):
        try:
            ctx.default_map = {**(ctx.default_map or {}), **settings_in(file)}
        except InputError as error:
            raise click.BadParameter(str(error)) from error
    return value


@click.command(cls=_Remembering)
@click.option(
    "--config",
    type=click.Path(dir_okay=False),
    envvar="HEADROOM_CONFIG",
    show_envvar=True,
    is_eager=True,
    callback=_from_file,
    help="TOML file with settings, read again on SIGHUP; default: config.toml in the configuration folder, if there",
)
@click.option("-v", "--verbose", is_flag=True, help="log what happens, not only what goes wrong")
@click.option("--json", "as_json", is_flag=True, help="print where it listens as JSON, for programs that start it")
@click.pass_context
def command(ctx: click.Context, /, config: str | None, verbose: bool, as_json: bool, **options: Any) -> None:
    """Forward LLM API requests, with what tools returned shortened on the way.

    \b
    headroom proxy
    ANTHROPIC_BASE_URL=http://127.0.0.1:8787 claude
    OPENAI_BASE_URL=http://127.0.0.1:8787/v1 your-program

    Statistics, compressing and retrieving over HTTP need the token in the data folder's file proxy.token.
    """
    _logging(verbose)
    run(Settings.of(**options), partial(reread, ctx.meta[_ARGUMENTS]), as_json)


def reread(arguments: list[str]) -> Settings | None:
    """The settings as a start with the same arguments would have them now; None, and a logged error, for wrong ones."""
    try:
        params = dict(command.make_context("proxy", list(arguments)).params)
        return Settings.of(**{setting.name: params[setting.name] for setting in fields(Settings)})
    except (click.ClickException, HeadroomError) as error:
        logging.getLogger("headroom.proxy").error("settings stay as they are: %s", error)
        return None


def run(settings: Settings, reload: Callable[[], Settings | None], as_json: bool) -> None:
    """Serves until stopped, in this process or in several."""
    from headroom.ccr.default import data_folder
    from headroom.proxy.app import serve
    from headroom.proxy.engine import default_engine
    from headroom.proxy.guard import own_token
    from headroom.proxy.scribe import Scribe
    from headroom.proxy.workers import Supervisor, listening_socket

    try:
        token = own_token(data_folder())
    except OSError as error:
        raise InputError(f"no token can be kept in {data_folder()}: {error.strerror or error}") from error
    engine = default_engine(settings.keep_requests, settings.otel)
    listening = listening_socket(settings.host, settings.port)
    address = _address(settings, listening.getsockname()[1])
    if settings.workers == 1 or not hasattr(os, "fork"):
        _run(serve(settings, listening, engine, token, reload, lambda: _announce(settings, address, as_json)))
        return
    scribe = engine.ledger if isinstance(engine.ledger, Scribe) else None
    if scribe is not None:
        scribe.share(settings.workers)

    def work(worker: int) -> None:
        if scribe is not None:
            scribe.enter(worker)
        _run(serve(settings, listening, engine, token, reload))

    _announce(settings, address, as_json)
    Supervisor(settings.workers, work).run()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine, on uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def _address(settings: Settings, port: int) -> str:
    host = settings.host.strip("[]")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(settings: Settings, address: str, as_json: bool) -> None:
    """The one line that says where it listens and where requests go."""
    upstreams = {
        "anthropic": settings.anthropic_url,
        "openai": settings.openai_url,
        "gemini": settings.gemini_url,
        **{f"/{name}/": url for name, url in settings.upstreams},
    }
    level = settings.level.value if settings.level else "none"
    if as_json:
        click.echo(json.dumps({"url": address, "level": level, "upstreams": upstreams}))
        return
    there = ", ".join(f"{name} {url}" for name, url in upstreams.items())
    click.echo(f"headroom proxy listens on {address}, level {level}; upstreams: {there}")


def _logging(verbose: bool) -> None:
    from headroom.proxy.redaction import Redaction

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(Redaction())
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)  # what it logs are its clients' mistakes


_settings_options(command)
