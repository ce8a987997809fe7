"""Retrieval through the client's own tools: which one it is, what a call of it asks for, what its result becomes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom.ccr.clients_tool import asked, suitable, with_answers
from headroom.ccr.memory import MemoryStore
from headroom.ccr.retrieve import retrieve_text
from headroom.errors import StoreError
from headroom.hints import intent_of, tool_call
from headroom.marker import explains, footer, footer_ids, has_footer
from headroom.model import Block, Intent, Role
from headroom.plugins import dialects

TEXT = {"type": "string"}
WORDS = {"type": "array", "items": TEXT}
LOG = "\n".join(f"line {n}" for n in range(1, 901))
NOT_FOUND = "/bin/bash: line 1: headroom: command not found"


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def shaped(name: str, functions: dict[str, Any]) -> list[Any]:
    """A request's tools in the shape of an API, with some that the client doesn't run itself."""
    plain = [{"name": n, "description": "…"} for n in functions]
    schemas = functions.values()
    match name:
        case "anthropic":
            return [
                {"type": "web_search", "name": "bash"},
                *({**p, "input_schema": s} for p, s in zip(plain, schemas, strict=True)),
            ]
        case "openai_chat":
            return [
                {"type": "function", "function": {**p, "parameters": s}} for p, s in zip(plain, schemas, strict=True)
            ]
        case "openai_responses":
            own = [{"type": "local_shell"}, {"type": "custom", "name": "bash", "parameters": schema(command=TEXT)}]
            return [*own, *({"type": "function", **p, "parameters": s} for p, s in zip(plain, schemas, strict=True))]
    declared = [{**p, "parameters": s} for p, s in zip(plain, schemas, strict=True)]
    declared[-1] = {**plain[-1], "parametersJsonSchema": [*schemas][-1]}
    return [{"googleSearch": {}}, {"functionDeclarations": declared}]


every_api = pytest.mark.parametrize("api", ["anthropic", "openai_chat", "openai_responses", "gemini"])


def chosen(api: str, **functions: Any) -> str:
    return suitable(dialects()[api].functions(shaped(api, functions)))


@every_api
def test_a_shell_is_chosen_before_a_reader_of_files_and_that_before_none(api: str) -> None:
    read, other = schema(file_path=TEXT), schema(query=TEXT)
    assert chosen(api, search=other, Read=read, Bash=schema(command=TEXT)) == "Bash"
    assert chosen(api, search=other, Read=read) == "Read"
    assert chosen(api, search=other, write=read) == ""


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("Bash", {"command": TEXT}),
        ("execute_bash", {"command": {"type": ["string", "null"]}}),
        ("shell", {"command": WORDS}),
        ("exec_command", {"cmd": TEXT}),
        ("run_shell_command", {"command": {"type": "STRING"}}),
        ("run_terminal_cmd", {"command": TEXT}),
        ("run_in_terminal", {"command": TEXT}),
        ("execute_command", {"command": TEXT}),
        ("terminal-run_command", {"command": TEXT}),
        ("mcp__box__shell", {"command": TEXT}),
        ("Read", {"file_path": TEXT}),
        ("read", {"path": TEXT}),
        ("read_file", {"absolute_path": TEXT}),
        ("filesystem-read_file", {"path": TEXT}),
        ("view", {"path": TEXT}),
        ("str_replace_based_edit_tool", {"command": {"type": "string", "enum": ["view"]}, "path": TEXT}),
    ],
)
def test_what_can_be_given_a_command_is_known(name: str, properties: Any) -> None:
    assert suitable([("other", schema(command=TEXT)), (name, schema(**properties))]) == name


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("Bash", schema()),
        ("Bash", None),
        ("Bash", {"properties": ["command"]}),
        ("Bash", schema(command={"type": "object"})),
        ("KillShell", schema(shell_id=TEXT)),
        ("BashOutput", schema(bash_id=TEXT)),
        ("read_many_files", schema(paths=WORDS)),
        ("Read", schema(path=WORDS)),
        ("thread", schema(path=TEXT)),
        ("Edit", schema(file_path=TEXT)),
        ("a b\nBash", schema(command=TEXT)),
    ],
)
def test_what_cannot_be_given_a_command_is_not_chosen(name: str, arguments: Any) -> None:
    assert suitable([(name, arguments)]) == ""


ID = "k3v9x2mq"
EDITOR = "str_replace_based_edit_tool"


@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        ("Bash", {"command": f'headroom retrieve id="{ID}"'}, {}),
        ("Bash", {"command": f"headroom retrieve {ID}", "description": "see the rest; all of it"}, {}),
        ("Bash", {"command": f'  headroom retrieve id="{ID}" --lines=41-80\n'}, {"lines": "41-80"}),
        ("bash", {"command": f"headroom retrieve --lines 41-80 {ID} --limit 3"}, {"lines": "41-80", "limit": "3"}),
        ("bash", {"command": f"headroom retrieve {ID} --query='a | b; $(c)'"}, None),
        ("bash", {"command": f"headroom retrieve {ID} --query='a|b; c'"}, {"query": "a|b; c"}),
        ("bash", {"command": f"headroom retrieve {ID} --path='$.items[3]'"}, {"path": "$.items[3]"}),
        ("bash", {"command": f"/usr/local/bin/headroom retrieve {ID} --rows=1,5-"}, {"rows": "1,5-"}),
        ("exec_command", {"cmd": f"headroom retrieve {ID}"}, {}),
        ("shell", {"command": ["bash", "-lc", f"headroom retrieve {ID} --lines 7"]}, {"lines": "7"}),
        ("shell", {"command": ["headroom", "retrieve", ID, "--query", "it's here"]}, {"query": "it's here"}),
        ("local_shell_call", {"command": ["headroom", "retrieve", ID]}, {}),
        ("Read", {"file_path": f"/home/dev/headroom retrieve id={ID} --lines=1-5"}, {"lines": "1-5"}),
        (EDITOR, {"command": "view", "path": f"headroom retrieve id={ID}"}, {}),
        ("Bash", {"command": f"headroom retrieve {ID} | head"}, None),
        ("Bash", {"command": f"headroom retrieve {ID}|head"}, None),
        ("Bash", {"command": f"headroom retrieve {ID}; ls"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} && ls"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} > a.txt"}, None),
        ("Bash", {"command": f"headroom retrieve {ID}\nls"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} --query $(cat x)"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} --query `cat x`"}, None),
        ("Bash", {"command": f"cd /work && headroom retrieve {ID}"}, None),
        ("Bash", {"command": f"$ headroom retrieve {ID}"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} --json"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} other"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} --lines 1 --lines 2"}, None),
        ("Bash", {"command": f"headroom retrieve {ID} --lines"}, None),
        ("Bash", {"command": f"headroom retrieve '{ID}"}, None),
        ("Bash", {"command": "headroom retrieve"}, None),
        ("Bash", {"command": "headroom retrieve ../../x"}, None),
        ("Bash", {"command": f"headroom explain {ID}"}, None),
        ("Bash", {"command": "rm x", "description": f"headroom retrieve {ID}"}, None),
        ("headroom_retrieve", {"id": ID}, None),
    ],
)
def test_a_call_asks_for_an_original_where_it_does_nothing_else(name: str, arguments: Any, wanted: Any) -> None:
    for form in (arguments, json.dumps(arguments)):
        call = tool_call(name, form)
        assert asked(call) == (None if wanted is None else {"id": ID, **wanted})
        if wanted is not None:
            assert intent_of(call) is Intent.RETRIEVE  # exempt from compression, whoever answers


def result(store: MemoryStore, text: str, command: str, failed: bool = False) -> str:
    """What becomes of a result of a shell."""
    block = Block(text, (0,), Role.TOOL, tool_call("Bash", {"command": command}), failed)
    [found] = with_answers([block], store, "Bash")
    return found.text


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.mark.parametrize(
    ("selectors", "keywords"),
    [
        ("", {}),
        ("--lines=41-80", {"lines": "41-80"}),
        ("--query 'line 77'", {"query": "line 77"}),
        ("--lines=5000", {"lines": "5000"}),
        ("--limit=x", {"limit": "x"}),
    ],
)
def test_the_complaint_becomes_what_the_tool_would_have_returned(
    store: MemoryStore, selectors: str, keywords: Any
) -> None:
    id = store.put(LOG)
    found = result(store, NOT_FOUND, f'headroom retrieve id="{id}" {selectors}')
    expected = retrieve_text(store, id, **keywords)
    rest = f'headroom_retrieve(id="{id}", lines="401-900")'
    assert found == expected.replace(rest, f'Bash(headroom retrieve id="{id}" --lines=401-900)')
    failed = result(store, NOT_FOUND, f'headroom retrieve id="{id}" {selectors}', failed=True)
    assert failed == f"[no error: headroom answered instead of the tool]\n{found}"


def test_what_the_tool_says_besides_stays(store: MemoryStore) -> None:
    command = f"headroom retrieve {store.put(LOG)} --lines=7"
    answer = result(store, "", command)
    for said in ("Permission to use Bash has been denied.", "The user rejected this: use grep. " + "Please. " * 80):
        for failed in (False, True):
            found = result(store, f"{said}\n", command, failed)
            assert found == f"{answer}\n[headroom answered instead of the tool, which said: {said.strip()}]"
    assert result(store, "garbage\n" * 1000, command) == answer


def test_every_page_is_a_call_away(store: MemoryStore) -> None:
    """The call that a page names is taken as it is written."""
    id, seen, command = store.put(LOG), "", 'headroom retrieve id="{}"'
    command = command.format(id)
    for _ in range(3):
        page = result(store, NOT_FOUND, command)
        body, _, rest = page.partition("\n")[2].partition("\n[for the rest call Bash(")
        seen += body + "\n"
        command = rest.removesuffix(")]")
    assert seen == LOG + "\n"
    assert command == ""


def test_what_the_command_printed_itself_stays_as_it_came(store: MemoryStore) -> None:
    id = store.put(LOG)
    own = {"": LOG, " --lines=41-80": "\n".join(LOG.split("\n")[40:80])}
    for selectors, printed in own.items():
        for text in (printed, f"<output>\n{printed}\n</output>\nexit code: 0"):
            assert result(store, text, f"headroom retrieve {id}{selectors}") == text
    short = store.put("found\n\n" + LOG)
    assert "line" not in result(store, NOT_FOUND, f"headroom retrieve {short} --lines 1").split("\n", 1)[1]
    assert "original" in result(store, NOT_FOUND, f"headroom retrieve {short} --lines 1-2")


class Broken(MemoryStore):
    def get(self, id: str) -> str:
        raise StoreError("the disk is gone")


def test_what_can_not_be_answered_stays_as_it_came(store: MemoryStore) -> None:
    id = store.put(LOG)
    for command in ("headroom retrieve abcdefgh", f"headroom retrieve {id} | head", "ls"):
        assert result(store, NOT_FOUND, command) == NOT_FOUND
    assert result(Broken(), NOT_FOUND, f"headroom retrieve {id}") == NOT_FOUND


def test_of_a_result_with_several_texts_the_first_is_answered(store: MemoryStore) -> None:
    call, other = (tool_call("shell", {"command": f"headroom retrieve {store.put(t)}"}) for t in (LOG, "else"))
    texts = [
        Block(call.command, (0,), Role.CALL, call),
        Block("", (1,), Role.TOOL, call),
        Block(NOT_FOUND, (2,), Role.TOOL, call),
        Block(NOT_FOUND, (3,), Role.TOOL, other),
    ]
    found = [block.text for block in with_answers(texts, store, "shell")]
    assert found[0] == call.command
    assert "line 7" in found[1]
    assert found[2] == NOT_FOUND
    assert found[3].endswith("\nelse")


@pytest.mark.parametrize("path", ["", "$.a[0]", "$['it''s']['b c']"])
def test_the_closing_line_is_a_call_that_is_taken(path: str) -> None:
    line = footer(ID, path, tool="Bash")
    assert footer_ids(line) == [ID]
    assert footer_ids(json.dumps(line)) == [ID]
    assert has_footer(line)
    assert explains(line)
    assert not explains(footer(ID, path, brief=True, tool="Bash"))
    _, _, command = line.removesuffix(")]").partition("call Bash(")
    for selector in ("--lines=4-8", "--query='a b'"):
        call = tool_call("Bash", {"command": command.replace("--lines= or --query=", selector)})
        found = asked(call)
        assert found is not None
        assert found["id"] == ID
        assert found.get("path", "") == path
