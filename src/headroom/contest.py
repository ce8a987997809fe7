"""Who competes for a text, and who wins: the smallest form in tokens among those that the level and the call permit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from headroom import marker
from headroom.errors import OutOfTime
from headroom.formats.capping import capped
from headroom.hints import reads_editable_file
from headroom.interfaces import Compressor, Sample
from headroom.model import Compressed, Context, Intent, Level, Omission
from headroom.plugins import compressors
from headroom.text.lines import sample, split_lines
from headroom.text.numbering import Run, dominant_run
from headroom.text.query import parse_query
from headroom.tokens import count_tokens

_SURE, _NEAR, _CERTAIN = 0.5, 0.2, 0.95
MIN_CHARS = 160
# A lossy form must be this much smaller than the best lossless one: losslessness is not traded for little.
_LOSSY_SHARE = 0.9
# These recognise how a text is printed, not what it is.
_GENERIC = frozenset(("numbered", "noise"))
# Their signs are of structure that nothing else has, but for what searches print of it.
_DECISIVE = frozenset(("diff", "git_history", "html", "log", "smart_crusher"))
_ASKED_FIRST = _DECISIVE | {"search"}
# They are never surer than 0.6, so they are asked only where no other is so much surer that they could not compete.
_ASKED_LAST, _MUCH_SURER = frozenset(("plain", "prose")), 0.8
# Their forms of a long text are long; at `aggressive` those are cut once more.
_CAPPED = frozenset(("html", "listing", "prose", "records"))
# What an editing agent may have to quote (R20), and up to what size: data in large files is looked at, not edited.
_EDITABLE = frozenset(("code", "config", "prose", "json", "xml", "html", "unknown"))
_HUGE, _HUGE_DATA = 200_000, 24_000
_DATA_MARKS = ("{", "[", "<")

# How sure a compressor is of a text, and the compressor.
_Sniffed = tuple[float, Compressor]


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


def chosen(content_type: str, before: int, form: Compressed, tried: tuple[Tried, ...], context: Context) -> Choice:
    """The choice of a form put together from others, or to leave the text as it is where that is no smaller."""
    after = cost(form, context)
    if after >= before:
        return unchanged(content_type, before, tried)
    return Choice(content_type, before, after, form, tried)


def cost(form: Compressed, context: Context) -> int:
    """What a form costs in tokens, with the closing line that a lossy one gets."""
    closing = 0 if form.lossless or marker.has_footer(form.text) else closing_tokens(context.tool)
    return count_tokens(form.text) + closing


@lru_cache(maxsize=256)
def closing_tokens(tool: str = "") -> int:
    """What a closing line costs that names this tool of the client's, or `headroom_retrieve`."""
    return count_tokens(marker.footer("0" * 8, tool=tool))


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


def sniff_all(text: str, context: Context) -> list[_Sniffed]:
    """Every compressor that recognises the text, the surest first (alphabetical among equals)."""
    seen = sample(text)
    return sorted([*_printed(seen, context), *_typed(seen, context)], key=_surest_first)


def _printed(seen: Sample, context: Context) -> list[_Sniffed]:
    """Those that recognise how a text is printed."""
    return sorted(_recognising(_rounds(*compressors())[0], seen, context), key=_surest_first)


def _typed(seen: Sample, context: Context) -> list[_Sniffed]:
    """Those that recognise what a text is, but for those whose forms could not compete.

    They are not asked where one that decides is certain, or where another is much surer than they ever are.
    """
    _, first, others, last = _rounds(*compressors())
    found = _recognising(first, seen, context)
    if not any(score >= _CERTAIN and one.name in _DECISIVE for score, one in found):
        found += _recognising(others, seen, context)
        if not any(score >= _MUCH_SURER for score, _ in found):
            found += _recognising(last, seen, context)
    return sorted(found, key=_surest_first)


@cache
def _rounds(*known: str) -> tuple[list[Compressor], ...]:
    """These compressors: those for how a text is printed, then the others in the order in which they are asked."""
    others = set(known) - _GENERIC - _ASKED_FIRST - _ASKED_LAST
    rounds = (_GENERIC, _ASKED_FIRST, others, _ASKED_LAST)
    return tuple([compressors()[name] for name in known if name in names] for names in rounds)


def _recognising(some: Iterable[Compressor], seen: Sample, context: Context) -> list[_Sniffed]:
    return [(score, one) for one in some if (score := one.sniff(seen, context)) >= _SURE]


