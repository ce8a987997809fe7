"""ContentRouter: what is this text, who compresses it, and which of their candidates is best.

A text is taken out of its envelope, cut into parts of one content type each, and every compressor that recognises a part
competes for it in tokens. Nothing here depends on installed extras, on time or on what was routed before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headroom import marker
from headroom.interfaces import Compressor, Sample
from headroom.model import Compressed, Context, Intent, Level, Nested, Omission
from headroom.plugins import compressors
from headroom.text.envelopes import Inner, inner_texts, literal_like
from headroom.text.lines import sample, split_lines
from headroom.text.numbering import Run, dominant_run
from headroom.text.passages import with_own_question
from headroom.text.parts import Part, split_parts
from headroom.tokens import count_tokens

_SURE, _NEAR = 0.5, 0.2
# A text that one compressor is this sure of is not cut into parts; where it shrinks to this share, less will do.
_SETTLED, _LIKELY_SETTLED, _SETTLED_SHARE = 0.95, 0.9, 0.6
_MIN_CHARS = 160
FOOTER_TOKENS = count_tokens(marker.footer("0" * 8))
# A lossy form must be this much smaller than the best lossless one: what can be had without loss is not traded for little.
_LOSSY_SHARE = 0.9
_MAX_DEPTH = 4
# What an editing agent may have to quote: at `balanced` a file read of these types keeps every line.
_EDITABLE = frozenset(("code", "config", "prose", "json", "xml", "html", "unknown"))
_VERBATIM = frozenset(("numbered",))


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate of a decision: who made it, how sure its maker was of the type, what it costs."""

    compressor: str
    sniff: float
    tokens: int
    lossless: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """The best form of a text. `compressed` is None where nothing beats the text itself."""

    content_type: str
    tokens_before: int
    compressed: Compressed | None = None
    tokens_after: int = 0
    tried: tuple[Tried, ...] = ()
    sure: float = 0.0


def route(text: str, context: Context, depth: int = 0, tokens: int | None = None) -> Choice:
    """The smallest form of a text that meets the floor; `tokens` is the text's count where the caller has it.

    Raises what a compressor raises; the pipeline fails open.
    """
    tokens = count_tokens(text) if tokens is None else tokens
    if not depth:
        context = replace(context, query=with_own_question(context.query, text))
    context = replace(context, nested=_nested(context, depth))
    if depth < _MAX_DEPTH and (inner := inner_texts(text)):
        unwrapped = _envelope(text, inner, context, depth, tokens)
        if len(inner) == 1 or unwrapped.content_type == "envelope":
            return _better(unwrapped, _compete(text, context, tokens))
    whole = _compete(text, context, tokens)
    shrunk = whole.tokens_after < whole.tokens_before * _SETTLED_SHARE
    settled = whole.sure >= (_LIKELY_SETTLED if shrunk else _SETTLED)
    if settled or depth >= _MAX_DEPTH or marker.looks_marked(text):
        return whole
    parts = split_parts(text)
    if len(parts) > 1:
        return _better(whole, _joined(text, parts, context, depth, whole.tokens_before))
    return whole


def _nested(context: Context, depth: int) -> Nested:
    def compress(text: str, path: str) -> Compressed | None:
        if depth >= _MAX_DEPTH or len(text) < _MIN_CHARS:
            return None
        path = context.path + path[1:] if context.path else path
        best = route(text, context.inside(path), depth + 1).compressed
        if best is None or best.lossless:
            return best
        located = tuple(replace(o, path=o.path or path) for o in best.omissions)
        return replace(best, text=marker.place(best.text, path), omissions=located)

    return compress


def _better(a: Choice, b: Choice) -> Choice:
    """The choice with the smaller form; the former on a tie."""
    if b.compressed is None or (a.compressed is not None and a.tokens_after <= b.tokens_after):
        return replace(a, tried=a.tried + b.tried)
    return replace(b, tried=a.tried + b.tried)


def sniff_all(text: str, context: Context) -> list[tuple[float, Compressor]]:
    """Every compressor that recognises the text, the surest first (alphabetical among equals)."""
    seen: Sample = sample(text)
    scored = [(compressor.sniff(seen, context), compressor) for compressor in compressors().values()]
    return sorted((pair for pair in scored if pair[0] >= _SURE), key=lambda pair: -pair[0])


def _compete(text: str, context: Context, before: int) -> Choice:
    """All compressors that recognise the text as a whole, and what they make of it without its printed line numbers."""
    sure = sniff_all(text, context)
    content_type = next((c.content_type for _, c in sure if c.content_type not in ("numbered", "noise")), "unknown")
    if len(text) < _MIN_CHARS:
        return Choice(content_type, before)
    best: Compressed | None = None
    best_cost, tried = before, []
    for score, candidate in _candidates(text, context, sure):
        if not _allowed(candidate, content_type, context):
            continue
        cost = count_tokens(candidate.text) + (0 if candidate.lossless else FOOTER_TOKENS)
        tried.append(Tried(candidate.compressor, score, cost, candidate.lossless))
        if best is None or _wins(candidate, cost, best, best_cost):
            if cost < before:
                best, best_cost = candidate, cost
    surest = sure[0][0] if sure else 0.0
    return Choice(content_type, before, best, best_cost if best else before, tuple(tried), surest)


