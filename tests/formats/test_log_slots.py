"""What varies in the lines of one kind is the same however its lines are cut into words."""

from __future__ import annotations

import pytest

from headroom.formats.log import slots, templates

# The word before the message, then messages with one and with several slots between two blanks.
LINES = [f"10:0{i}:0{i} INFO took {i}ms (a={i},b={9 - i}) id=ab{i}cdef{i}0: -{i}.{i} of [{i}]" for i in range(1, 9)]
MESSAGE = "took 0ms (a=0,b=0) id=0: 0 of [0]"


def told(layouts: list[list[int]], message: str = MESSAGE) -> list[slots.Slot]:
    return list(slots.slots([slots.Variant(message, layouts)], LINES))


def test_the_lines_have_one_shape() -> None:
    assert [shape[-len(MESSAGE) :] for shape in templates.shapes("\n".join(LINES))] == [MESSAGE]


@pytest.mark.parametrize("at_once", [2, 3, 4_096])
def test_slots_do_not_depend_on_how_lines_are_cut(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "AT_ONCE", at_once)
    together = [*range(len(LINES))]
    apart = [[i] for i in together]
    assert told(apart) == told([together])
    assert [slot.label for slot in told(apart)] == ["took", "a", "b", "id", "", "of"]
    assert told(apart, "0 of [0]") == told([together], "0 of [0]") == told(apart)[-2:]


@pytest.mark.parametrize("at_once", [1, 3])
def test_shapes_do_not_depend_on_how_many_lines_are_read_at_once(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [*LINES, "", "no number", "7", f"{'x' * templates.LONGEST}7", *LINES]
    text = "\n".join(lines)
    whole = templates.shapes(text)
    monkeypatch.setattr(templates, "AT_ONCE", at_once)
    assert templates.shapes(text) == whole
    shape_of_line = {i: shape for shape, layouts in whole.items() for layout in layouts for i in layout}
    assert [shape_of_line[i] for i in range(len(lines))] == [*map(templates.shape_of, lines)]
