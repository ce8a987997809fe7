"""How fast, how linear and how frugal the library is, on inputs made here: `python -m benchmarks.speed`.

Every measurement is the first call of a fresh process. Times are of the processor, so that a busy machine tells the
same story; memory is the growth of the process's peak over its size right after the import, in multiples of the input.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MB = 1_000_000
LINEAR_STEPS = (1, 10)
LINEAR_LIMIT, ADVERSARIAL_LIMIT, MEMORY_LIMIT, IMPORT_MS, IMPORT_MB = 12.0, 2.0, 12.0, 60.0, 30.0
_WORDS = "request server cache index worker token queue batch storage session client update retry schema parser".split()
_IMPORTS = 7
_STATUS = Path("/proc/self/status")


def _filled(size: int, piece: Callable[[int, random.Random], str]) -> str:
    """Pieces one after the other until `size` characters are reached; the same for every run."""
    chance, length = random.Random(size), 0
    out: list[str] = []
    while length < size:
        out.append(piece(len(out), chance))
        length += len(out[-1]) + 1
    return "\n".join(out)


def _log(i: int, chance: random.Random) -> str:
    level = "ERROR" if chance.random() < 0.01 else chance.choice(("INFO", "INFO", "DEBUG", "WARN"))
    word, other = chance.sample(_WORDS, 2)
    stamp = f"2024-05-{1 + i // 86_400 % 28:02} {i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}"
    said = f"{word} {i} took {chance.randrange(900)} ms"
    return f"{stamp},{chance.randrange(1000):03} {level} [{word}-{i % 8}] com.example.{other}: {said}"


def _build(i: int, chance: random.Random) -> str:
    word = chance.choice(_WORDS)
    if i % 97 == 96:
        return f"src/{word}.c:{i}:{i % 60}: warning: unused variable '{word}{i}' [-Wunused-variable]"
    return f"[{i % 100:3}%] Building C object lib/CMakeFiles/{word}.dir/{word}_{i}.c.o"


def _table(i: int, chance: random.Random) -> str:
    state = chance.choice(("ok", "failed"))
    return f"{i:>8}  {chance.choice(_WORDS):<12}{chance.randrange(10**6):>10}  {state:<8}{chance.random():.4f}"


def _search(i: int, chance: random.Random) -> str:
    word, other = chance.sample(_WORDS, 2)
    return f"src/{_WORDS[i // 90 % 15]}/{word}_{i // 9}.py:{1 + i * 7 % 900}:    {other} = self.{word}({other}_{i})"


def _listing(i: int, chance: random.Random) -> str:
    return f"./{_WORDS[i // 900 % 15]}/{_WORDS[i // 60 % 15]}_{i // 60}/{chance.choice(_WORDS)}_{i}.py"


def _code(i: int, chance: random.Random) -> str:
    word, other = chance.sample(_WORDS, 2)
    count = chance.randrange(3, 14)
    calls = [f"    {other}_{k} = {word}.{chance.choice(_WORDS)}({k}, {other!r})" for k in range(count)]
    head = f'def {word}_{i}({other}: int) -> int:\n    """Give the {word} of a {other}."""'
    return "\n".join((head, *calls, f"    return {other}_0\n\n"))


def _diff(i: int, chance: random.Random) -> str:
    word, other = chance.sample(_WORDS, 2)
    names = f"diff --git a/{word}_{i}.py b/{word}_{i}.py\n--- a/{word}_{i}.py\n+++ b/{word}_{i}.py"
    head = f"{names}\n@@ -{i + 1},7 +{i + 1},7 @@\n"
    around = "\n".join(f"     {word} = {other}({k})" for k in range(3))
    return f"{head}{around}\n-    {other} = {word}({i})\n+    {other} = {word}({i}, {other!r})\n{around}"


def _passage(i: int, chance: random.Random) -> str:
    said = " ".join(
        f"The {a} of the {b} is read by the {c} before it is sent to a {d}."
        for a, b, c, d in (chance.sample(_WORDS, 4) for _ in range(chance.randrange(4, 12)))
    )
    return f"## {chance.choice(_WORDS).title()} {i}\n\n{said}\n"


def _json(size: int) -> str:
    def row(i: int, chance: random.Random) -> str:
        name, *tags = chance.sample(_WORDS, 3)
        return json.dumps({"id": i, "name": name, "size": chance.randrange(10**6), "tags": tags})

    return "[" + _filled(size, row).replace("\n", ", ") + "]"


def _html(size: int) -> str:
    def section(i: int, chance: random.Random) -> str:
        heading, _, said = _passage(i, chance).strip().partition("\n\n")
        return f'<div class="row"><h2 id="s{i}">{heading[3:]}</h2><p>{said}</p><a href="/p/{i}">more</a></div>'

    return f"<!DOCTYPE html>\n<html><body>\n{_filled(size, section)}\n</body></html>"


def _deep(size: int) -> str:
    depth = min(100_000, size // 2)
    return "[" * depth + "]" * depth


WORKLOADS: dict[str, Callable[[int], str]] = {
    "logs": lambda size: _filled(size, _log),
    "builds": lambda size: _filled(size, _build),
    "tables": lambda size: _filled(size, _table),
    "search": lambda size: _filled(size, _search),
    "listings": lambda size: _filled(size, _listing),
    "json": _json,
    "html": _html,
    "passages": lambda size: _filled(size, _passage),
    "diffs": lambda size: _filled(size, _diff),
    "code, aggressive": lambda size: _filled(size, _code),
}
ADVERSARIAL: dict[str, Callable[[int], str]] = {
    "one line": lambda size: "word " * (size // 5),
    "one word": lambda size: "x" * size,
    "1 M short lines": lambda size: "a\n" * (size // 2),
    "deep JSON": _deep,
    "all distinct": lambda size: _filled(size, lambda i, chance: f"{chance.getrandbits(160):040x}"),
    "all equal": lambda size: "the same line again and again\n" * (size // 30),
    "random bytes": lambda size: random.Random(1).randbytes(size).decode("latin-1"),
    "lone surrogates": lambda size: "broken \udc80 text \ud800\n" * (size // 16),
    "NULs": lambda size: "\x00" * size,
    "open quotes": lambda size: '{"a": "' * (size // 7),
    "escaped quotes": lambda size: '["' + '\\"' * (size // 2) + "]",
    "open braces": lambda size: "{a " * (size // 3),
    "open tags": lambda size: "<a " * (size // 3),
    "open fences": lambda size: "```\n| a\n" * (size // 8),
    "deep indentation": lambda size: "\n".join(" " * (i % 400) + "x:" for i in range(size // 202)),
    "digits": lambda size: "1" * size,
    "brackets": lambda size: "[{(<" * (size // 4),
    "spaces": lambda size: " " * size + "x",
    "pipes": lambda size: "| " * (size // 2),
    "colons": lambda size: "a:1:" * (size // 4),
    "carriage returns": lambda size: "10 %\r" * (size // 5),
    "escape sequences": lambda size: "\x1b[1A\x1b[2Kline\n" * (size // 14),
}


def _measure(name: str, size: int) -> dict[str, float]:
    """One input in a fresh process: its length, seconds of processor time, peak growth in bytes."""
    made = (WORKLOADS.get(name) or ADVERSARIAL[name])(size)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "input")
        file.write_bytes(made.encode("utf-8", "surrogatepass"))
        command = [sys.executable, "-m", "benchmarks.speed", "--worker", name, str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}, {size} characters: {done.stderr[-2000:]}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _work(name: str, file: Path) -> None:
    from headroom import MemoryStore, compress_text  # noqa: PLC0415 - what is measured begins here

    compress_text("a first line\n" * 100, store=MemoryStore())
    base = _peak()
    text = file.read_bytes().decode("utf-8", "surrogatepass")
    size, store = len(text), MemoryStore()
    began = time.process_time()
    result = compress_text(text, level="aggressive" if name.endswith("aggressive") else "balanced", store=store)
    seconds = time.process_time() - began
    if result.id is not None and store.get(result.id) != text:
        raise SystemExit("the store gives another text back")
    if result.tokens_after > result.tokens_before:
        raise SystemExit("the result is longer than the input")
    print(json.dumps({"size": size, "seconds": seconds, "memory": _peak() - base, "ratio": result.ratio}))


def _peak() -> int:
    """The largest size of this process so far in bytes; 0 where the system doesn't tell."""
    if _STATUS.exists():  # getrusage of a Linux process counts what its parent held before it became this one
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
        return int(found[1]) * 1024 if found else 0
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 0
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _import_cost() -> tuple[float, float]:
    """Milliseconds and megabytes that the import adds to an interpreter: the best of a few processes."""
    code = (
        "import time, json, benchmarks.speed as s; m = s._peak(); t = time.perf_counter(); import headroom; "
        "print(json.dumps([(time.perf_counter() - t) * 1e3, (s._peak() - m) / 1e6]))"
    )
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(_IMPORTS)]
    return min(run[0] for run in runs), min(run[1] for run in runs)


