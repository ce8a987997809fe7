"""YAML, TOML, INI, properties and .env: bookkeeping, key material and repeated blocks left out, all else verbatim."""

from __future__ import annotations

from collections.abc import Iterator

from headroom.formats.config.lines import Noise, cut_blobs, looks_like_config, noise
from headroom.interfaces import Sample
from headroom.marker import omitted, repeats
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.lines import split_lines
from headroom.text.query import parse_query
from headroom.text.repeats import Repeat, repeated_blocks

_MIN_REPEAT = 200  # characters: a shorter block costs no more than the marker in its place


class Config:
    """Lossy: bookkeeping, certificates, base64 and blocks that stand above; at aggressive also comments."""

    name = "config"
    content_type = "config"

    def sniff(self, sample: Sample, context: Context) -> float:
        return looks_like_config(sample)

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if context.level is Level.LOSSLESS:
            return
        lines = split_lines(text)
        asked = set(parse_query(context.query).best(text, lines))
        left_out: list[Noise | Repeat] = [
            n for n in noise(lines, context.level is Level.AGGRESSIVE) if asked.isdisjoint(range(n.start, n.end))
        ]
        usable = [i not in asked for i in range(len(lines))]
        for n in left_out:
            usable[n.start : n.end] = [False] * (n.end - n.start)
        left_out += repeated_blocks(lines, usable, _MIN_REPEAT)
        left_out.sort(key=lambda gap: gap.start)
        yield from self._rendered(lines, left_out, asked)

    def _rendered(self, lines: list[str], left_out: list[Noise | Repeat], asked: set[int]) -> Iterator[Compressed]:
        out: list[str] = []
        omissions: list[Omission] = []
        lost: dict[str, list[tuple[int, int]]] = {}
        cut = at = 0
        for gap in [*left_out, Noise(len(lines), len(lines), "")]:
            for i in range(at, gap.start):
                shown, missing = (lines[i], 0) if i in asked else cut_blobs(lines[i])
                out.append(shown)
                cut += missing
            at = gap.end
            if gap.end > gap.start:
                kind, marker = _marker(lines, gap)
                lost.setdefault(kind, []).append((gap.start + 1, gap.end))
                out.append(marker)
        omissions += (Omission(k, sum(b - a + 1 for a, b in r), "lines", tuple(r)) for k, r in lost.items())
        if cut:
            omissions.append(Omission("long encoded values", cut, "characters"))
        if omissions:
            yield Compressed("\n".join(out), self.name, False, tuple(omissions))

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _marker(lines: list[str], gap: Noise | Repeat) -> tuple[str, str]:
    """What the gap hides, and its marker, indented as the lines it stands for."""
    first = lines[gap.start]
    indent = first[: len(first) - len(first.lstrip())]
    where = ((gap.start + 1, gap.end),)
    if isinstance(gap, Repeat):
        size = gap.end - gap.start
        source = f'lines {gap.source + 1}–{gap.source + size} above, from "{first.strip()[:60]}" on'
        return "repeated lines", indent + repeats(size, where, source)
    return gap.kind, indent + omitted(gap.end - gap.start, "lines", where, gap.kind)


COMPRESSOR = Config()
