"""The same bytes whatever the process, the hash seed and the installed extras are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Compresses every case input at every level and prints one digest; argv[1] says which import to make impossible.
_PROGRAM = """
import hashlib, json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == sys.argv[1]:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
from headroom import Level, MemoryStore
from headroom.model import Block, Role
from headroom.options import Options
from headroom.pipeline import compress_blocks
from headroom.plugins import compressors
from tests.compressors.test_cases import cases

total = hashlib.sha256()
for case in cases():
    for level in Level:
        block = Block(case.text, (0,), Role.TOOL, case.context().call)
        (outcome,) = compress_blocks([block], Options(level=level), MemoryStore())
        total.update(outcome.text.encode("utf-8", "surrogatepass"))
        total.update(repr(outcome.report).encode("utf-8", "surrogatepass"))
print(len(cases()), total.hexdigest(), "bpe_openai" in sys.modules)
"""


def digest(seed: str, absent: str = "") -> str:
    """The digest that a fresh process with this hash seed prints."""
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, absent],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def reference() -> str:
    return digest("0")


@pytest.mark.parametrize("seed", ["1", "4242", "random"])
def test_fresh_processes_agree(reference: str, seed: str) -> None:
    assert digest(seed) == reference


@pytest.mark.parametrize("extra", ["bpe_openai", "rich", "platformdirs"])
def test_packages_that_do_not_compress_change_nothing(reference: str, extra: str) -> None:
    assert digest("0", absent=extra) == reference


def test_exact_counts_take_no_part(reference: str) -> None:
    assert reference.strip().endswith("False"), "the tokenizer of the [tokens] extra was loaded while compressing"
