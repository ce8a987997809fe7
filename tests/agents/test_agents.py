"""Real agents at work through the real proxy: what they see, what the model sees, what it costs.

Needs the agents' programs: `make test-agents` installs them. Run with `-s` to see what each session cost.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from headroom.tokens import count_tokens
from tests.agents.clients import AGENTS, AIDER, Agent, Session, aider
from tests.agents.provider import Got, Provider
from tests.agents.running import LOOK, PYTHON, project, proxy
from tests.agents.script import RETRIEVE, Call, Heard, Say, Script, fetch, in_order

pytestmark = pytest.mark.skipif(os.name != "posix", reason="agents are started by their Unix programs")
HALVED = {"claude", "codex"}
SMALL = {"opencode"}  # its first request is: it is offered nothing, its own shell is asked
TEST = f"{PYTHON} -m pytest -v -p no:cacheprovider"
LAST_LEGS = (0, 2, 5, 6)  # of the client's turns below: the requests whose replies it got the end of
NAMES = [agent.name for agent in AGENTS]
Played = tuple[Session, Sequence[Got]]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(params=AGENTS, ids=NAMES)
def agent(request: pytest.FixtureRequest) -> Agent:
    found: Agent = request.param
    if found.path is None:
        pytest.skip(f"{found.name} is not installed: make test-agents")
    return found


class Stage:
    """The same place for every session, made anew: what an agent says of its folder must not differ."""

    def __init__(self, agent: Agent, provider: Provider, root: Path) -> None:
        self._agent, self._provider, self._root = agent, provider, root

    def play(self, script: Script, url: str) -> Played:
        shutil.rmtree(self._root, ignore_errors=True)
        (home := self._root / "home").mkdir(parents=True)
        self._provider.play(script)
        try:
            session = self._agent.session(url, project(self._root / "project"), home)
        finally:
            assert not self._provider.failures, self._provider.failures
        return session, self._provider.turns

    def direct(self, script: Script) -> Played:
        return self.play(script, self._provider.url)

    def proxied(self, script: Script, beside: Path) -> Played:
        with proxy(self._provider, beside) as url:
            return self.play(script, url)


@pytest.fixture
def stage(agent: Agent, provider: Provider, tmp_path: Path) -> Stage:
    return Stage(agent, provider, tmp_path / "stage")


def test_a_session_ends_as_without_the_proxy(agent: Agent, stage: Stage, provider: Provider, tmp_path: Path) -> None:
    script = in_order(*(Say(f"Step {n}.", (agent.shell(c),)) for n, c in enumerate(LOOK)), Say("One test fails."))
    alone, plain = stage.direct(script)
    helped, shortened = stage.proxied(script, tmp_path)
    assert helped.answer == alone.answer
    assert alone.answer.endswith("One test fails.")
    assert list(map(_untimed, helped.ran)) == list(map(_untimed, alone.ran))
    assert len(helped.ran) == len(LOOK)
    assert len(shortened) == len(plain) == len(LOOK) + 1
    for before, after in zip(plain, shortened, strict=True):
        _only_offers_one_tool_more(before, after, () if agent.name in SMALL else (RETRIEVE,))
    _each_repeats_the_one_before(shortened)
    assert set(provider.others) <= {"anthropic HEAD /"}  # Claude Code's, which warms the way up
    assert helped.tokens == _reported(shortened)
    read, spared = _read(plain), _read(shortened)
    print(f"\n{agent.name}: {len(shortened)} requests, tool results {read} → {spared} tokens ({spared / read - 1:.0%})")
    assert spared < read * (0.5 if agent.name in HALVED else 0.7)


def test_originals_that_the_model_asks_for(agent: Agent, stage: Stage, tmp_path: Path) -> None:
    some = range(20, 25)
    script = in_order(
        Say("The log first.", (agent.shell("head -n 120 app.log"),), thought="Let me think."),
        Say("", (fetch(0, lines=f"{some.start + 1}-{some.stop}"),)),
        Say("More of it.", (fetch(0), agent.shell("git log --stat -n 60"))),
        Say("", (fetch(0, query="ERROR"), fetch(0, lines="1-3"))),
        Say("Once more.", (fetch(0),)),
        Say("And last.", (agent.shell("cat pytest.ini"),)),
        Say("It was the card."),
    )
    session, turns = stage.proxied(script, tmp_path)
    assert session.answer.endswith("It was the card.")
    assert len(session.ran) == 3
    assert RETRIEVE not in str(session.ran)
    assert session.tokens == (_reported([turns[n] for n in LAST_LEGS])[0], _reported(turns)[1])
    _each_repeats_the_one_before(turns)
    assert [len(turn.heard.done) for turn in turns if turn.heard] == [0, 1, 2, 4, 6, 7, 8]
    final = turns[-1].heard
    assert final is not None
    part, whole, _, first, again = final.retrieved()
    log = (tmp_path / "stage" / "project" / "app.log").read_text().splitlines()[:120]
    assert "\n".join(log) in whole
    assert again == whole
    assert len(part.splitlines()) == len(some) + 1
    assert part.partition("\n")[2] in whole
    assert "\n".join(whole.splitlines()[1:4]) in first


def test_originals_that_the_model_asks_the_agents_shell_for(agent: Agent, stage: Stage, tmp_path: Path) -> None:
    if agent.name not in SMALL:
        pytest.skip("is offered the tool")

    def asking(heard: Heard) -> dict[str, str]:
        return agent.shell(f'headroom retrieve id="{heard.done[0].kept_as}" --lines=21-25').asked(heard)

    script = in_order(
        Say("The log first.", (agent.shell("head -n 120 app.log"),)),
        Say("", (Call(agent.shell("").name, asking),)),
        Say("And last.", (agent.shell("cat pytest.ini"),)),
        Say("It was the card."),
    )
    session, turns = stage.proxied(script, tmp_path)
    assert session.answer.endswith("It was the card.")
    assert len(session.ran) == 3
    _each_repeats_the_one_before(turns)
    final = turns[-1].heard
    assert final is not None
    log = (tmp_path / "stage" / "project" / "app.log").read_text().splitlines()
    assert "\n".join(log[20:25]) in final.done[1].result


TESTED = """\
import pytest
from square import square


