"""The blocks of text on an HTML page, and how links and form controls are written in them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

from selectolax.lexbor import LexborNode

from headroom.formats.html.regions import Region
from headroom.marker import omitted

# Unicode noncharacters: they never stand in a page's text, so they can mark where a link begins and ends
OPEN, CLOSE, END = "\ufdd0", "\ufdd1", "\ufdd2"
LINK = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}(\\d+){END}")
_SPACE_AT_END = re.compile(f" ({CLOSE}\\d+{END})")
STRAY = re.compile(f"[{OPEN}{END}]|{CLOSE}\\d*")
_BLANK_INSIDE, _BLANK_AT_END = OPEN + " ", " " + CLOSE

_MAX_VALUE, _MAX_OPTIONS = 200, 24


@dataclass(slots=True)
class Block:
    """One block of text: `kind` is text, heading, item, fact, row or code; sizes are characters, `linked` in links."""

    kind: str
    text: str
    size: int
    linked: int
    region: Region | None
    links: tuple[int, ...] = ()


@dataclass(slots=True)
class Page:
    """What a page holds: its facts (title, author …), blocks, link addresses, data scripts, what is not text."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    data: list[tuple[str, str]] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)
    cut: int = 0


def without_links(text: str) -> str:
    """A block's text with its links as their text alone."""
    return STRAY.sub("", text) if OPEN in text or CLOSE in text else text


def with_links(text: str, addresses: list[str], shown: frozenset[int]) -> str:
    """A block's text with the links in `shown` as [text](address), the others as their text alone."""

    def link(match: re.Match[str]) -> str:
        at, label = int(match[2]), match[1]
        if at not in shown or at >= len(addresses) or not label.strip() or label.strip() == addresses[at]:
            return label
        return f"[{label}]({addresses[at]})"

    return STRAY.sub("", LINK.sub(link, text))


def collapse(line: str) -> str:
    """The line with its spaces as a browser shows them; those at the ends of link texts move outside the links."""
    text = " ".join(line.split())
    if _BLANK_INSIDE in text or _BLANK_AT_END in text:
        text = " ".join(_SPACE_AT_END.sub(_behind, text.replace(_BLANK_INSIDE, " " + OPEN)).split())
    return text


def _behind(found: re.Match[str]) -> str:
    return f"{found[1]} "


def link_pieces(text: str) -> list[str]:
    """The text cut in front of each link; joined, the pieces give it back."""
    starts = [0, *(match.start() for match in LINK.finditer(text)), len(text)]
    return [text[a:b] for a, b in pairwise(starts) if b > a]


def without_pieces(pieces: list[str], kept: set[int]) -> tuple[str, int]:
    """The pieces in `kept`, with a marker for each gap of two and more; and how many are left out."""
    out: list[str] = []
    left_out = at = 0
    for i in [*sorted(kept), len(pieces)]:
        if i - at > 1:
            size = sum(len(STRAY.sub("", piece)) for piece in pieces[at:i])
            out.append(omitted(i - at, "links", kind=f"{size} characters") + " ")
            left_out += i - at
        else:
            out += pieces[at:i]
        out += pieces[i : i + 1]
        at = i + 1
    return "".join(out), left_out


def control(node: LexborNode, tag: str, attributes: dict[str, str | None]) -> str:
    """A form control by its name and what it shows, as `[button: Search]`; "" when there is nothing to see."""
    kind = (attributes.get("type") or "").lower()
    name = attributes.get("aria-label") or attributes.get("placeholder") or attributes.get("name") or ""
    if kind == "hidden":
        return ""
    if tag == "button":
        shown = " ".join(node.text().split()) or attributes.get("aria-label") or attributes.get("title") or ""
        return f"[button: {shown}]" if shown else ""
    if tag == "input" and kind in ("submit", "button", "reset", "image"):
        return f"[button: {attributes.get('value') or attributes.get('alt') or kind}]"
    if tag == "select":
        options = [" ".join(option.text().split()) for option in node.css("option")]
        if len(options) > _MAX_OPTIONS:
            options[_MAX_OPTIONS // 2 : -_MAX_OPTIONS // 2] = [omitted(len(options) - _MAX_OPTIONS, "items")]
        value = ", ".join(options)
    else:
        value = " ".join((node.text() if tag == "textarea" else attributes.get("value") or "").split())
    if len(value) > _MAX_VALUE and tag != "select":
        value = value[:_MAX_VALUE] + omitted(len(value) - _MAX_VALUE, "characters")
    named = f"{'choice' if tag == 'select' else 'input'} {name}".strip()
    return f"[{named}: {value}]" if value else f"[{named}]"
