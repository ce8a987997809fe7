"""Counts of the ledger: which texts of a request are counted, how, and what a provider's own count of them says."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom.ledger import caching
from headroom.ledger.calibration import Calibration, Sample, Scale
from headroom.ledger.counting import ENCODING, ESTIMATE, Counter, Size
from headroom.ledger.pieces import of_messages, of_part, of_request
from headroom.tokens import count_tokens, exact_counter

EXACT = exact_counter()
needs_tokens = pytest.mark.skipif(EXACT is None, reason="the extra [tokens] is not installed")


@needs_tokens
def test_exact_counts_are_the_tokenizers() -> None:
    assert EXACT is not None
    counter = Counter()
    assert counter.counting == ENCODING
    chance = random.Random(7)
    prose = " ".join(chance.choice(["error", "warning", "it's", "naïve", "x = 1", "a\nb", "…"]) for _ in range(9_000))
    assert counter.text(prose) == EXACT(prose)
    digits = "0123456789" * 5_000
    assert abs(counter.text(digits) - EXACT(digits)) <= len(digits) // 4_096


def test_without_the_tokenizer_counts_are_the_estimates() -> None:
    counter = Counter(exact=False)
    assert counter.counting == ESTIMATE
    assert counter.text("error: no such file") == count_tokens("error: no such file")


@given(st.text(), st.text())
def test_counts_depend_on_the_text_alone(one: str, other: str) -> None:
    counter, again = Counter(exact=False), Counter(exact=False)
    before, after = json.dumps(one).encode(), json.dumps(other).encode()
    again.difference(after, before, False)
    assert counter.difference(before, after, False) == again.difference(before, after, False)
    assert counter.difference(before, before, False) == Size()


def test_a_string_has_two_sizes() -> None:
    counter = Counter(exact=False)
    plain, escaped = "no quotes here", 'a "quoted"\nword\t' * 20
    size = counter.difference(json.dumps(plain).encode(), b'""', False)
    assert size.decoded == size.literal == count_tokens(plain)
    size = counter.difference(json.dumps(escaped).encode(), b'""', False)
    assert size == Size(count_tokens(escaped), count_tokens(json.dumps(escaped)[1:-1]), 0)


def test_how_a_client_spells_its_json_makes_no_difference() -> None:
    counter = Counter(exact=False)
    text = "naïve → “quoted” " * 10
    spelled = json.dumps(text).encode(), json.dumps(text, ensure_ascii=False).encode()
    assert counter.difference(*spelled, False) == Size()


def test_texts_of_messages_are_found_in_every_dialect() -> None:
    anthropic = [
        {"role": "user", "content": [{"type": "text", "text": "hello", "cache_control": {"type": "ephemeral"}}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "a.py"}]},
    ]
    found = of_messages(json.dumps(anthropic).encode())
    assert sorted(found.texts) == ["Bash", "a.py", "hello"]
    assert found.values == ['{"command": "ls"}']
    assert not found.opaque
    gemini = [{"role": "user", "parts": [{"functionResponse": {"name": "ls", "response": {"output": "a.py"}}}]}]
    found = of_messages(json.dumps(gemini).encode())
    assert (found.texts, found.values) == (["ls"], ['{"output": "a.py"}'])
    responses = [{"type": "function_call_output", "call_id": "c1", "output": "a.py"}]
    assert of_messages(json.dumps(responses).encode()).texts == ["a.py"]


def test_pictures_and_thoughts_are_not_taken_for_text() -> None:
    picture = {"type": "image", "source": {"type": "base64", "data": "AAAA"}}
    thought = {"type": "thinking", "thinking": "hm", "signature": "x" * 100}
    found = of_messages(json.dumps([{"role": "user", "content": [picture, thought]}]).encode())
    assert not found.texts
    assert found.opaque > 20_000


def test_a_request_is_its_tools_its_system_prompt_and_its_messages() -> None:
    body = {
        "model": "m",
        "tools": [{"name": "Bash"}],
        "system": "be kind",
        "messages": [{"role": "user", "content": "hi"}],
    }
    found = of_request(json.dumps(body).encode(), "messages")
    assert (found.values, sorted(found.texts)) == (['{"name": "Bash"}'], ["be kind", "hi"])
    assert of_request(b"no JSON", "messages").texts == []


def test_parts_that_are_spliced_in_are_read_without_what_is_around_them() -> None:
    assert of_part(b',{"name": "Bash"}', True).values == ['{"name": "Bash"}']
    assert of_part(b'"text"', True).texts == ["text"]
    assert of_part(b'{"role": "user", "content": "a"},{"role": "user", "content": "b"}', False).texts == ["a", "b"]
    assert of_part(b"{broken", False).texts == ["{broken"]
    assert of_part(b"", False).texts == []


SIZES = [Size(100 * i, 120 * i + 7 * (i % 5), 1 + i % 3) for i in range(1, 60)]


class Unshared:
    def samples(self, model: str) -> Sequence[Sample]:
        return ()

    def keep_samples(self, model: str, samples: Sequence[Sample]) -> None:
        pass


@pytest.mark.parametrize(
    "scale", [Scale(), Scale(False, 1.25, 6.0), Scale(True, 1.0, 12.0), Scale(True, 1.3, 3.0)], ids=str
)
def test_a_providers_scale_is_found_beside_outliers(scale: Scale) -> None:
    calibration = Calibration(Unshared())
    for i, size in enumerate(SIZES):
        calibration.learn("m", Sample(size, scale.of(size) * (2.5 if i % 6 == 0 else 1)))
    found = calibration.scale("m")
    assert found.literal == scale.literal
    assert found.factor == pytest.approx(scale.factor, rel=0.03)


def test_what_can_not_be_a_count_of_the_same_is_not_learnt_from() -> None:
    calibration = Calibration(Unshared())
    for reported in (-50.0, 0.0, 10.0, 9_000.0):
        calibration.learn("m", Sample(Size(1_000, 1_100, 2), reported))
    assert calibration.scale("m") == Scale()


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("claude-sonnet-4-5-20250929", 1_024),
        ("us.anthropic.claude-opus-4-6-v1:0", 4_096),
        ("claude-haiku-4-5", 4_096),
        ("anthropic/claude-haiku-4.5", 4_096),
        ("claude-opus-4-7", 2_048),
        ("claude-3-5-haiku-20241022", 2_048),
        ("claude-opus-4-20250514", 1_024),
        ("claude-opus-5", 512),
        ("gpt-5.1-codex", 1_024),
        ("models/gemini-2.5-pro", 4_096),
        ("gemini-2.5-flash", 1_024),
    ],
)
def test_from_how_many_tokens_on_a_model_caches(model: str, least: int) -> None:
    assert caching.minimum(model) == least


def test_a_cache_for_an_hour_lasts_an_hour() -> None:
    assert caching.lifetime(b'{"cache_control": {"type": "ephemeral", "ttl": "1h"}}') == 3_600
    assert caching.lifetime(b'{"text": "\\"1h\\""}') == 300
