"""Long addresses that many links share the beginning of: said once, above the text, and a short sign in each link.

[~1/ stands for https://example.org/project/tree/main/tests/]
- [starts again](~1/restart.py#L35)
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice

_ADDRESS = re.compile(r"https?://[\w.~:@%+-]+/[\w.~:@%+/-]*")
_SIGNS = ("~1/", "~2/", "~3/")
_HEADER = re.compile(r"\[((?:~\d/ stands for https?://[^\s;\]]+(?:; )?)+)\]\n")
_PAIR = re.compile(r"(~\d/) stands for ([^\s;\]]+)")
_MIN_LINKS, _MAX_DEPTH, _MAX_LINKS = 6, 10, 20_000
_SAID, _MIN_GAIN = 40, 160  # characters that a sign's declaration costs on top of the address; that it has to win


def with_short_addresses(text: str) -> str:
    """The text with signs for what its addresses have in common, or the text itself where that wins little; linear."""
    if text.count("://") < _MIN_LINKS:
        return text
    starts: Counter[str] = Counter()
    for address in islice(_ADDRESS.finditer(text), _MAX_LINKS):
        link, at = address[0], address[0].find("/", 8) + 1
        for _ in range(_MAX_DEPTH):
            starts[link[:at]] += 1
            at = link.find("/", at) + 1
            if not at:
                break
    free = [sign for sign in _SIGNS if sign not in text]
    said: list[str] = []
    short = text
    for sign in free:
        gain, prefix = max(((_gain(start, uses), start) for start, uses in starts.items()), default=(0, ""))
        if gain < _MIN_GAIN:
            break
        short = short.replace(prefix, sign)
        said.append(f"{sign} stands for {prefix}")
        for start in [s for s in starts if s.startswith(prefix)]:
            del starts[start]
        for start in [s for s in starts if prefix.startswith(s)]:
            starts[start] -= text.count(prefix)
    return f"[{'; '.join(said)}]\n{short}" if said else text


def _gain(prefix: str, uses: int) -> int:
    return (len(prefix) - 4) * (uses - 1) - _SAID if uses >= _MIN_LINKS else 0


def with_whole_addresses(text: str) -> str:
    """The text behind its form with signs; a text without a declaration as it is."""
    header = _HEADER.match(text)
    if header is None:
        return text
    whole = text[header.end() :]
    for sign, prefix in reversed(_PAIR.findall(header[1])):
        whole = whole.replace(sign, prefix)
    return whole
