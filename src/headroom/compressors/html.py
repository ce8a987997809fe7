"""HTML pages as readable text: a declared rendering that keeps headings, lists, tables, links and all running text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from headroom.formats.html.blocks import Block, Page, link_pieces, with_links, without_links, without_pieces
from headroom.formats.html.page import PageError, parse_page
from headroom.interfaces import Sample
from headroom.marker import omitted, plural
from headroom.model import Compressed, Context, Level, Omission
from headroom.text.query import Query, parse_query
from headroom.tokens import count_tokens

_PAGE_START = re.compile(
    r"\s*(?:<!--.{0,2000}?-->\s*)?(?:<\?xml[^>]*>\s*)?(?:<!doctype\s+html|<html[\s>])", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(
    r"</?(?:html|head|body|div|span|p|a|ul|ol|li|table|t[rdh]|tbody|thead|h[1-6]|img|script|style|link|meta|section|"
    r"article|nav|header|footer|main|form|input|button|label|select|option|br|hr|em|strong|b|i|small|svg|figure|title)(?=[\s/>])"
    r"[^<>]*>",
    re.IGNORECASE,
)
_PROSE = 80  # characters outside links from which a block in a side region is read as text rather than as a label
# Addresses may add this much to the text: first those of lines that are a link, then those inside sentences
_ENTRY_SHARE = {Level.BALANCED: 0.6, Level.AGGRESSIVE: 0.2}
_INLINE_SHARE = {Level.BALANCED: 0.2, Level.AGGRESSIVE: 0.0}
_FIRST_TEXTS = 3
_MASS = 90  # links in one line of which the middle is cut
_CROWD = 8  # links in one line from which they are an enumeration
_BARE, _DATA_SHARE = 400, 0.02


class Html:
    """Lossy: the page's text with navigation, scripts and attributes left out and counted."""

    name = "html"
    content_type = "html"

    def sniff(self, sample: Sample, context: Context) -> float:
        head = sample.text[:4000]
        if _PAGE_START.match(head):
            return 0.95
        if sample.page.count("<") < 20:
            return 0.0
        tags = _TAG.findall(sample.page)
        return 0.8 if len(tags) >= 20 and sum(map(len, tags)) >= 0.3 * len(sample.page.strip()) else 0.0

    def compress(self, text: str, context: Context) -> Iterator[Compressed]:
        if context.level is Level.LOSSLESS or "<" not in text:
            return
        try:
            page = parse_page(text)
        except PageError:
            return
        yield _Rendering(text, page, context).candidate(self.name)

    def decode(self, text: str) -> str:
        return text

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


