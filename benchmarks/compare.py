"""Headroom beside headroom-ai from the package index, on the same inputs, with one tokenizer and one check of facts.

    python -m benchmarks.compare                         inputs made on this machine
    python -m benchmarks.compare --corpus DIR            payloads with MANIFEST.jsonl and NEEDLES.jsonl
    python -m benchmarks.compare --no-incumbent          this package alone

Writes rows.jsonl (a row per payload and package) and table.md to --out. Every payload is compressed once, in a worker
process per workload that compressed one small text before. Tokens are o200k_base's, by `bpe-openai`. Facts are strings
found in the raw payload by simple rules (or NEEDLES.jsonl); headroom/demo/facts.py says when one counts as visible.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.inputs import QUESTION, Input, from_corpus, from_this_machine
from benchmarks.report import Row, table
from headroom.demo.facts import Fact, missing
from headroom.model import Level
from headroom.tokens import exact_counter

INCUMBENT = "headroom-ai[code,html,proxy]==0.42.0"
OURS, THEIRS = "headroom", "headroom-ai 0.42.0"
_ASKED_PER_PAYLOAD = 4
NOTE = (
    f"{THEIRS} is the package of that name on the index, in its own virtual environment, at its defaults, with the "
    "extras code, html and proxy. The run is offline (HF_HUB_OFFLINE=1): its text model, a download, could not be "
    "loaded and takes no part."
)


def incumbent_python(out: Path) -> Path:
    """The interpreter of a virtual environment with the incumbent, made on first use (some 800 MB)."""
    venv = out / "incumbent"
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = venv / "installed"
    if not done.exists():
        print(f"installing {INCUMBENT} into {venv} (once, some 800 MB)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", INCUMBENT], check=True)
        done.touch()
    return python


def environment(python: Path, home: Path) -> dict[str, str]:
    """Offline, a throw-away home, and the token vocabularies that litellm carries."""
    found = subprocess.run(
        [str(python), "-c", "import importlib.util as u; s = u.find_spec('litellm'); print(s.origin if s else '')"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "HEADROOM_TELEMETRY": "off", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    if found:
        offline["TIKTOKEN_CACHE_DIR"] = str(Path(found).parent / "litellm_core_utils" / "tokenizers")
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HEADROOM_STORE")}
    return {**clean, **offline, "HOME": str(home), "HEADROOM_HOME": str(home / "headroom")}


class Worker:
    """A process that compresses payloads with one installed package."""

    def __init__(self, python: Path, home: Path) -> None:
        self._errors = (home / "worker-errors.txt").open("a+")
        self._process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, cwd=home,
            env=environment(python, home),
        )  # fmt: skip
        self.start = self._answer()

    def compress(self, job: dict[str, Any]) -> dict[str, Any]:
        """The answer to one job."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise SystemExit(f"a worker ended early:\n{self._errors.read()[-2000:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(label: str, python: Path, inputs: Iterable[Input], ask: bool, home: Path) -> Iterator[Row]:
    """A row per payload (with `ask`: per fact), workload by workload, each in a fresh process."""
    count = exact_counter()
    if count is None:
        raise SystemExit("the benchmark counts tokens with bpe-openai: pip install -e '.[tokens]'")
    for workload, group in groupby(inputs, key=lambda one: one.workload):
        worker = Worker(python, home)
        for one in group:
            payload = one.payload
            options = {"level": payload.level.value} if label == OURS and payload.level is not Level.BALANCED else {}
            job = {"text": payload.text, "tool": payload.tool, "command": payload.command, "path": payload.path}
            before = count(payload.text)
            for question, facts in _runs(payload.facts, ask):
                answer = worker.compress({**job, "question": question, "options": options})
                lost = missing(answer["text"], facts)
                yield {
                    "label": label, "workload": workload, "payload": payload.name, "question": question,
                    "bytes": len(payload.text.encode("utf-8", "surrogateescape")), "tokens_before": before,
                    "tokens_after": count(answer["text"]), "facts": len(facts), "facts_visible": len(facts) - len(lost),
                    "lost": [fact.answers for fact in lost], "seconds": answer["seconds"],
                    "cpu_seconds": answer["cpu_seconds"], "error": answer["error"],
                    "peak_mib": answer["peak_mib"], **worker.start,
                }  # fmt: skip
        worker.close()


def _runs(facts: tuple[Fact, ...], ask: bool) -> list[tuple[str, tuple[Fact, ...]]]:
    if not ask:
        return [(QUESTION, facts)]
    return [(fact.question, (fact,)) for fact in facts[:_ASKED_PER_PAYLOAD]]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="folder with MANIFEST.jsonl and NEEDLES.jsonl")
    parser.add_argument("--workload", action="append", help="only this workload; may be repeated")
    parser.add_argument("--aggressive", action="append", default=["code"], help="workload of the corpus to outline")
    parser.add_argument("--ask", action="store_true", help="one run per fact, its question asked before the tool call")
    parser.add_argument("--no-incumbent", action="store_true", help="measure this package alone")
    parser.add_argument("--incumbent-python", type=Path, help="interpreter that has the incumbent installed")
    parser.add_argument("--out", type=Path, default=Path("bench-out"), help="folder for the results")
    given = parser.parse_args()
    if given.ask and given.corpus is None:
        parser.error("--ask needs --corpus: facts of this machine's payloads have no question of their own")
    return given


def main() -> None:
    given = arguments()
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out.resolve()
    with tempfile.TemporaryDirectory(prefix="headroom-bench-") as temporary:
        folder = Path(temporary)
        levels = dict.fromkeys(given.aggressive, Level.AGGRESSIVE)
        found = from_corpus(given.corpus, levels) if given.corpus else from_this_machine(folder)
        inputs = sorted(found, key=lambda one: one.workload)
        inputs = [one for one in inputs if not given.workload or one.workload in given.workload]
        packages = {OURS: Path(sys.executable)}
        if not given.no_incumbent:
            # Not resolved: a virtual environment's interpreter is a link, and the link's place is what counts.
            packages[THEIRS] = (given.incumbent_python or incumbent_python(out)).absolute()
        rows: list[Row] = []
        with (out / "rows.jsonl").open("w", encoding="utf-8") as file:
            for label, python in packages.items():
                home = folder / f"home-{len(rows)}"
                home.mkdir()
                for row in measure(label, python, inputs, given.ask, home):
                    rows.append(row)
                    file.write(json.dumps(row) + "\n")
                    if sys.stderr.isatty():
                        print(f"\r{label}: {row['workload']}\x1b[K", end="", file=sys.stderr)
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr)
    text = table(rows, list(packages)) + "\n" + ("" if given.no_incumbent else f"\n{NOTE}\n")
    (out / "table.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
