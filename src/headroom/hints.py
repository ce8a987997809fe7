"""What a tool call tells about its result: read, search, listing or fetch, by tool name and by shell command."""

from __future__ import annotations

import json
import re
import shlex
from functools import lru_cache
from typing import Any

from headroom.marker import RETRIEVE_COMMAND, RETRIEVE_TOOL
from headroom.model import Intent, ToolCall

_READ_TOOLS = frozenset(
    "read readfile view viewfile open openfile cat notebookread readmanyfiles readmultiplefiles readtextfile viewimage "
    "getfilecontents getfilecontent strreplacebasededittool strreplaceeditor texteditor fileread fsread edit multiedit "
    "write writefile editfile applypatch replace strreplace createfile".split()
)
_SEARCH_TOOLS = frozenset(
    "grep search searchfiles searchfilecontent codesearch ripgrep rg findinfiles greptool searchcode grepsearch".split()
)
_LIST_TOOLS = frozenset("glob ls list listdir listdirectory listfiles directorytree find findfiles globtool".split())
_FETCH_TOOLS = frozenset("fetch webfetch fetchhtml fetchurl openurl browse websearch".split())
_READ_COMMANDS = frozenset("cat bat sed nl head tail less more view open goto scroll_down scroll_up type awk".split())
_SEARCH_COMMANDS = frozenset("grep egrep fgrep rg ag ack zgrep".split())
_LIST_COMMANDS = frozenset("ls find tree fd exa eza du dir".split())
_FETCH_COMMANDS = frozenset("curl wget http lynx w3m".split())
COMMAND_KEYS = ("command", "cmd", "script", "shell_command", "bash")
PATH_KEYS = ("file_path", "path", "filePath", "absolute_path", "filename", "file", "target_file", "notebook_path")
# Files that an agent reads in order to edit them, whatever they hold; data and logs are told by their content.
_EDITABLE = frozenset(
    "py pyi js mjs cjs jsx ts mts cts tsx go rs java kt kts scala c h cc cpp cxx hpp hh cs rb php swift m mm lua pl pm "
    "r jl dart ex exs erl hs ml clj sh bash zsh fish ps1 sql graphql proto css scss sass less vue svelte html htm xml "
    "xsl json jsonc json5 yaml yml toml ini cfg conf properties env md mdx rst adoc tex txt gradle cmake mk tf hcl nix "
    "lock dockerfile makefile gitignore editorconfig".split()
)
_written = json.JSONEncoder(ensure_ascii=False).encode
_RETRIEVAL = re.compile(rf"\s*(?:\S*/)?{RETRIEVE_COMMAND} ")
_SEPARATOR = re.compile(r"\s*(?:&&|\|\||;|\n)\s*")


def tool_call(name: str, arguments: Any) -> ToolCall:
    """A call as dialects hand it over; `arguments` is the parsed object or the JSON text the model wrote."""
    text = arguments if isinstance(arguments, str) else _written(arguments)
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {}
    if not isinstance(arguments, dict):
        return ToolCall(name, text)
    return ToolCall(name, text, _command(arguments), _first(arguments, PATH_KEYS))


def _first(arguments: dict[str, Any], keys: tuple[str, ...]) -> str:
    return next((v for k in keys if isinstance(v := arguments.get(k), str)), "")


def _command(arguments: dict[str, Any]) -> str:
    for key in COMMAND_KEYS:
        value = arguments.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            # ["bash", "-lc", "ls"]: the words after -c are the command line itself
            if len(value) == 3 and value[1].startswith("-") and value[1].endswith("c"):
                return str(value[2])
            return shlex.join(value)
    return ""


def reads_editable_file(call: ToolCall) -> bool:
    """Whether the call reads a file (or files) whose names say source, configuration or text."""
    names = (
        [call.path] if call.path else [w for w in call.command.replace('"', " ").replace("'", " ").split() if "." in w]
    )
    endings = {name.rstrip(";|&").rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower() for name in names}
    return bool(endings) and endings <= _EDITABLE


def intent_of(call: ToolCall) -> Intent:
    """What the call was for; the last command of a pipeline's first stage decides for shells."""
    if _RETRIEVAL.match(call.command) or _RETRIEVAL.match(call.path):  # a reader of files can be given it too
        return Intent.RETRIEVE
    return _intent(call.name, call.command)


@lru_cache(maxsize=4096)
def _intent(name: str, command: str) -> Intent:
    last = re.split(r"__|[./:]", name)[-1]
    plain = re.sub(r"[^a-z]", "", last.lower())
    if last.endswith(RETRIEVE_TOOL):
        return Intent.RETRIEVE
    if command and plain not in ("strreplacebasededittool", "strreplaceeditor", "texteditor"):
        return _command_intent(command)
    short = re.sub(r"[^a-z]", "", last.rsplit("-", 1)[-1].lower())
    for tools, intent in (
        (_READ_TOOLS, Intent.READ),
        (_SEARCH_TOOLS, Intent.SEARCH),
        (_LIST_TOOLS, Intent.LIST),
        (_FETCH_TOOLS, Intent.FETCH),
    ):
        if plain in tools or short in tools:
            return intent
    return Intent.OTHER


def _command_intent(command: str) -> Intent:
    intents = {_stage_intent(part) for part in _SEPARATOR.split(command) if part and not part.startswith(("cd ", "#"))}
    return intents.pop() if len(intents) == 1 else Intent.OTHER


def _stage_intent(part: str) -> Intent:
    """The intent of one pipeline: its first command, but a pipe into grep is a search of that output."""
    stages = [s.strip() for s in part.split("|")]
    words = [w for w in stages[0].split() if not re.fullmatch(r"\w+=\S*", w)]
    while (words and words[0] in ("sudo", "time", "timeout", "env", "nice")) or (words and words[0].isdigit()):
        words = words[1:]
    if not words:
        return Intent.OTHER
    head = words[0].rsplit("/", 1)[-1]
    if head == "sed" and "-i" in words:
        return Intent.OTHER
    if words[1:2] == ["retrieve"] and head == "headroom":
        return Intent.RETRIEVE
    if head == "git" and len(words) > 1:
        return {"grep": Intent.SEARCH, "ls-files": Intent.LIST}.get(words[1], Intent.OTHER)
    for commands, intent in (
        (_READ_COMMANDS, Intent.READ),
        (_SEARCH_COMMANDS, Intent.SEARCH),
        (_LIST_COMMANDS, Intent.LIST),
        (_FETCH_COMMANDS, Intent.FETCH),
    ):
        if head in commands:
            if intent is Intent.READ and any(s.split()[:1] and s.split()[0] in _SEARCH_COMMANDS for s in stages[1:]):
                return Intent.SEARCH
            return intent
    return Intent.OTHER