class _Rendering:
    """Which blocks and link addresses of a page are shown, and how."""

    def __init__(self, source: str, page: Page, context: Context) -> None:
        self.source, self.page, self.context = source, page, context
        self.query = parse_query(context.query)
        self.omissions: list[Omission] = []

    def candidate(self, name: str) -> Compressed:
        page = self.page
        plain = [without_links(b.text) for b in page.blocks]
        self._cut_crowds(plain)
        asked = _asked(self.query, plain)
        keep = self._kept(plain, asked)
        shown = self._addresses(keep, asked)
        texts = [
            bare if shown.isdisjoint(b.links) else with_links(b.text, page.addresses, shown)
            for b, bare in zip(page.blocks, plain, strict=True)
        ]
        body = self._body(texts, keep)
        data = self._data(sum(b.size for b in page.blocks))
        return Compressed("\n".join([*self._head(shown), *body, *data]), name, False, tuple(self.omissions))

    def _cut_crowds(self, plain: list[str]) -> None:
        """Cuts lines that enumerate very many links (who liked it, all tags) to both ends and what was asked for."""
        cut = 0
        for i, b in enumerate(self.page.blocks):
            # Links with a line each are a list, and on an index page they are its matter.
            if len(b.links) > _MASS and b.linked * 2 >= b.size and b.text.count("\n") * 2 < len(b.links):
                pieces = link_pieces(b.text)
                kept = _asked(self.query, list(map(without_links, pieces)))
                kept |= {*range(_MASS // 3), *range(len(pieces) - _CROWD, len(pieces))}
                b.text, count = without_pieces(pieces, kept)
                plain[i] = without_links(b.text)
                cut += count
        if cut:
            self.omissions.append(Omission("links in an enumeration", cut, "items"))

    def _kept(self, plain: list[str], asked: set[int]) -> list[bool]:
        blocks = self.page.blocks
        total = sum(b.size for b in blocks)
        aggressive = self.context.level is Level.AGGRESSIVE
        keep = [not _is_aside(b, total, aggressive) or i in asked for i, b in enumerate(blocks)]
        if not any(keep):
            return [True] * len(blocks)
        if self.context.target is not None:
            self._tighten(keep, plain, asked)
        return keep

    def _tighten(self, keep: list[bool], plain: list[str], asked: set[int]) -> None:
        """Leaves out what is least likely to be asked for until the target is met: link lists, then later texts.

        Headings, tables, code, the first texts and what was asked for stay.
        """
        costs = [count_tokens(text) if kept else 0 for text, kept in zip(plain, keep, strict=True)]
        excess = sum(costs) - (self.context.target or 0)
        blocks = self.page.blocks
        texts = [i for i, b in enumerate(blocks) if keep[i] and i not in asked and b.kind in ("text", "item")]
        first = [i for i in texts if blocks[i].size - blocks[i].linked >= _PROSE][:_FIRST_TEXTS]
        links = [i for i in texts if blocks[i].linked * 2 >= blocks[i].size]
        scores = self.query.scores("\n".join(flat := _flat(plain)), flat)
        later = sorted(set(texts).difference(first, links), key=lambda i: (scores.get(i, 0.0), -i))
        for i in (*reversed(links), *later):
            if excess <= 0:
                return
            keep[i] = False
            excess -= costs[i]

    def _addresses(self, keep: list[bool], asked: set[int]) -> frozenset[int]:
        """The links whose addresses are shown: those asked for, then lines that are a link, then short ones."""
        blocks, addresses = self.page.blocks, self.page.addresses
        size = sum(b.size for b, kept in zip(blocks, keep, strict=True) if kept)
        ranked = []
        for i, b in enumerate(blocks):
            crowd = len(b.links) >= _CROWD
            if keep[i] and (i in asked or not crowd):
                inline = crowd or b.region is not None or b.linked < 0.7 * b.size
                ranked += [(crowd or i not in asked, inline, len(addresses[at]), at) for at in b.links]
        shown: set[int] = set()
        spent = 0
        for budgeted, inline, cost, at in sorted(ranked):
            share = _INLINE_SHARE if inline else _ENTRY_SHARE
            if budgeted and spent + cost > share[self.context.level] * size:
                continue
            spent += cost
            shown.add(at)
        return frozenset(shown)

    def _head(self, shown: frozenset[int]) -> list[str]:
        page = self.page
        hidden = len(page.addresses) - len(shown)
        unseen = sorted(page.unseen.items(), key=lambda item: (-item[1], item[0]))
        left = [f"{n} {_one(kind) if n == 1 else kind}" for kind, n in unseen if n]
        self.omissions += [Omission(kind, n, "items") for kind, n in unseen if n]
        if hidden:
            left.insert(0, f"{hidden} link {'address' if hidden == 1 else 'addresses'}")
            self.omissions.append(Omission("link addresses", hidden, "items"))
        if page.cut:
            left.append(f"{plural(page.cut, 'characters')} of a tag or script that began before this window")
            self.omissions.append(Omission("rest of a cut tag or script", page.cut, "characters"))
        self.omissions.append(Omission("tags and attributes", self.source.count("<"), "items"))
        head = [
            f"[text of a web page of {len(self.source)} characters: # heading, - item, cells a | b, "
            f"[text](address) link; left out: {', '.join(['tags and attributes', *left])}]"
        ]
        return [*head, *(f"{name}: {value}" for name, value in page.facts)]

    def _body(self, texts: list[str], keep: list[bool]) -> list[str]:
        out: list[str] = []
        folded: Counter[str] = Counter()
        blocks = self.page.blocks
        i = 0
        while i < len(texts):
            if keep[i]:
                out.append(texts[i])
                i += 1
                continue
            j = i
            kinds: Counter[str] = Counter()
            while j < len(texts) and not keep[j]:
                region = blocks[j].region
                kinds[region.label if region else "further texts"] += 1
                j += 1
            marker = omitted(j - i, "items", (), ", ".join(kinds))
            if "hidden" not in kinds and sum(map(len, texts[i:j])) <= len(marker):
                out += texts[i:j]
            else:
                out.append(marker)
                folded += kinds
            i = j
        self.omissions += [Omission(kind, n, "items") for kind, n in folded.items()]
        return out

    def _data(self, shown: int) -> list[str]:
        """The page's embedded JSON, where the page is a shell that a script fills from it."""
        data = [(name, text.strip()) for name, text in self.page.data if len(text) > 2]
        if not data or shown > max(_BARE, _DATA_SHARE * len(self.source)):
            return []
        out = []
        for name, text in data:
            nested = self.context.nested(text, "")
            out += [f"[data in script {name}:]", nested.text if nested is not None else text]
            if nested is not None:
                self.omissions += [Omission(o.kind, o.count, o.unit) for o in nested.omissions]
        return out


def _one(kind: str) -> str:
    """The singular of what a page holds: "link without a text", "image"."""
    first, space, rest = kind.partition(" ")
    return f"{first[:-1]}{space}{rest}" if first.endswith("s") else kind[:-1]


def _flat(texts: list[str]) -> list[str]:
    return [text.replace("\n", " ") for text in texts]


def _asked(query: Query, texts: list[str]) -> set[int]:
    flat = _flat(texts)
    return set(query.best("\n".join(flat), flat)) if query else set()


def _is_aside(block: Block, total: int, aggressive: bool) -> bool:
    """Whether a block is a link or a label in a part of the page that is not its matter."""
    region = block.region
    if region is None or block.kind in ("row", "code", "fact") or region.size > total * 0.4:
        return False
    if region.has_title and block.linked * 2 < block.size:
        return False
    if not region.strong and not aggressive:
        return block.linked * 2 >= block.size
    return block.size - block.linked < _PROSE


COMPRESSOR = Html()