def _surest_first(sniffed: _Sniffed) -> tuple[float, str]:
    return -sniffed[0], sniffed[1].name


def compete(text: str, context: Context, tokens: int) -> Choice:
    """The best candidate for a text of one kind: from all that recognise it, with and without its printed numbers."""
    quotable = _quotable(text, context)
    if quotable and reads_editable_file(context.call):
        numbers = _recognising([compressors()["numbered"]], sample(text), context)
        return _best(text, "file", context, tokens, numbers, 1.0)
    seen = sample(text)
    printed = _printed(seen, context)
    numbers = [pair for pair in printed if pair[1].name == "numbered"]
    lines = split_lines(text) if numbers else []
    run = dominant_run(text, lines) if numbers else None
    inner = "\n".join(run.bare(lines)) if run else text
    typed = _typed(sample(inner) if run else seen, context)
    content_type = typed[0][1].content_type if typed else "unknown"
    sure = typed[0][0] if typed else 0.0
    # A compressor that is certain of its type knows which characters count in it: nothing is polished before.
    generic = printed if sure < _CERTAIN else numbers
    if quotable and content_type in _EDITABLE:
        return _best(text, content_type, context, tokens, numbers, sure)
    near = [pair for pair in typed if pair[0] >= sure - _NEAR]
    if run is None:
        return _best(text, content_type, context, tokens, [*generic, *near], sure)
    # What looks like printed numbers may be a column of the text's own: whoever knows the text with it competes too.
    whole = _typed(seen, context) if context.intent is not Intent.READ else []
    as_printed = [pair for pair in whole if pair[0] >= whole[0][0] - _NEAR]
    best = _best(text, content_type, context, tokens, [*generic, *as_printed], sure)
    without = _best(inner, content_type, context, count_tokens(inner), near, sure)
    return best.or_smaller(_renumbered(without, lines, run, tokens, context))


def _quotable(text: str, context: Context) -> bool:
    most = _HUGE_DATA if text[:64].lstrip().startswith(_DATA_MARKS) else _HUGE
    return context.intent is Intent.READ and context.level is not Level.AGGRESSIVE and len(text) <= most


def _best(
    text: str, content_type: str, context: Context, tokens: int, competing: list[_Sniffed], sure: float
) -> Choice:
    best = unchanged(content_type, tokens, (), sure)
    if len(text) < MIN_CHARS:
        return best
    for candidate in _candidates(text, content_type, context, tokens, competing, sure):
        best = best.or_smaller(candidate)
    return best


def _candidates(
    text: str, content_type: str, context: Context, tokens: int, competing: list[_Sniffed], sure: float
) -> Iterator[Choice]:
    for score, compressor in competing:
        if context.expired():
            raise OutOfTime("no time was left to compress this text")
        within = replace(context, level=Level.LOSSLESS) if compressor.name in context.without else context
        for form in compressor.compress(text, within):
            if within.level is Level.LOSSLESS and not form.lossless:
                continue
            if context.level is Level.AGGRESSIVE and compressor.name in _CAPPED:
                form = capped(form, parse_query(context.query))
            after = cost(form, context)
            tried = (Tried(form.compressor, score, after, form.lossless),)
            fits = after < tokens
            yield Choice(content_type, tokens, after if fits else tokens, form if fits else None, tried, sure)


def _renumbered(choice: Choice, lines: list[str], run: Run, tokens: int, context: Context) -> Choice:
    """A lossy form of the text behind printed line numbers; its markers speak of those numbers."""
    form = choice.compressed
    if form is None or form.lossless:
        return unchanged(choice.content_type, tokens, choice.tried, choice.sure)
    by = run.number - 1
    head = lines[: run.start] + ([f"[line {run.number} follows]"] if by else [])
    text = "\n".join((*head, marker.shift_lines(form.text, by), *lines[run.end :]))
    whole = replace(form, text=text, omissions=moved(form.omissions, by))
    return replace(chosen(choice.content_type, tokens, whole, choice.tried, context), sure=choice.sure)


def moved(omissions: tuple[Omission, ...], by: int) -> tuple[Omission, ...]:
    """Omissions of a part, as they count in the whole text: line ranges further down by as many lines."""
    in_lines = ("lines", "sentences")
    return tuple(
        replace(o, ranges=tuple((a + by, b + by) for a, b in o.ranges)) if o.unit in in_lines and not o.path else o
        for o in omissions
    )
