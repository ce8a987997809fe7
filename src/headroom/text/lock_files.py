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
_ON_ONE_LINE = re.compile(r"(?P<go>\S+) (?P<go_version>v\S+?)(?:/go\.mod)? h1:\S+$|(?P<gem>[\w.\-]+) \((?P<gem_version>\d[^)\s]*)\)$")


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
    name = ""
    for kind, line in rows:
        line = line.strip()
        single = _ON_ONE_LINE.match(line)
        version = None
        if single:
            name = single["go"] or single["gem"]
            found_version = single["go_version"] or single["gem_version"]
        else:
            version = _VERSION.match(line)
            found_version = version[1] if version else ""
            named = None if version else _NAME.match(line)
            if named:
                name = named[named.lastgroup or 0]
        if kind != " " and found_version and name:
            sides = seen.setdefault(name, ([], []))
            side = sides[0] if kind == "-" else sides[1]
            if found_version not in side:
                side.append(found_version)
    return [_change(package, old, new) for package, (old, new) in seen.items() if old != new]


def _change(package: str, old: list[str], new: list[str]) -> str:
    before = [version for version in old if version not in new]
    after = [version for version in new if version not in old]
    if before and after:
        return f"{package} {', '.join(before)} → {', '.join(after)}"
    return f"{package} {', '.join(before)} removed" if before else f"{package} {', '.join(after)} added"
