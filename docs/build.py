"""Fills the generated parts of the documents, which stand between `<!-- begin: NAME -->` and `<!-- end -->`.

python docs/build.py                       what follows from the code: examples, options, reasons
python docs/build.py --figures bench-out   the table of a run of benchmarks.compare as well
python docs/build.py --check               names the parts that are out of date and changes nothing
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.compare import NOTE, OURS, THEIRS  # noqa: E402
from benchmarks.report import table  # noqa: E402

from headroom import Level, MemoryStore, compress_text, marker  # noqa: E402
from headroom.cli.common import summary  # noqa: E402
from headroom.options import Options  # noqa: E402
from headroom.proxy.endpoints import TABLE, Kind  # noqa: E402
from headroom.proxy.policy import keys  # noqa: E402
from headroom.proxy.settings import Settings  # noqa: E402

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CASES = ROOT / "tests" / "compressors" / "cases"
_PART = re.compile(r"(<!-- begin: ([\w-]+)(?: ([^\n]+))? -->\n).*?(<!-- end -->)", re.S)
_BEFORE, _AFTER, _WIDTH = 6, 24, 150


def example(name: str) -> str:
    """A case's input and what the command makes of it, long ones cut."""
    folder = CASES / name
    text = (folder / "input.txt").read_bytes().decode("utf-8", "surrogatepass")
    options = json.loads(file.read_text()) if (file := folder / "options.json").exists() else {}
    options.pop("target", None)
    result = compress_text(text, store=MemoryStore(), **options)
    shell = f"headroom compress {(folder / 'input.txt').relative_to(ROOT)}"
    shell += "".join(f" --{option} {shlex.quote(value)}" for option, value in sorted(options.items()))
    fence = "````" if "```" in text + result.text else "```"
    return (
        f"{fence}console\n$ head -{_BEFORE} {(folder / 'input.txt').relative_to(ROOT)}\n{_cut(text, _BEFORE)}\n"
        f"$ {shell}\n{_cut(result.text, _AFTER)}\n{fence}\n\n{summary(result.report)}\n"
    )


def _cut(text: str, most: int) -> str:
    lines = [line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…" for line in text.rstrip("\n").split("\n")]
    return "\n".join(lines if len(lines) <= most else [*lines[:most], f"… {len(lines) - most} more lines"])


def options(_: str) -> str:
    """Every option of the engine."""
    rows = ["| keyword | default | flag | variable | meaning |", "| --- | --- | --- | --- | --- |"]
    for field in fields(Options):
        default = field.default
        if isinstance(default, Level):
            default = default.value
        elif isinstance(default, frozenset):
            default = ", ".join(sorted(role.value for role in default))
        elif default == ():
            default = "–"
        flag, variable, meaning = (field.metadata[name] for name in ("flag", "env", "help"))
        variable = f"`{variable}`" if variable else "–"
        rows.append(f"| `{field.name}` | {default} | `{flag}` | {variable} | {meaning} |")
    return "\n".join(rows) + "\n"


def settings(_: str) -> str:
    """Every setting of the proxy."""
    rows = ["| flag | variable | default | meaning |", "| --- | --- | --- | --- |"]
    for field in fields(Settings):
        default = field.default.value if isinstance(field.default, Level) else field.default
        shown = "–" if default in ("", ()) else str(default)
        flag, variable, meaning, value = (field.metadata[name] for name in ("flag", "env", "help", "metavar"))
        rows.append(f"| `{flag}{f' {value}' if value else ''}` | `{variable}` | {shown} | {meaning} |")
    return "\n".join(rows) + "\n"


def config(_: str) -> str:
    """Every key of the configuration file's [proxy]."""
    flags = {field.name: field.metadata["flag"] for field in fields(Settings)}
    rows = [f"| `{name}` | {kind} | `{flags[name]}` |" for name, kind in keys()]
    return "\n".join(["| key | value | flag |", "| --- | --- | --- |", *rows]) + "\n"


def routes(_: str) -> str:
    """What the proxy looks into."""
    rows = ["| path | provider | what happens |", "| --- | --- | --- |"]
    for shape in TABLE:
        path = shape.path.replace("(?:", "(").replace("|", "\\|")
        rows.append(f"| `{path}` | {shape.endpoint.provider.value} | {_HAPPENS[shape.endpoint.kind]} |")
    return "\n".join(rows) + "\n"


_HAPPENS = {
    Kind.TURN: "new tool results shortened",
    Kind.ASIDE: "as it would be sent, nothing remembered",
    Kind.BATCH: "each request on its own, lossless",
}


def markers(_: str) -> str:
    """The forms of markers."""
    lines = [
        (marker.omitted(812, "lines", [(41, 852)], "passed tests"), "these lines, all of them"),
        (marker.omitted_among(25, 3, 73, "row 1–26 at 10:49:52"), "25 lines among those, others of which are shown"),
        (marker.omitted(4096, "characters"), "the rest of a long line or string"),
    ]
    width = max(len(shown) for shown, _ in lines) + 3
    return "```text\n" + "".join(f"{shown:<{width}}{meaning}\n" for shown, meaning in lines) + "```\n"


def closing(_: str) -> str:
    """The line at the end of a block that something was left out of."""
    return f"```text\n{marker.footer('k3v9x2mq')}\n{marker.footer('k3v9x2mq', tool='Bash')}\n```\n"


def figures(_: str, folder: Path) -> str:
    """The whole table of a benchmark run."""
    rows = _rows(folder)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    return table(rows, labels) + f"\n\n{NOTE if THEIRS in labels else f'{OURS} alone.'}\n"


def savings(_: str, folder: Path) -> str:
    """Savings and visible facts of a benchmark run."""
    rows = _rows(folder)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    return table(rows, labels, ("saved", "facts visible")) + "\n"


def _rows(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text("utf-8").splitlines()]


FROM_CODE: dict[str, Callable[[str], str]] = {
    "example": example,
    "options": options,
    "settings": settings,
    "config": config,
    "routes": routes,
    "markers": markers,
    "closing": closing,
}
FROM_FIGURES: dict[str, Callable[[str, Path], str]] = {"figures": figures, "savings": savings}


def built(text: str, measured: Path | None) -> str:
    """A document's text with its generated parts renewed; measured ones only where a run is given."""

    def part(found: re.Match[str]) -> str:
        name, argument = found[2], found[3]
        if name in FROM_CODE:
            return found[1] + FROM_CODE[name](argument) + found[4]
        if name not in FROM_FIGURES:
            raise SystemExit(f"no generated part is called {name!r}")
        return found[0] if measured is None else found[1] + FROM_FIGURES[name](argument, measured) + found[4]

    return _PART.sub(part, text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", type=Path, help="folder of a benchmark run")
    parser.add_argument("--check", action="store_true", help="change nothing, fail where a part is out of date")
    given = parser.parse_args()
    stale = False
    for document in DOCUMENTS:
        before = document.read_text("utf-8")
        after = built(before, given.figures)
        if after == before:
            continue
        stale = True
        print(f"{document.relative_to(ROOT)}: {'out of date' if given.check else 'renewed'}")
        if not given.check:
            document.write_text(after, "utf-8")
    sys.exit(1 if stale and given.check else 0)


if __name__ == "__main__":
    main()
