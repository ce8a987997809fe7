"""A TOML file that a user has written: what is wrong in it is said with file, line and key."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headroom.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_HEADER = re.compile(r"""\s*\[+\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[\w-]+))""")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A file with its text and what that says."""

    path: Path
    text: str
    tables: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> TomlFile:
        """The file. Raises InputError where it can't be read."""
        try:
            text = path.read_bytes().decode()
            return cls(path, text, tomllib.loads(text))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}:{error.object.count(10, 0, error.start) + 1}: not UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            line = place[1] if place and place[1] else text.count("\n") + 1
            raise InputError(f"{path}:{line}: not TOML: {_PLACE.sub('', str(error))}") from error

    def wrong(self, table: str, key: str, what: str) -> InputError:
        """The error to be raised for a key of a table, or for the table where the key is empty."""
        name = table if re.fullmatch(r"[\w-]+", table) else f'"{table}"'
        return InputError(f"{self.path}:{self._line(table, key)}: {f'[{name}] {key}'.rstrip()}: {what}")

    def _line(self, table: str, key: str) -> int:
        """Where a table's key stands, as far as a look at each line tells; else where the table begins."""
        inside, lines = "", []
        for number, line in enumerate(self.text.split("\n"), 1):
            if header := _HEADER.match(line):
                inside = next(filter(None, header.groups()), "")
            if inside == table or (not inside and line.lstrip(" \t\"'").startswith(table)):
                lines.append((number, line))
        sought = re.compile(rf"""(?:^|[\s.,{{])["']?{re.escape(key)}["']?\s*[=.\]]""")
        here = [number for number, line in lines if key and not line.lstrip().startswith("#") and sought.search(line)]
        return next(iter(here), lines[0][0] if lines else 1)
