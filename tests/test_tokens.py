"""Laws of the token estimate, and its error where the real tokenizer is installed."""

from __future__ import annotations

import inspect
import json
import os
import random
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.tokens import count_tokens, exact_counter

# Includes lone surrogates: tool output read with "surrogateescape" has them.
ANY_TEXT = st.text(st.characters(), max_size=300)
ASCII_TEXT = st.text(st.characters(max_codepoint=127), max_size=300)


def _library_source(name: str) -> str:
    __import__(name)
    return inspect.getsource(sys.modules[name])


def _records(count: int) -> list[dict[str, object]]:
    rng = random.Random(5)
    names = ["alpha", "worker", "frontend", "database", "scheduler"]
    return [
        {"id": row, "name": rng.choice(names), "ready": rng.random() < 0.5, "latency_ms": rng.randrange(5000)}
        for row in range(count)
    ]


def _table(separator: str) -> str:
    rows = [separator.join(str(value) for value in record.values()) for record in _records(300)]
    return "\n".join([separator.join(_records(1)[0]), *rows])


def _numbered(text: str) -> str:
    return "\n".join(f"{number:6d}\t{line}" for number, line in enumerate(text.split("\n"), 1))


def _hex_lines() -> str:
    rng = random.Random(11)
    return "\n".join(rng.randbytes(20).hex() for _ in range(200))


def _log_lines() -> str:
    rng = random.Random(3)
    return "\n".join(
        f"2024-03-{rng.randrange(1, 29):02d}T10:{rng.randrange(60):02d}:07.{rng.randrange(1000):03d}Z INFO "
        f"worker-{rng.randrange(9)} request finished in {rng.randrange(900)} ms status=200"
        for _ in range(300)
    )


CHINESE = "这个函数读取配置文件，如果文件不存在，就返回默认值。请检查路径是否正确，然后重新运行测试。\n" * 20
JAPANESE = "この関数は設定ファイルを読み込みます。ファイルが存在しない場合は、既定の値を返します。\n" * 20
RUSSIAN = "Эта функция читает файл настроек. Если файл не существует, возвращается значение по умолчанию.\n" * 20

SAMPLES: dict[str, Callable[[], str]] = {
    "source argparse": lambda: _library_source("argparse"),
    "source textwrap": lambda: _library_source("textwrap"),
    "source json.decoder": lambda: _library_source("json.decoder"),
    "numbered source": lambda: _numbered(_library_source("argparse")),
    "json indented": lambda: json.dumps(_records(300), indent=2),
    "json spaced": lambda: json.dumps(_records(300)),
    "json dense": lambda: json.dumps(_records(300), separators=(",", ":")),
    "json in a string": lambda: json.dumps(_library_source("textwrap")),
    "comma table": lambda: _table(","),
    "tab table": lambda: _table("\t"),
    "log": _log_lines,
    "hex": _hex_lines,
}
# Words of several Chinese characters that are one token each are beyond the estimate: it errs on the high side.
OTHER_SCRIPTS = {"Chinese": (CHINESE, 0.7), "Japanese": (JAPANESE, 0.25), "Russian": (RUSSIAN, 0.25)}
PAIRS = [
    ("json indented", "json dense"),
    ("json spaced", "json dense"),
    ("json dense", "comma table"),
    ("json dense", "tab table"),
    ("comma table", "tab table"),
    ("numbered source", "source argparse"),
]


@pytest.fixture(scope="module")
def exact() -> Callable[[str], int]:
    counter = exact_counter()
    if counter is None:
        pytest.skip("the real tokenizer is not installed")
    return counter


def test_the_empty_text_has_no_tokens() -> None:
    assert count_tokens("") == 0


@given(ANY_TEXT)
def test_any_other_text_has_at_least_one_and_at_most_one_per_byte(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    assert min(1, size) <= count_tokens(text) <= 1.2 * size + 1


@given(ANY_TEXT, ANY_TEXT)
def test_counts_of_parts_add_up(left: str, right: str) -> None:
    apart = count_tokens(left) + count_tokens(right)
    assert abs(count_tokens(left + right) - apart) <= 8


@given(ANY_TEXT, ANY_TEXT)
def test_more_text_is_never_clearly_cheaper(left: str, right: str) -> None:
    assert count_tokens(left + right) >= count_tokens(left) - 4


@given(ASCII_TEXT, st.integers(min_value=2, max_value=40))
def test_a_repeated_text_costs_its_share_each_time(text: str, times: int) -> None:
    block = "start\n" + text + "\nend\n"
    per_block = count_tokens(block * 2) - count_tokens(block)
    assert abs(count_tokens(block * times) - times * per_block) <= 2 * times + 4


@pytest.mark.parametrize("size", [16_379, 16_380, 16_383, 16_384, 16_385, 16_388, 32_768, 50_001])
def test_work_in_pieces_leaves_no_seam(size: int) -> None:
    text = (_library_source("argparse") * 2)[:size]
    halves = [text[:9_000], text[9_000:]]
    assert abs(count_tokens(text) - sum(count_tokens(half) for half in halves)) <= 4


def test_lone_surrogates_are_counted() -> None:
    assert count_tokens("\ud800") >= 1
    assert abs(count_tokens("error: \udcff\udcfe in file") - count_tokens("error:  in file")) <= 10


def test_the_count_does_not_depend_on_the_process() -> None:
    program = textwrap.dedent(
        """
        import argparse, inspect
        from headroom.tokens import count_tokens
        print(count_tokens(inspect.getsource(argparse)), count_tokens("naïve 日本語 🚀 \\udcff" * 9))
        """
    )
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_no_counter_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bpe_openai", None)
    assert exact_counter() is None


def test_the_exact_counter_takes_long_texts_and_surrogates(exact: Callable[[str], int]) -> None:
    assert exact("") == 0
    assert exact("word " * 250_000) >= 250_000
    assert exact("a\udcffb") >= 1


@pytest.mark.parametrize("name", SAMPLES)
def test_error_per_kind_of_text(name: str, exact: Callable[[str], int]) -> None:
    text = SAMPLES[name]()
    assert count_tokens(text) == pytest.approx(exact(text), rel=0.08)


@pytest.mark.parametrize("name", OTHER_SCRIPTS)
def test_error_in_other_scripts(name: str, exact: Callable[[str], int]) -> None:
    text, tolerance = OTHER_SCRIPTS[name]
    assert count_tokens(text) == pytest.approx(exact(text), rel=tolerance)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_error_of_the_ratio_between_two_forms(one: str, other: str, exact: Callable[[str], int]) -> None:
    first, second = SAMPLES[one](), SAMPLES[other]()
    assert count_tokens(first) / count_tokens(second) == pytest.approx(exact(first) / exact(second), rel=0.08)


def test_error_over_the_samples(exact: Callable[[str], int]) -> None:
    texts = [make() for make in SAMPLES.values()]
    errors = [abs(count_tokens(text) - exact(text)) / exact(text) for text in texts]
    assert sum(errors) / len(errors) <= 0.05
