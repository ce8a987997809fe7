"""Records: forms with several lines come back to the byte, whatever is mixed among them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from headroom.compressors.records import COMPRESSOR
from headroom.model import Context
from headroom.text.lines import sample

VALUES = st.sampled_from(["", "0", "17", "yes", "a b c", "DIMM#4", "0x00", ": :", ">x", "|", '""', "漢", "\x00", "{k}"])
TEMPLATES = st.lists(
    st.sampled_from(
        ["Name: %s", "\tSize: %s", "id | %s", "flag", "key = %s", "Sizes: %s \tof %s", "-[ RECORD %s ]--", "  - %s"]
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(TEMPLATES, min_size=1, max_size=3), st.data(), st.booleans())
def test_records_come_back(shapes: list[list[str]], data: st.DataObject, blank: bool) -> None:
    lines: list[str] = []
    for i in range(data.draw(st.integers(4, 24))):
        for template in shapes[i % len(shapes)]:
            lines.append(template % tuple(data.draw(VALUES) for _ in range(template.count("%s"))))
        if blank:
            lines.append("")
    text = "\n".join(lines)
    for form in COMPRESSOR.compress(text, Context()):
        assert form.lossless
        assert COMPRESSOR.decode(form.text) == text


def test_fixed_lines_are_told_once() -> None:
    text = "".join(f"processor : {i}\nvendor : Example\nflags : fpu vme de pse tsc\n\n" for i in range(30))
    (form,) = COMPRESSOR.compress(text, Context())
    assert form.text.count("fpu vme de pse tsc") == 1
    assert COMPRESSOR.decode(form.text) == text


def test_sniffing_asks_for_keys_that_come_back() -> None:
    records = "".join(f"Package: p{i}\nVersion: 1.{i}\nSection: utils\n\n" for i in range(12))
    config = "\n".join(f"option_{i}: value" for i in range(40))
    assert COMPRESSOR.sniff(sample(records), Context()) >= 0.7
    assert COMPRESSOR.sniff(sample(config), Context()) < 0.5