def _verdict(holds: bool) -> str:
    return "" if holds else "  <- beyond the limit"


def main() -> int:
    """Prints all measurements; the exit code is 1 where one is beyond its limit."""
    options = argparse.ArgumentParser("python -m benchmarks.speed", description=(__doc__ or "").partition("\n")[0])
    options.add_argument("names", nargs="*", help="only these workloads or adversarial inputs")
    options.add_argument("--mb", type=float, default=10.0, help="size of the large inputs in MB (default: 10)")
    options.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.worker:
        _work(chosen.worker[0], Path(chosen.worker[1]))
        return 0
    wanted = set(chosen.names) or {*WORKLOADS, *ADVERSARIAL, "import"}
    held = [_linear(name, chosen.mb) for name in WORKLOADS if name in wanted]
    held += [_survived(name, chosen.mb) for name in ADVERSARIAL if name in wanted]
    if "import" in wanted:
        ms, mb = _import_cost()
        held.append(ms <= IMPORT_MS and mb <= IMPORT_MB)
        print(f"{'import headroom':20} {ms:8.1f} ms  {mb:8.1f} MB{_verdict(held[-1])}")
    return 0 if all(held) else 1


def _linear(name: str, mb: float) -> bool:
    """A tenth of the size, then the whole: ten times the input may cost twelve times the time."""
    small, large = (_measure(name, int(mb * MB * step / LINEAR_STEPS[-1])) for step in LINEAR_STEPS)
    growth = large["seconds"] / small["seconds"] / (large["size"] / small["size"]) * LINEAR_STEPS[-1]
    memory = large["memory"] / large["size"]
    holds = growth <= LINEAR_LIMIT and memory <= MEMORY_LIMIT
    speeds = " ".join(f"{run['size'] / MB / run['seconds']:8.1f}" for run in (small, large))
    told = f"{speeds} MB/s  x10: {growth:5.1f}  memory x{memory:4.1f}  left {large['ratio']:.2f}"
    print(f"{name:20} {told}{_verdict(holds)}", flush=True)
    return holds


def _survived(name: str, mb: float) -> bool:
    run = _measure(name, int(mb * MB))
    per_mb, memory = run["seconds"] / (run["size"] / MB), run["memory"] / run["size"]
    holds = per_mb <= ADVERSARIAL_LIMIT and memory <= MEMORY_LIMIT
    told = f"{per_mb:8.3f} s/MB           memory x{memory:4.1f}  left {run['ratio']:.2f}"
    print(f"{name:20} {told}{_verdict(holds)}", flush=True)
    return holds


if __name__ == "__main__":
    sys.exit(main())
