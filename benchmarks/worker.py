"""Runs in the interpreter that is measured: reads jobs as JSON lines, compresses each once, answers with JSON lines.

Imports nothing but the standard library and the package under test, of which it uses `from headroom import compress`
with OpenAI chat messages: a question, the tool call, the tool's result.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from pathlib import Path
from typing import Any

_ANSWERS = sys.stdout
sys.stdout = sys.stderr  # whatever the package prints must not get between the answers
# What a package loads on demand for data, logs and prose is loaded before the clock runs.
WARM_UP = (
    json.dumps([{"a": number, "b": "x"} for number in range(60)]),
    "".join(f"2026-01-01 00:00:{second:02} INFO job {second} done\n" for second in range(60)),
    "A paragraph of plain text, as manuals and articles have them. It says little.\n\n" * 40,
)
_STATUS = Path("/proc/self/status")


def peak_mib() -> float:
    """The highest resident size of this process so far, in MiB."""
    if _STATUS.exists():  # getrusage of a Linux process counts what its parent held before it became this one
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        return int(found[1]) / 1024 if found else 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def conversation(job: dict[str, Any]) -> list[dict[str, Any]]:
    """The payload as a chat client would send it."""
    arguments = json.dumps({"command": job["command"]} if job["command"] else {"path": job["path"]})
    call = {"id": "call_1", "type": "function", "function": {"name": job["tool"], "arguments": arguments}}
    return [
        {"role": "user", "content": job["question"]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": job["text"]},
    ]


def text_of(content: Any) -> str:
    """The text of a message's content, parts one below the other."""
    if isinstance(content, str):
        return content
    return "\n".join(text_of(part.get("text") or "") for part in content or ())


def answer(value: dict[str, Any]) -> None:
    _ANSWERS.write(json.dumps(value) + "\n")
    _ANSWERS.flush()


def main() -> None:
    started = time.perf_counter()
    from headroom import compress  # noqa: PLC0415 - its cost is one of the figures

    imported = time.perf_counter() - started
    for text in WARM_UP:
        compress(
            conversation({"question": "?", "tool": "Bash", "command": "true", "path": "", "text": text}), model="gpt-4o"
        )
    answer({"import_s": imported, "start_s": time.perf_counter() - started, "base_mib": peak_mib()})
    for line in sys.stdin:
        job = json.loads(line)
        messages = conversation(job)
        error, text = "", job["text"]
        started, used = time.perf_counter(), time.process_time()
        try:
            result = compress(messages, model="gpt-4o", **job["options"])
            seconds = time.perf_counter() - started
            text = text_of(result.messages[-1]["content"])
            # A package that reports its failures block by block is taken at its word.
            error = getattr(result.blocks[-1], "detail", "") if getattr(result, "blocks", ()) else ""
        except Exception as failure:  # what fails is a row of the report
            seconds, error = time.perf_counter() - started, repr(failure)[:300]
        used = time.process_time() - used
        answer({"seconds": seconds, "cpu_seconds": used, "peak_mib": peak_mib(), "error": error, "text": text})


if __name__ == "__main__":
    main()
