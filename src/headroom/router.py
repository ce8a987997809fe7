"""ContentRouter: takes a text out of its envelope, cuts it into parts of one type, and lets compressors compete.

Nothing here depends on installed extras, on time or on what was routed before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from headroom import marker
from headroom.contest import MIN_CHARS, Choice, Tried, chosen, compete, moved, unchanged
from headroom.formats.prose.passages import own_question, with_own_question
from headroom.formats.prose.sentences import reads_like_prose
from headroom.model import SHOWN_EARLIER, Compressed, Context, Level, Nested, Omission
from headroom.text.envelopes import Inner, inner_texts, literal_like
from headroom.text.lines import sample, split_lines
from headroom.text.mend_json import MendedJson, mend_json
from headroom.text.parts import Part, split_parts
from headroom.tokens import count_tokens

# A text that one compressor is this sure of is not cut into parts; where it shrinks to this share, less will do.
_SETTLED, _LIKELY_SETTLED, _SETTLED_SHARE, _SURE_CODE = 0.9, 0.8, 0.6, 0.8
_MAX_DEPTH = 4
_LABEL = re.compile(r"[A-Z][a-z]{1,15}: ?(?=[\[{]\s*[\"\[{])")  # "Output: [{"
_TAGS = re.compile(r"(?:<[a-z_-]+>(?:[^<\n]{0,80}</[a-z_-]+>)?\n){1,3}")  # each with its value or above the output
_REST = 600  # characters of the rest of a cut-off JSON text that stay at `aggressive`


def route(text: str, context: Context, depth: int = 0, tokens: int | None = None) -> Choice:
    """The smallest form of a text that meets the floor; `tokens` is the text's count where the caller has it.

    Raises what a compressor raises; the pipeline fails open.
    """
    tokens = count_tokens(text) if tokens is None else tokens
    if depth >= _MAX_DEPTH:
        return compete(text, context, tokens)
    within = _Within(depth + 1)
    context = replace(context, query=with_own_question(context.query, text))
    context = replace(context, nested=_nested(context, within))
    inner = inner_texts(text)
    if len(inner) == 1:
        return _envelope(text, inner, context, within, tokens)
    if not inner and (label := _LABEL.match(text)):
        return _labelled(text, label.end(), context, depth, tokens)
    if not inner and len(parts := _between_tags(text)) > 1:
        return _joined(text, parts, context, depth, tokens)
    whole = compete(text, context, tokens)
    if inner:
        # Passages are weighed against each other with their document; one by one they would only cost time.
        settled = whole.compressed is not None and _are_passages(inner)
        return whole if settled else _envelope(text, inner, context, within, tokens).or_smaller(whole)
    if whole.compressed is None and (mended := mend_json(text)):
        return _mended(mended, context, depth, tokens)
    if _settled(whole) or marker.looks_marked(text) or _answers_a_search(text, whole):
        return whole
    parts = split_parts(text)
    return whole.or_smaller(_joined(text, parts, context, depth, tokens)) if len(parts) > 1 else whole


class _Within:
    """Routes the texts inside a text, each once: several forms of a document ask for the same strings."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._known: dict[tuple[str, str, str], Choice] = {}

    def route(self, text: str, context: Context) -> Choice:
        key = text, context.path, context.query  # nothing else of the context differs inside one text
        if key not in self._known:
            self._known[key] = route(text, context, self._depth)
        return self._known[key]


def _labelled(text: str, start: int, context: Context, depth: int, before: int) -> Choice:
    """JSON behind a word that says what it is, as some clients write results."""
    choice = route(text[start:], context, depth + 1)
    form = choice.compressed
    if form is None:
        return replace(choice, tokens_before=before, tokens_after=before)
    return chosen(choice.content_type, before, replace(form, text=text[:start] + form.text), choice.tried, context)


def _between_tags(text: str) -> list[Part]:
    """The parts of an output that an agent put between tags of its own, none where the text is no such thing."""
    begun = _TAGS.match(text)
    if begun is None or text.startswith("<", begun.end()):
        return []
    parts = split_parts(text)
    outputs = [part for part in parts if not part.verbatim]
    return parts if parts[0].verbatim and len(outputs) == 1 and len(parts) <= 3 else []


def _answers_a_search(text: str, whole: Choice) -> bool:
    """Whether a text is passages with the question they were retrieved for: they are weighed as one, not as parts."""
    return whole.compressed is not None and whole.content_type == "prose" and bool(own_question(text))


def _are_passages(inner: Sequence[Inner]) -> bool:
    """Whether most of what the strings hold is written language."""
    texts = sorted((one.text for one in inner), key=len, reverse=True)
    half = sum(map(len, texts)) / 2
    said = other = 0
    for text in texts:  # the longest first: few of them tell
        if reads_like_prose(sample(text).lines):
            said += len(text)
        else:
            other += len(text)
        if said > half or other >= half:
            break
    return said > half


