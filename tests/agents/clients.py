"""The agents: how each is started against an address, calls its shell tool, and reports what it did."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.agents.running import run, sandbox
from tests.agents.script import Call

# Where `make test-agents` puts them; another place that has them may be named instead.
INSTALLED = Path(os.environ.get("HEADROOM_TEST_AGENTS", Path(__file__).parents[2] / ".agents"))
PROMPT = "Look at this project: run its tests, find the functions, read the log, the history and the items."


@dataclass(frozen=True)
class Session:
    """What a user sees of a session: the answer, the tool calls with their output, tokens in (cached too) and out."""

    answer: str
    ran: Sequence[tuple[str, str]]
    tokens: tuple[int, int]


@dataclass(frozen=True)
class Agent:
    """One agent's command line."""

    name: str
    program: str
    shell: Callable[[str], Call]
    start: Callable[[str, Path], tuple[list[str], dict[str, str]]]  # address, home → arguments, environment
    read: Callable[[str], Session]

    @property
    def path(self) -> str | None:
        """Where its program is, if anywhere."""
        return shutil.which(INSTALLED / self.program)

    def session(self, url: str, folder: Path, home: Path) -> Session:
        """Runs it in a folder with the prompt."""
        arguments, environment = self.start(url, home)
        out = run([str(self.path), *arguments], folder, sandbox(home, **environment))
        return self.read(out)


def _lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _claude(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    quiet = dict.fromkeys(("DISABLE_AUTOUPDATER", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY"), "1")
    environment = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "sk-ant-test", "IS_SANDBOX": "1", **quiet}
    environment |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "")  # else it asks less
    form = ["--output-format", "stream-json", "--verbose", "--dangerously-skip-permissions"]
    return ["-p", PROMPT, *form], environment


def _claude_session(out: str) -> Session:
    events = _lines(out)
    parts = [part for e in events if e["type"] in ("assistant", "user") for part in _parts(e["message"]["content"])]
    results = {part["tool_use_id"]: _text(part["content"]) for part in parts if part["type"] == "tool_result"}
    ran = [(part["input"]["command"], results[part["id"]]) for part in parts if part["type"] == "tool_use"]
    spent = events[-1]["usage"]
    read = sum(spent[f"{kind}input_tokens"] for kind in ("", "cache_read_", "cache_creation_"))
    return Session(events[-1]["result"], ran, (read, spent["output_tokens"]))


def _parts(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else []


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _codex(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    provider = f'{{name="p", base_url="{url}/v1", env_key="OPENAI_API_KEY", wire_api="responses"}}'
    chosen = ["-c", f"model_providers.p={provider}", "-c", 'model_provider="p"', "-m", "gpt-5.1-codex"]
    chosen += ["-c", "tool_output_token_limit=10000"]  # what it has for models that it knows
    free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ["exec", "--json", *free, *chosen, PROMPT], {"OPENAI_API_KEY": "sk-test", "CODEX_HOME": str(home)}


def _codex_session(out: str) -> Session:
    events = _lines(out)
    items = [event["item"] for event in events if event["type"] == "item.completed"]
    ran = [(i["command"], i["aggregated_output"]) for i in items if i["type"] == "command_execution"]
    said = [item["text"] for item in items if item["type"] == "agent_message"]
    spent = events[-1]["usage"]
    return Session(said[-1], ran, (spent["input_tokens"], spent["output_tokens"]))


def _opencode(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    models = {"m-1": {"name": "m", "limit": {"context": 200_000, "output": 8000}, "tool_call": True}}
    options = {"baseURL": f"{url}/v1", "apiKey": "sk-test"}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "p", "options": options, "models": models}
    config = {"provider": {"p": provider}, "autoupdate": False, "share": "disabled", "permission": "allow"}
    quiet = ("AUTOUPDATE", "LSP_DOWNLOAD", "MODELS_FETCH", "DEFAULT_PLUGINS", "PRUNE")
    off = {f"OPENCODE_DISABLE_{name}": "1" for name in quiet}
    arguments = ["run", "--format", "json", "--auto", "-m", "p/m-1", "--title", "t", PROMPT]
    return arguments, {"OPENCODE_CONFIG_CONTENT": json.dumps(config), **off}


def _opencode_session(out: str) -> Session:
    parts = [event["part"] for event in _lines(out) if "part" in event]
    tools = [part["state"] for part in parts if part["type"] == "tool"]
    said = [part["text"] for part in parts if part["type"] == "text"]
    spent = [part["tokens"] for part in parts if part["type"] == "step-finish"]
    tokens = sum(one["input"] + one["cache"]["read"] for one in spent), sum(one["output"] for one in spent)
    return Session(said[-1], [(state["input"]["command"], state["output"]) for state in tools], tokens)


def _gemini(url: str, home: Path) -> tuple[list[str], dict[str, str]]:
    settings = {"privacy": {"usageStatisticsEnabled": False}, "security": {"auth": {"selectedType": "gemini-api-key"}}}
    off = {"general": {"disableAutoUpdate": True, "enableAutoUpdate": False}, "telemetry": {"enabled": False}}
    (home / ".gemini").mkdir(exist_ok=True)
    (home / ".gemini" / "settings.json").write_text(json.dumps({**settings, **off}))
    environment = {"GEMINI_API_KEY": "AIza-test", "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    return ["-p", PROMPT, "-y", "-m", "gemini-2.5-pro", "-o", "stream-json"], environment


def _gemini_session(out: str) -> Session:
    events = _lines(out)
    results = {event["tool_id"]: event.get("output", "") for event in events if event["type"] == "tool_result"}
    uses = [event for event in events if event["type"] == "tool_use"]
    ran = [(event["parameters"]["command"], results[event["tool_id"]]) for event in uses]
    said = "".join(e["content"] for e in events if e["type"] == "message" and e["role"] == "assistant")
    stats = events[-1]["stats"]
    return Session(said, ran, (stats["input_tokens"], stats["output_tokens"]))


_NPM = "node_modules/.bin/"
AGENTS = (
    Agent(
        "claude",
        _NPM + "claude",
        lambda command: Call("Bash", {"command": command, "description": "Look"}),
        _claude,
        _claude_session,
    ),
    Agent("codex", _NPM + "codex", lambda command: Call("exec_command", {"cmd": command}), _codex, _codex_session),
    Agent(
        "opencode",
        _NPM + "opencode",
        lambda command: Call("bash", {"command": command, "description": "Look"}),
        _opencode,
        _opencode_session,
    ),
    Agent(
        "gemini",
        _NPM + "gemini",
        lambda command: Call("run_shell_command", {"command": command}),
        _gemini,
        _gemini_session,
    ),
)

AIDER = INSTALLED / "aider" / "bin" / "aider"


def aider(url: str, folder: Path, home: Path, *arguments: str) -> str:
    """What aider prints. It calls no tools: what it shows the model stands in the user's messages."""
    off = "no-check-update no-show-model-warnings no-show-release-notes no-git no-pretty no-detect-urls"
    quiet = [f"--{flag}" for flag in (*off.split(), "no-suggest-shell-commands", "analytics-disable", "yes-always")]
    environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": f"{url}/v1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    chosen = [
        "--model",
        "openai/m-1",
        "--edit-format",
        "whole",
        "--map-tokens",
        "0",
        "--max-chat-history-tokens",
        "90000",
    ]
    return run([str(AIDER), *chosen, *quiet, *arguments], folder, sandbox(home, **environment))
