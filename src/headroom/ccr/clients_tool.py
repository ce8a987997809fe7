"""Retrieval through a tool that the client has anyway: the model gives it a command, and its result becomes the answer.

So nothing has to be offered. Where the client's machine has the command, its result is right as it comes; elsewhere the
tool can't do what it was told, and the next request brings the model the answer in the place of its complaint.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from headroom.ccr.ids import is_id
from headroom.ccr.retrieve import answered
from headroom.hints import COMMAND_KEYS, PATH_KEYS, intent_of
from headroom.interfaces import Store
from headroom.marker import RETRIEVE_COMMAND
from headroom.model import Block, Intent, Role, ToolCall

_SHELLS = (
    *("bash", "shell", "interminal", "terminalcmd"),
    *(f"{kind}command" for kind in ("exec", "execute", "run", "shell", "terminal")),
)
_READERS = frozenset("read readfile view viewfile readtextfile strreplacebasededittool".split())
_NAME = re.compile(r"[\w./:-]+")  # what can be told in one line
_PROGRAM, _VERB = RETRIEVE_COMMAND.split()
_OPTION = re.compile(r"--(lines|rows|path|query|limit)(?:=(.*))?", re.DOTALL)
_ID = "id="
_MORE_THAN_A_COMMAND = re.compile(r"[`\n]|\$\(")
_OPERATORS = frozenset("();<>|&")
_LONGEST = 2_000
# What shells and readers of files say when there is nothing by that name. Anything else may matter to the model: that
# its user does not want the call, for instance.
_NOT_THERE = re.compile(
    r"not found|not recognized|no such file|does(?: not|n't) exist|cannot find|ENOENT", re.IGNORECASE
)
_MOST_OF_NOT_THERE, _MOST_SAID = 400, 2_000  # characters
_NO_ERROR = "[no error: headroom answered instead of the tool]"


def suitable(functions: Iterable[tuple[str, Any]]) -> str:
    """The name of the client's tool that can be given a command, a shell or else a reader of files; "" for none."""
    known = [(name, _plain(name), schema) for name, schema in functions if _NAME.fullmatch(name)]
    shells = (name for name, plain, schema in known if plain.endswith(_SHELLS) and _takes(schema, COMMAND_KEYS, True))
    readers = (name for name, plain, schema in known if plain in _READERS and _takes(schema, PATH_KEYS, False))
    return next(shells, "") or next(readers, "")


def _plain(name: str) -> str:
    """What a tool does by its name: "mcp__files__read_file" and "filesystem-readFile" are "readfile"."""
    return re.sub("[^a-z]", "", re.split(r"__|[-./:]", name)[-1].lower())


def _takes(schema: Any, keys: Sequence[str], words: bool) -> bool:
    """Whether one of these arguments is a string, or, where that will do, a list of words."""
    arguments = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(arguments, dict):
        return False
    declared = [arguments[key] for key in keys if isinstance(arguments.get(key), dict)]
    return any(_is(one, "string") or (words and _is(one, "array")) for one in declared)


def _is(declared: dict[str, Any], kind: str) -> bool:
    kinds = declared.get("type")
    return kind in [str(one).lower() for one in (kinds if isinstance(kinds, list) else [kinds])]


def asked(call: ToolCall) -> dict[str, str] | None:
    """What a call asks for that is given our command and nothing else, as keywords of `retrieve_text`."""
    if intent_of(call) is not Intent.RETRIEVE:
        return None
    return _selectors(call.command) or _selectors(call.path)


def _selectors(command: str) -> dict[str, str] | None:
    if len(command) > _LONGEST or _MORE_THAN_A_COMMAND.search(command.strip()):
        return None
    words = _words(command)
    if len(words) < 3 or words[0].rsplit("/", 1)[-1] != _PROGRAM or words[1] != _VERB:
        return None
    found: dict[str, str] = {}
    rest = iter(words[2:])
    for word in rest:
        option = _OPTION.fullmatch(word)
        name = option[1] if option else "id"
        value = word.removeprefix(_ID) if option is None else next(rest, None) if option[2] is None else option[2]
        if value is None or name in found:
            return None
        found[name] = value
    return found if is_id(found.get("id", "")) else None


def _words(command: str) -> list[str]:
    """The words of a simple command; none where a shell would do more than to run it."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation that doesn't end
        return []
    return [] if any(word and _OPERATORS.issuperset(word) for word in words) else words


def with_answers(blocks: Iterable[Block], store: Store, tool: str) -> Iterator[Block]:
    """The blocks, with the answer in place of what a call of the client's `tool` returned that asks for an original.

    Of a result with several texts it is the first; none where the original isn't kept, or the command answered itself.
    """
    last: ToolCall | None = None
    for block in blocks:
        wanted = asked(block.call) if block.role is Role.TOOL and block.call is not last else None
        if wanted is not None:
            last = block.call
            text = answered(store, block.text, tool, **wanted)
            if text is not None:
                block = replace(block, text=_instead(block, text))
        yield block


def _instead(block: Block, answer: str) -> str:
    """The answer, with what the tool has said if that is more than that it doesn't know what it was asked for."""
    said = block.text.strip()
    if len(said) <= _MOST_OF_NOT_THERE and (not said or _NOT_THERE.search(said)):
        return f"{_NO_ERROR}\n{answer}" if block.failed else answer
    kept = f"\n[headroom answered instead of the tool, which said: {said}]" if len(said) <= _MOST_SAID else ""
    return answer + kept
