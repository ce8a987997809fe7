"""Files that tools write: lock files, generated and vendored code; and the versions that a lock file's diff changes."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LOCK_NAMES = frozenset(
    "package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock poetry.lock pdm.lock uv.lock pipfile.lock "
    "cargo.lock go.sum go.work.sum gemfile.lock composer.lock mix.lock pubspec.lock podfile.lock flake.lock "
    "package.resolved packages.lock.json gradle.lockfile .terraform.lock.hcl deno.lock conda-lock.yml".split()
)
_GENERATED = re.compile(
    r"(?:^|/)(?:node_modules|vendor|third_party|bower_components|__generated__|__snapshots__)/"
    r"|\.min\.(?:js|css|mjs)$|\.(?:js|css)\.map$|_pb2(?:_grpc)?\.pyi?$|\.pb(?:\.gw)?\.go$|\.g\.dart$|\.designer\.cs$|\.snap$",
    re.IGNORECASE,
)
_NAME = re.compile(
    r'(?:name = "(?P<toml>[^"]+)"|"name": "(?P<json>[^"]+)",?|"(?:[^"]*node_modules/)?(?P<npm>[^"]+)": \{'
    r"|[\"']?/?(?P<yarn>@?[^@\"'\s]+)@[^\s].*:)$"
)
_VERSION = re.compile(r'(?:version = |"version": |version:? )"?([^",\s]+)"?,?$')
_ON_ONE_LINE = re.compile(
    r"(?P<go>\S+) (?P<go_version>v\S+?)(?:/go\.mod)? h1:\S+$|(?P<gem>[\w.\-]+) \((?P<gem_version>\d[^)\s]*)\)$"
)


def kind_of(path: str) -> str:
    """What a file that nobody edits by hand is, "" for a source file."""
    name = path.rsplit("/", 1)[-1].lower()
    if name in _LOCK_NAMES:
        return "lock file"
    return "generated or vendored file" if _GENERATED.search(path) else ""


def version_changes(rows: Iterable[tuple[str, str]]) -> list[str]:
    """The packages whose version changes, from (kind, line) rows of a lock file's hunks: "flask 3.1.0 → 3.1.1".

    A package that only one side has is "flask 3.1.0 removed" or "flask 3.1.1 added".
    """
    seen: dict[str, tuple[list[str], list[str]]] = {}
    names = {"-": "", "+": ""}  # whose entry the old and the new file are in
    for kind, line in rows:
        name, version = _entry(line.strip())
        if name:
            names.update(dict.fromkeys("-+" if kind == " " else kind, name))
        if version and kind in names and names[kind]:
            side = seen.setdefault(names[kind], ([], []))["-+".index(kind)]
            if version not in side:
                side.append(version)
    return [_change(package, old, new) for package, (old, new) in seen.items() if old != new]


def _entry(line: str) -> tuple[str, str]:
    """The package and the version that a line of a lock file names, "" for what it doesn't."""
    both = _ON_ONE_LINE.match(line)
    if both:
        return both["go"] or both["gem"], both["go_version"] or both["gem_version"]
    version = _VERSION.match(line)
    if version:
        return "", version[1]
    name = _NAME.match(line)
    return (name[name.lastgroup or 0] if name else ""), ""


def _change(package: str, old: list[str], new: list[str]) -> str:
    before = [version for version in old if version not in new]
    after = [version for version in new if version not in old]
    if before and after:
        return f"{package} {', '.join(before)} → {', '.join(after)}"
    return f"{package} {', '.join(before)} removed" if before else f"{package} {', '.join(after)} added"
