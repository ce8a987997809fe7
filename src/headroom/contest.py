"""Who competes for a text, and who wins: the smallest form in tokens among those that the level and the call permit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headroom import marker
from headroom.errors import OutOfTime
from headroom.formats.capping import capped
from headroom.hints import reads_editable_file
from headroom.interfaces import Compressor
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.plugins import compressors
from headroom.text.lines import sample, split_lines
from headroom.text.numbering import Run, dominant_run
from headroom.text.query import parse_query
from headroom.tokens import count_tokens

_SURE, _NEAR, _CERTAIN = 0.5, 0.2, 0.95
MIN_CHARS = 160
FOOTER_TOKENS = count_tokens(marker.footer("0" * 8))
# A lossy form must be this much smaller than the best lossless one: losslessness is not traded for little.
_LOSSY_SHARE = 0.9
# These recognise how a text is printed, not what it is.
_GENERIC = frozenset(("numbered", "noise"))
# Their signs are of structure that nothing else has, but for what searches print of it.
_DECISIVE = frozenset(("diff", "git_history", "html", "log", "smart_crusher"))
_ASKED_FIRST = _DECISIVE | _GENERIC | {"search"}
# Their forms of a long text are long; at `aggressive` those are cut once more.
_CAPPED = frozenset(("html", "listing", "prose", "records"))
# What an editing agent may have to quote (R20), and up to what size: data in large files is looked at, not edited.
_EDITABLE = frozenset(("code", "config", "prose", "json", "xml", "html", "unknown"))
_HUGE, _HUGE_DATA = 200_000, 24_000
_DATA_MARKS = ("{", "[", "<")


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate of a decision: who made it, how sure its maker was of the type, what it costs."""

    compressor: str
    sniff: float
    tokens: int
    lossless: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The best form of a text; `compressed` is None where nothing beats the text itself.

    Token counts include the closing line of a lossy form. `sure` is how surely the text is of its content type.
    """

    content_type: str
    tokens_before: int
    tokens_after: int
    compressed: Compressed | None = None
    tried: tuple[Tried, ...] = ()
    sure: float = 0.0

    def or_smaller(self, other: Choice) -> Choice:
        """The better of two choices for one text, with what both tried."""
        better = other if _beats(other, self) else self
        return replace(better, tried=self.tried + other.tried)


def unchanged(content_type: str, tokens: int, tried: tuple[Tried, ...] = (), sure: float = 0.0) -> Choice:
    """The choice to leave a text as it is."""
    return Choice(content_type, tokens, tokens, None, tried, sure)


def chosen(content_type: str, before: int, form: Compressed, tried: tuple[Tried, ...]) -> Choice:
    """The choice of a form put together from others, or to leave the text as it is where that is no smaller."""
    after = cost(form)
    if after >= before:
        return unchanged(content_type, before, tried)
    return Choice(content_type, before, after, form, tried)


def cost(form: Compressed) -> int:
    """What a form costs in tokens, with the closing line that a lossy one gets."""
    closing = 0 if form.lossless or marker.has_footer(form.text) else FOOTER_TOKENS
    return count_tokens(form.text) + closing


def _beats(one: Choice, other: Choice) -> bool:
    """Whether a choice is clearly better: smaller, and by a margin where it gives up losslessness for that."""
    if one.compressed is None:
        return False
    if other.compressed is None:
        return one.compressed.lossless or one.tokens_after < one.tokens_before * _LOSSY_SHARE
    if one.compressed.lossless == other.compressed.lossless:
        return one.tokens_after < other.tokens_after
    if other.compressed.lossless:
        return one.tokens_after < other.tokens_after * _LOSSY_SHARE
    return one.tokens_after * _LOSSY_SHARE <= other.tokens_after


def sniff_all(text: str, context: Context) -> list[tuple[float, Compressor]]:
    """Every compressor that recognises the text, the surest first (alphabetical among equals).

    Where one that decides is certain, those are not asked whose forms never compete with its.
    """
    seen = sample(text)
    scored = {name: one.sniff(seen, context) for name, one in compressors().items() if name in _ASKED_FIRST}
    if not any(scored.get(name, 0.0) >= _CERTAIN for name in _DECISIVE):
        scored |= {name: one.sniff(seen, context) for name, one in compressors().items() if name not in _ASKED_FIRST}
    found = sorted((-score, name) for name, score in scored.items() if score >= _SURE)
    return [(-score, compressors()[name]) for score, name in found]


def compete(text: str, context: Context, tokens: int) -> Choice:
    """The best candidate for a text of one kind: from all that recognise it, with and without its printed numbers."""
    quotable = _quotable(text, context)
    if quotable and reads_editable_file(context.call):
        return _best(text, "file", context, tokens, _of_names(text, context, ("numbered",)), 1.0)
    sniffed = sniff_all(text, context)
    numbered = any(compressor.name == "numbered" for _, compressor in sniffed)
    lines = split_lines(text) if numbered else []
    run = dominant_run(text, lines) if numbered else None
    inner = "\n".join(run.bare(lines)) if run else text
    typed = [pair for pair in (sniff_all(inner, context) if run else sniffed) if pair[1].name not in _GENERIC]
    content_type = typed[0][1].content_type if typed else "unknown"
    sure = typed[0][0] if typed else 0.0
    # A compressor that is certain of its type knows which characters count in it: nothing is polished before.
    generic = [pair for pair in sniffed if pair[1].name in _GENERIC and (sure < _CERTAIN or pair[1].name != "noise")]
    if quotable and content_type in _EDITABLE:
        return _best(text, content_type, context, tokens, [p for p in generic if p[1].name == "numbered"], sure)
    near = [pair for pair in typed if pair[0] >= sure - _NEAR]
    if run is None:
        return _best(text, content_type, context, tokens, [*generic, *near], sure)
    # What looks like printed numbers may be a column of the text's own: whoever knows the text with it competes too.
    whole = [p for p in sniffed if p[1].name not in _GENERIC and context.intent is not Intent.READ]
    as_printed = [pair for pair in whole if pair[0] >= whole[0][0] - _NEAR]
    best = _best(text, content_type, context, tokens, [*generic, *as_printed], sure)
    without = _best(inner, content_type, context, count_tokens(inner), near, sure)
    return best.or_smaller(_renumbered(without, lines, run, tokens))


def _quotable(text: str, context: Context) -> bool:
    most = _HUGE_DATA if text[:64].lstrip().startswith(_DATA_MARKS) else _HUGE
    return context.intent is Intent.READ and context.level is not Level.AGGRESSIVE and len(text) <= most


def _of_names(text: str, context: Context, names: tuple[str, ...]) -> list[tuple[float, Compressor]]:
    seen = sample(text)
    some = (compressors()[name] for name in names)
    return [(score, compressor) for compressor in some if (score := compressor.sniff(seen, context)) >= _SURE]


def _best(
    text: str, content_type: str, context: Context, tokens: int, competing: list[tuple[float, Compressor]], sure: float
) -> Choice:
    best = unchanged(content_type, tokens, (), sure)
    if len(text) < MIN_CHARS:
        return best
    for candidate in _candidates(text, content_type, context, tokens, competing, sure):
        best = best.or_smaller(candidate)
    return best


def _candidates(
    text: str, content_type: str, context: Context, tokens: int, competing: list[tuple[float, Compressor]], sure: float
) -> Iterator[Choice]:
    for score, compressor in competing:
        if context.expired():
            raise OutOfTime("no time was left to compress this text")
        for form in compressor.compress(text, context):
            if context.level is Level.LOSSLESS and not form.lossless:
                continue
            if context.level is Level.AGGRESSIVE and compressor.name in _CAPPED:
                form = capped(form, parse_query(context.query))
            after = cost(form)
            tried = (Tried(form.compressor, score, after, form.lossless),)
            fits = after < tokens
            yield Choice(content_type, tokens, after if fits else tokens, form if fits else None, tried, sure)


def _renumbered(choice: Choice, lines: list[str], run: Run, tokens: int) -> Choice:
    """A lossy form of the text behind printed line numbers; its markers speak of those numbers."""
    form = choice.compressed
    if form is None or form.lossless:
        return unchanged(choice.content_type, tokens, choice.tried, choice.sure)
    by = run.number - 1
    head = lines[: run.start] + ([f"[line {run.number} follows]"] if by else [])
    text = "\n".join((*head, marker.shift_lines(form.text, by), *lines[run.end :]))
    whole = replace(form, text=text, omissions=moved(form.omissions, by))
    return replace(chosen(choice.content_type, tokens, whole, choice.tried), sure=choice.sure)


def moved(omissions: tuple[Omission, ...], by: int) -> tuple[Omission, ...]:
    """Omissions of a part, as they count in the whole text: line ranges further down by as many lines."""
    in_lines = ("lines", "sentences")
    return tuple(
        replace(o, ranges=tuple((a + by, b + by) for a, b in o.ranges)) if o.unit in in_lines and not o.path else o
        for o in omissions
    )