def _wins(candidate: Compressed, cost: int, best: Compressed, best_cost: int) -> bool:
    if candidate.lossless == best.lossless:
        return cost < best_cost
    return cost < best_cost * _LOSSY_SHARE if best.lossless else cost * _LOSSY_SHARE <= best_cost


def _candidates(
    text: str, context: Context, sure: list[tuple[float, Compressor]]
) -> Iterator[tuple[float, Compressed]]:
    generic = [pair for pair in sure if pair[1].content_type in ("numbered", "noise")]
    typed = [pair for pair in sure if pair not in generic]
    near = [pair for pair in typed if pair[0] >= typed[0][0] - _NEAR]
    for score, compressor in (*generic, *near):
        for candidate in compressor.compress(text, context):
            yield score, candidate
    if any(c.content_type == "numbered" for _, c in generic):
        lines = split_lines(text)
        if (run := dominant_run(lines)) is not None:
            yield from ((0.9, candidate) for candidate in _without_numbers(lines, run, context))


def _without_numbers(lines: list[str], run: Run, context: Context) -> Iterator[Compressed]:
    """Lossy forms of the text behind printed line numbers; their markers speak of those numbers."""
    inner = "\n".join(line[len(run.prefix(i)) :] for i, line in enumerate(lines) if run.start <= i < run.end)
    best = _compete(inner, context, count_tokens(inner)).compressed
    if best is None or best.lossless:
        return
    by = run.number - 1
    head = lines[: run.start] + ([f"[line {run.number} follows]"] if by else [])
    text = "\n".join((*head, marker.shift_lines(best.text, by), *lines[run.end :]))
    yield replace(best, text=text, omissions=_moved(best.omissions, by))


def _moved(omissions: tuple[Omission, ...], by: int) -> tuple[Omission, ...]:
    return tuple(
        replace(o, ranges=tuple((a + by, b + by) for a, b in o.ranges)) if o.unit == "lines" and not o.path else o
        for o in omissions
    )


def _allowed(candidate: Compressed, content_type: str, context: Context) -> bool:
    """Whether the level and the kind of call permit this form (R20: a file read keeps its lines at `balanced`)."""
    if context.level is Level.LOSSLESS:
        return candidate.lossless
    if context.level is Level.BALANCED and context.intent is Intent.READ and content_type in _EDITABLE:
        return candidate.lossless and candidate.compressor in _VERBATIM
    return True


def _joined(text: str, parts: list[Part], context: Context, depth: int, before: int) -> Choice:
    """Each part by its own compressor, in place; lines between parts stay."""
    out: list[str] = []
    omissions: list[Omission] = []
    lossless, types, tried = True, [], []
    lines = split_lines(text)
    share = None if context.target is None else context.target / max(before, 1)
    for part in parts:
        piece = "\n".join(lines[part.start : part.end])
        best = None
        if not part.verbatim:
            target = None if share is None else int(count_tokens(piece) * share)
            choice = route(piece, replace(context, target=target), depth + 1)
            best, tried = choice.compressed, [*tried, *choice.tried]
        if best is None:
            out.append(piece)
            continue
        types.append(best.compressor)
        lossless = lossless and best.lossless
        out.append(marker.shift_lines(best.text, part.start))
        omissions += _moved(best.omissions, part.start)
    if not types:
        return Choice("mixed", before, tried=tuple(tried))
    joined = Compressed("\n".join(out), "+".join(sorted(set(types))), lossless, tuple(omissions))
    return Choice("mixed", before, joined, count_tokens(joined.text), tuple(tried))


def _envelope(text: str, inner: list[Inner], context: Context, depth: int, before: int) -> Choice:
    """The long strings of a JSON text, each compressed and written back as a literal; all other bytes stay."""
    forms: list[tuple[Inner, Compressed]] = []
    tried: list[Tried] = []
    for one in inner:
        path = context.path + one.path[1:] if context.path else one.path
        choice = route(one.text, context.inside(path), depth + 1)
        tried += choice.tried
        if choice.compressed is not None:
            forms.append((replace(one, path=path), choice.compressed))
    if not forms:
        return Choice("envelope", before, tried=tuple(tried))
    whole = _rewrapped(text, forms, len(inner) == 1, context)
    return Choice("envelope", before, whole, count_tokens(whole.text), tuple(tried))


def _rewrapped(text: str, forms: list[tuple[Inner, Compressed]], single: bool, context: Context) -> Compressed:
    """The JSON text with those literals replaced; the closing line goes inside the last one that left something out."""
    last = max((i for i, (_, form) in enumerate(forms) if not form.lossless), default=-1)
    out: list[str] = []
    omissions: list[Omission] = []
    at = 0
    for i, (one, form) in enumerate(forms):
        written = form.text if single else marker.place(form.text, one.path)
        if i == last and not marker.has_footer(written):
            written = closed(written, context.id, one.path if single else "")
        omissions += (replace(o, path=o.path or one.path) for o in form.omissions)
        out += (text[at : one.start], literal_like(text[one.start : one.end], written))
        at = one.end
    out.append(text[at:])
    names = "+".join(sorted({form.compressor for _, form in forms}))
    return Compressed("".join(out), names, all(form.lossless for _, form in forms), tuple(omissions))


def closed(text: str, id: str, path: str = "") -> str:
    """A lossy form with its closing line."""
    return f"{text.rstrip()}\n{marker.footer(id, path)}"
