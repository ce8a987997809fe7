"""What tokens cost: names as providers return them, tariffs of long prompts, and the user's own file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from headroom.errors import InputError
from headroom.ledger.prices import BANDS, Price, cost, price
from headroom.ledger.record import Bill

SONNET = (3.0, 0.3, 3.75, 6.0, 15.0)
Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADROOM_HOME", str(tmp_path))
    monkeypatch.delenv("HEADROOM_PRICES", raising=False)


@pytest.fixture
def own(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "prices.toml"
        file.write_text(text)
        return file

    return write


def per_million(found: Price | None) -> tuple[float, ...] | None:
    return found and tuple(round(one * 1e6, 6) for one in found)


@pytest.mark.parametrize(
    "name",
    [
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "claude-sonnet-4-5@20250929",
        "anthropic/claude-sonnet-4-5",
        "Anthropic/Claude-Sonnet-4.5",
    ],
)
def test_a_model_is_found_by_the_names_it_goes_by(name: str) -> None:
    assert per_million(price(name)) == SONNET


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("gpt-5-2025-08-07", "openai/gpt-5"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        (
            "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
    ],
)
def test_names_of_one_model_have_one_price(name: str, other: str) -> None:
    assert price(name) == price(other)
    assert price(name) is not None


@pytest.mark.parametrize("name", ["", "my-deployment", "azure/my-deployment", "prod", "x/y/z", "anthropic.", "é" * 50])
def test_a_name_that_says_nothing_has_no_price(name: str) -> None:
    assert price(name) is None
    assert cost(name, 0, Bill(1_000)) is None


def test_long_prompts_have_a_tariff_of_their_own() -> None:
    found = [per_million(price("claude-sonnet-4-5", band)) for band in range(len(BANDS) + 1)]
    assert found == [SONNET, SONNET, *[(6.0, 0.6, 7.5, 12.0, 22.5)] * 2]


def test_where_caching_has_no_price_it_gains_nothing() -> None:
    found = price("gpt-5")
    assert found is not None
    assert found.cache_write == found.cache_write_1h == found.input > found.cache_read


def test_a_bill_is_added_up() -> None:
    bill = Bill(1_000, 10_000, 2_000, 3_000, 400)
    assert cost("claude-sonnet-4-5", 0, bill) == pytest.approx(0.003 + 0.003 + 0.0075 + 0.018 + 0.006)


def test_a_file_of_ones_own_comes_first(own: Write) -> None:
    own('["My-Model*"]\ninput = 2\noutput = 8.5\n["claude-sonnet*"]\ninput = 1.0\ncache_read = 0.5\noutput = 4\n')
    assert per_million(price("my-model-7b")) == (2.0, 2.0, 2.0, 2.0, 8.5)
    assert per_million(price("claude-sonnet-4-5")) == (1.0, 0.5, 1.25, 2.0, 4.0)
    assert per_million(price("claude-haiku-4-5")) == (1.0, 0.1, 1.25, 2.0, 5.0)


def test_a_changed_file_is_read_again(own: Write) -> None:
    file = own('["m"]\ninput = 1\noutput = 1\n')
    assert per_million(price("m")) == (1.0,) * 5
    own('["m"]\ninput = 2.5\noutput = 2.5\n')
    os.utime(file, (1, 1))
    assert per_million(price("m")) == (2.5,) * 5
    file.unlink()
    assert price("m") is None


def test_the_file_can_be_named(own: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = own('["m"]\ninput = 1\noutput = 1\n').rename(tmp_path / "elsewhere.toml")
    monkeypatch.setenv("HEADROOM_PRICES", str(elsewhere))
    assert per_million(price("m")) == (1.0,) * 5
    monkeypatch.setenv("HEADROOM_PRICES", str(tmp_path / "gone.toml"))
    with pytest.raises(InputError, match=r"gone\.toml: there is no such file \(HEADROOM_PRICES\)"):
        price("m")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('["m"]\ninput = 1\noutput = \n', ":3: not TOML"),
        ('["m"]\ninput = 1\noutput = 1\n["n"]\ninput = 1\noutput = "x"\n', r""":6: \[n\] output: this is US"""),
        ('["m"]\ninput = -1\noutput = 1\n', r""":2: \[m\] input: this is US dollars .* not -1"""),
        ('["m"]\ninput = true\noutput = 1\n', r""":2: \[m\] input"""),
        ('["m"]\ninput = 1\noutput = nan\n', r""":3: \[m\] output"""),
        ('["m"]\ninput = 1\nreading = 1\noutput = 1\n', r""":3: \[m\] reading: there is no price of this name"""),
        ('# prices\n["m*"]\ninput = 1\n', r""":2: \["m\*"\]: output is missing"""),
        ('m = 3\n', r""":1: \[m\]: this is the pattern"""),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_said_with_file_line_and_key(own: Write, text: str, said: str) -> None:
    file = own(text)
    with pytest.raises(InputError, match=str(file) + said):
        price("m")


def test_a_file_that_is_no_text_is_said_to_be_none(own: Write) -> None:
    own("x").write_bytes(b'["m"]\ninput = 1 # \xff\n')
    with pytest.raises(InputError, match=r"prices\.toml:2: not UTF-8"):
        price("m")