def _settled(whole: Choice) -> bool:
    if whole.content_type == "code":  # lines of stars and dashes are comments there
        return whole.sure >= _SURE_CODE
    shrunk = whole.tokens_after < whole.tokens_before * _SETTLED_SHARE
    return whole.sure >= (_LIKELY_SETTLED if shrunk else _SETTLED)


def _nested(context: Context, within: _Within) -> Nested:
    def compress(text: str, path: str) -> Compressed | None:
        if len(text) < MIN_CHARS:
            return None
        path = context.path + path[1:] if context.path else path
        best = within.route(text, context.inside(path)).compressed
        if best is None or best.lossless:
            return best
        located = tuple(replace(o, path=o.path or path) for o in best.omissions)
        return replace(best, text=marker.place(best.text, path), omissions=located)

    return compress


def _joined(text: str, parts: list[Part], context: Context, depth: int, before: int) -> Choice:
    """Each part by its own compressor, in place; verbatim parts stay."""
    out: list[str] = []
    omissions: list[Omission] = []
    names: set[str] = set()
    tried: list[Tried] = []
    lossless = True
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
        names.add(best.compressor)
        lossless = lossless and best.lossless
        out.append(marker.shift_lines(best.text, part.start))
        omissions += moved(best.omissions, part.start)
    if not names:
        return unchanged("mixed", before, tuple(tried))
    form = Compressed("\n".join(out), "+".join(sorted(names)), lossless, tuple(omissions))
    return chosen("mixed", before, form, tuple(tried), context)


def _mended(mended: MendedJson, context: Context, depth: int, before: int) -> Choice:
    """What can be read of a broken JSON text by its compressor, then the rest as it came."""
    choice = route(mended.document, context, depth + 1)
    form = choice.compressed
    if form is None:
        return unchanged(choice.content_type, before, choice.tried, choice.sure)
    rest, cut = mended.rest, 0
    if context.level is Level.AGGRESSIVE and len(rest) > _REST * 2:
        rest, cut = f"{rest[:_REST]}{marker.omitted(len(rest) - _REST, 'characters')}", len(rest) - _REST
    omissions = (*form.omissions, Omission("the cut-off rest", cut, "characters")) if cut else form.omissions
    text = f"[{mended.note}]\n{form.text}" + (f"\n{rest}" if rest else "")
    form = replace(form, text=text, lossless=form.lossless and not cut, omissions=omissions)
    return chosen(choice.content_type, before, form, choice.tried, context)


def _envelope(text: str, inner: Sequence[Inner], context: Context, within: _Within, before: int) -> Choice:
    """The long strings of a JSON text, each compressed and written back as a literal; all other bytes stay."""
    forms: list[tuple[Inner, Compressed]] = []
    tried: list[Tried] = []
    for one in inner:
        path = context.path + one.path[1:] if context.path else one.path
        choice = within.route(one.text, context.inside(path))
        tried += choice.tried
        if choice.compressed is not None:
            forms.append((replace(one, path=path), choice.compressed))
    if not forms:
        return unchanged("envelope", before, tuple(tried))
    form = rewrapped(text, forms, len(inner) == 1, context)
    return chosen("envelope", before, form, tuple(tried), context)


def rewrapped(text: str, forms: list[tuple[Inner, Compressed]], single: bool, context: Context) -> Compressed:
    """The JSON text with those literals replaced; the closing line goes inside the last one that left something out."""
    last = max((i for i, (_, form) in enumerate(forms) if not form.lossless), default=-1)
    out: list[str] = []
    omissions: list[Omission] = []
    at = 0
    for i, (one, form) in enumerate(forms):
        written = form.text if single else marker.place(form.text, one.path)
        if i == last and context.id not in marker.footer_ids(written):
            written = closed(replace(form, text=written), context, one.path if single else "")
        omissions += (replace(o, path=o.path or one.path) for o in form.omissions)
        out += (text[at : one.start], literal_like(text[one.start : one.end], written))
        at = one.end
    out.append(text[at:])
    names = "+".join(sorted({form.compressor for _, form in forms}))
    return Compressed("".join(out), names, all(form.lossless for _, form in forms), tuple(omissions))


def closed(form: Compressed, context: Context, path: str = "") -> str:
    """The text of a lossy form with its closing line, a brief one where the reader was told how to fetch."""
    brief = context.told or all(o.kind == SHOWN_EARLIER for o in form.omissions)
    return f"{form.text.rstrip()}\n{marker.footer(context.id, path, brief, context.tool)}"