@pytest.mark.parametrize("n", range(60))
def test_square(n):
    assert square(n) == n * n
"""
WRONG, RIGHT = (f"square.py\n```\ndef square(n):\n    return n * {by}\n```\n" for by in ("2", "(n)"))


@pytest.mark.skipif(not AIDER.exists(), reason="aider is not installed: make test-agents")
def test_aider_edits_as_without_the_proxy(provider: Provider, tmp_path: Path) -> None:
    def model(heard: Heard) -> Say:
        return Say(RIGHT if "FAILED" in heard.said else WRONG)

    def edited(url: str) -> tuple[str, list[str]]:
        shutil.rmtree(folder := tmp_path / "stage", ignore_errors=True)
        (home := folder / "home").mkdir(parents=True)
        (folder / "test_square.py").write_text(TESTED)
        (folder / "square.py").write_text("")
        provider.play(model)
        aider(url, folder, home, "--message", "Write square", "--auto-test", "--test-cmd", TEST, "square.py")
        return (folder / "square.py").read_text(), [re.sub(r"\d+\.\d+s", "", str(got.body)) for got in provider.turns]

    alone = edited(provider.url)
    with proxy(provider, tmp_path) as url:
        assert edited(url) == alone
    assert "n * (n)" in alone[0]
    assert len(alone[1]) > 1


def _untimed(ran: tuple[str, str]) -> tuple[str, list[str]]:
    """A command and its output's lines, without what differs from run to run; an agent's own grep has no order."""
    return ran[0], sorted(re.sub(r"\bin \d+\.\d+s", "in no time", ran[1]).split("\n"))


def _only_offers_one_tool_more(before: Got, after: Got, more: Sequence[str]) -> None:
    """What the client sent but for shorter results, and the tool that the proxy answers itself, if it is worth that."""
    assert after.own_tools == before.own_tools
    assert before.heard is not None
    assert after.heard is not None
    assert [tool for tool in after.heard.tools if tool != RETRIEVE] == list(before.heard.tools)
    assert after.heard.tools.count(RETRIEVE) == len(more)
    assert [(d.name, d.arguments) for d in after.heard.done] == [(d.name, d.arguments) for d in before.heard.done]
    assert [type(element) for element in after.history] == [type(element) for element in before.history]


def _each_repeats_the_one_before(turns: Sequence[Got]) -> None:
    """What a provider's prompt cache lives on: nothing that was sent is ever sent differently."""
    for one, next_one in pairwise(turns):
        assert next_one.history[: len(one.history)] == one.history
        assert next_one.own_tools == one.own_tools


def _reported(turns: Sequence[Got]) -> tuple[int, int]:
    used = [turn.reply.usage for turn in turns if turn.reply is not None]
    return sum(one.input for one in used), sum(one.output for one in used)


def _read(turns: Sequence[Got]) -> int:
    """Tokens of the tool results in the last request."""
    final = turns[-1].heard
    assert final is not None
    return sum(count_tokens(done.result) for done in final.done)
