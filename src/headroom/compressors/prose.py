"""Prose and retrieved passages: whole sentences by what is asked, by what they say, and by where they stand.

No model and no download. A passage keeps its header and its first sentence; near-repeats of a sentence are folded across
passages; what goes are the sentences that say least and match the question least.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from headroom.interfaces import Sample
from headroom.marker import omitted, ranges_of
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.text.lines import split_lines
from headroom.text.query import parse_query
from headroom.text.sentences import Sentence, is_header, prose_share, sentences_of
from headroom.tokens import count_tokens

_WORD = re.compile(r"\w{3,}")
_SAYS = re.compile(r"\d|`|\b[A-Z]{2,}\b|(?<!^)\b[A-Z][a-z]+|[_/=:]\w|\*\*|\"")
_KEEP = {Level.BALANCED: 0.62, Level.AGGRESSIVE: 0.38}
_MIN_CHARS, _LONG, _MIN_SENTENCES, _NEAR_REPEAT = 600, 6_000, 8, 0.8
_VERBATIM_STARTS = ("#", "|", "```", "~~~", "    ", "\t", ">", "$ ")


class Prose:
    """Lossy, but for near-repeats nothing is left out of short texts at `balanced`."""

    name = "prose"
    content_type = "prose"

    def sniff(self, sample: Sample, context: Context) -> float:
        if len(sample.text) < _MIN_CHARS:
            return 0.0
        return 0.6 if prose_share(sample.lines) >= 0.6 else 0.0

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if context.level is Level.LOSSLESS or len(text) < _MIN_CHARS:
            return
        if context.level is Level.BALANCED and context.intent is Intent.READ:
            return
        lines = split_lines(text)
        sentences, fixed = _parse(lines)
        if len(sentences) < _MIN_SENTENCES:
            return
        scores, repeated = _scores(text, sentences, context)
        share = _KEEP[context.level]
        if context.target is not None:
            share = min(share, context.target / max(count_tokens(text), 1))
        chosen = _chosen(sentences, scores, repeated, share)
        if all(chosen):
            return
        yield _rendered(lines, sentences, fixed, chosen, repeated)

    def decode(self, text: str) -> str:
        raise ValueError("an extract leaves sentences out; the original is in the store")

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


def _parse(lines: list[str]) -> tuple[list[Sentence], set[int]]:
    """The sentences that may go, and the lines that stay as they are: headers, tables, code, short lines."""
    sentences: list[Sentence] = []
    fixed: set[int] = set()
    opens, fenced = True, False
    for i, line in enumerate(lines):
        stripped = line.strip()
        if stripped.startswith(("```", "~~~")):
            fenced = not fenced
            fixed.add(i)
        elif not stripped:
            opens = True
            fixed.add(i)
        elif fenced or line.startswith(_VERBATIM_STARTS) or is_header(stripped):
            opens = True
            fixed.add(i)
        else:
            for part in sentences_of(line):
                sentences.append(Sentence(part, i, opens))
                opens = False
    return sentences, fixed


def _scores(text: str, sentences: list[Sentence], context: Context) -> tuple[list[float], set[int]]:
    """How much each sentence is worth, and which ones repeat an earlier one."""
    words = [_WORD.findall(s.text.lower()) for s in sentences]
    frequency = Counter(word for found in words for word in set(found))
    asked = parse_query(context.query).scores("\n".join(s.text.replace("\n", " ") for s in sentences), [s.text for s in sentences])
    top = max(asked.values(), default=0.0)
    scores: list[float] = []
    repeated: set[int] = set()
    seen: set[tuple[str, str]] = set()
    for i, (sentence, found) in enumerate(zip(sentences, words, strict=True)):
        pairs = set(zip(found, found[1:], strict=False))
        if len(pairs) >= 4 and len(pairs & seen) >= _NEAR_REPEAT * len(pairs) and not asked.get(i):
            repeated.add(i)
        seen |= pairs
        rare = sum(1 for word in set(found) if frequency[word] == 1)
        says = min(len(_SAYS.findall(sentence.text)), 6)
        score = 0.5 + rare / (len(found) + 4) + 0.18 * says + (1.0 if sentence.opens else 0.0)
        scores.append(score + (3.0 * asked[i] / top if i in asked else 0.0))
    return scores, repeated


def _chosen(sentences: list[Sentence], scores: list[float], repeated: set[int], share: float) -> list[bool]:
    """The best sentences by score until `share` of the characters is reached; repeats never, a lone gap stays."""
    sizes = [len(s.text) for s in sentences]
    left = share * sum(sizes)
    chosen = [False] * len(sentences)
    for i in sorted(range(len(sentences)), key=lambda i: (-scores[i], i)):
        if i not in repeated and left > 0:
            chosen[i] = True
            left -= sizes[i]
    for i in range(len(sentences)):  # a gap that is shorter than its marker is not worth making
        alone = not chosen[i] and (i == 0 or chosen[i - 1]) and (i + 1 == len(chosen) or chosen[i + 1])
        if alone and sizes[i] < 40:
            chosen[i] = True
    return chosen


def _rendered(
    lines: list[str], sentences: list[Sentence], fixed: set[int], chosen: list[bool], repeated: set[int]
) -> Compressed:
    """The text with each run of missing sentences as one marker at its place."""
    by_line = {i: list(group) for i, group in groupby(range(len(sentences)), key=lambda k: sentences[k].line)}
    out: list[str] = []
    gap = 0
    gap_lines: list[int] = []

    def close() -> str:
        nonlocal gap
        text = omitted(gap, "sentences", ranges_of(sorted(set(gap_lines)))) if gap else ""
        gap = 0
        gap_lines.clear()
        return text

    for i, line in enumerate(lines):
        if i in fixed:
            if gap and line.strip():
                out.append(close())
            if line or not (out and gap):
                out.append(line)
            continue
        pieces: list[str] = []
        for k in by_line.get(i, ()):
            if chosen[k]:
                if gap:
                    marker = close()
                    pieces.append(marker + " ") if pieces else out.append(marker)
                pieces.append(sentences[k].text)
            else:
                gap += 1
                gap_lines.append(i + 1)
        if pieces:
            out.append("".join(pieces))
    if gap:
        out.append(close())
    return Compressed("\n".join(out), "prose", False, _omissions(sentences, chosen, repeated))


def _omissions(sentences: list[Sentence], chosen: list[bool], repeated: set[int]) -> tuple[Omission, ...]:
    gone = [k for k in range(len(sentences)) if not chosen[k]]
    out = []
    for kind, picked in (
        ("sentences that say least of what was asked", [k for k in gone if k not in repeated]),
        ("sentences that repeat earlier ones", [k for k in gone if k in repeated]),
    ):
        if picked:
            out.append(Omission(kind, len(picked), "sentences", ranges_of(sorted({sentences[k].line + 1 for k in picked}))))
    return tuple(out)


COMPRESSOR = Prose()
