"""The git history that the demo shows: this clone's where it is long enough, else one made in a temporary folder."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path

_FEWEST_COMMITS, _MOST_COMMITS = 20, 150
_SMALLEST_DIFF, _LARGEST_DIFF = 4_000, 80_000
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Demo", "GIT_AUTHOR_EMAIL": "demo@localhost", "GIT_COMMITTER_NAME": "Demo",
    "GIT_COMMITTER_EMAIL": "demo@localhost", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
}  # fmt: skip
_RENAMINGS = (("ValueError", "BadInput"), ("isinstance(", "is_a("), ("encoding", "charset"))
_LOG = ["git", "-c", "core.pager=cat", "log", "--no-color", "--stat", f"-{_MOST_COMMITS}"]

Run = Callable[..., str]


def history(folder: Path, run: Run) -> tuple[str, str]:
    """`git log --stat`, and whose history it is."""
    clone = _clone(run)
    return run(_LOG, clone or made(folder, run)), "this clone" if clone else "made here"


def changes(folder: Path, run: Run) -> tuple[str, str]:
    """The newest `git diff` between two neighbouring commits that is of a size worth reading, and whose it is."""
    clone = _clone(run)
    found = _newest_diff(clone, run) if clone else ""
    if found:
        return found, "this clone"
    return _newest_diff(made(folder, run), run), "made here"


def _newest_diff(repository: Path, run: Run) -> str:
    for commit in run(["git", "rev-list", "--no-merges", "-30", "HEAD"], repository).split()[:-1]:
        text = run(["git", "diff", "--no-color", f"{commit}~1", commit], repository)
        if _SMALLEST_DIFF <= len(text) <= _LARGEST_DIFF:
            return text
    return ""


def _clone(run: Run) -> Path | None:
    """The clone that this package is installed from, where its history is long enough."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    count = run(["git", "rev-list", "--count", "HEAD"], root).strip()
    return root if count.isdigit() and int(count) >= _FEWEST_COMMITS else None


def made(folder: Path, run: Run) -> Path:
    """A repository into which files of the standard library are committed one by one and then changed, three times."""
    library = Path(sysconfig.get_path("stdlib"))
    files = [*sorted((library / "json").glob("*.py")), *sorted((library / "email").glob("*.py"))][:24]
    root = folder / "repository"
    root.mkdir()
    run(["git", "init", "-q"], root)
    for number, file in enumerate(files):
        (root / file.name).write_text(file.read_text("utf-8"), "utf-8")
        _commit(root, f"Add {file.parent.name}/{file.name}", number, run)
    for number, (old, new) in enumerate(_RENAMINGS):
        for file in files:
            text = (root / file.name).read_text("utf-8")
            (root / file.name).write_text(text.replace(old, new), "utf-8")
        _commit(root, f"Rename {old.strip('(')} to {new.strip('(')}", len(files) + number, run)
    return root


def _commit(root: Path, subject: str, number: int, run: Run) -> None:
    date = f"2026-01-{1 + number // 24:02}T{number % 24:02}:00:00Z"
    run(["git", "add", "-A"], root)
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    run(["git", "commit", "-q", "-m", subject], root, {**_IDENTITY, **dates})
