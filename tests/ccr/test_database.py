"""One file, many connections: what one of them opens and closes takes no lock from another."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headroom.ccr.database import Database

SCHEMA = ("CREATE TABLE notes (text TEXT NOT NULL)",)
LOOK = (
    "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM notes').fetchall(); db.close()"
)


def note(database: Database, text: str) -> None:
    with database.transaction() as db:
        db.execute("INSERT INTO notes VALUES (?)", (text,))


def test_a_second_connection_leaves_the_first_its_locks(tmp_path: Path) -> None:
    """Without them another process that closes the file deletes the log that the first still writes to."""
    file = tmp_path / "notes.sqlite3"
    first, second = Database(file, SCHEMA, 1), Database(file, SCHEMA, 1)
    note(first, "before")
    with second.connection() as db:
        db.execute("SELECT * FROM notes").fetchall()
    second.close()
    subprocess.run([sys.executable, "-c", LOOK, str(file)], check=True, timeout=60)
    note(first, "after")
    other = sqlite3.connect(file)
    assert other.execute("SELECT text FROM notes").fetchall() == [("before",), ("after",)]
    other.close()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
def test_a_file_of_everybody_becomes_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "notes.sqlite3"
    file.touch()
    file.chmod(0o644)
    note(Database(file, SCHEMA, 1), "text")
    assert {one.stat().st_mode & 0o777 for one in tmp_path.iterdir()} == {0o600}
