"""An HTML page as the blocks of text a reader sees: what stands on it, where, and how much of it is links.

The tree comes from lexbor (a browser-grade HTML5 parser), so broken, nested or cut markup reads as a browser reads it.
"""

from __future__ import annotations

import re
from itertools import accumulate

from selectolax.lexbor import LexborHTMLParser, LexborNode

from headroom.formats.html.blocks import CLOSE, END, LINK, OPEN, STRAY, Block, Page, collapse, control
from headroom.formats.html.regions import Region, is_hidden, region_of

_BLOCK_NAMES = (
    "html body address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure "
    "footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr legend li main menu nav ol optgroup option p pre "
    "search section summary table caption tbody thead tfoot tr td th ul xmp listing"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SECTIONS = frozenset(("article", "main", "li", "blockquote", "td", "figure"))
_LISTS = frozenset(("ul", "ol", "menu", "dir"))
_CODE = frozenset(("code", "kbd", "samp", "tt"))
_CONTROLS = frozenset(("input", "select", "textarea", "button"))
_PLAIN_NAMES = "b i em strong u s small big sup sub br wbr font mark abbr cite q tt code kbd samp var"
_PLAIN = frozenset(_PLAIN_NAMES.split())
_UNSEEN = {
    "script": "scripts",
    "style": "styles",
    "svg": "drawings",
    "canvas": "drawings",
    "noscript": "noscript texts",
    "template": "templates",
    "iframe": "frames",
    "object": "embedded objects",
    "embed": "embedded objects",
    "map": "image maps",
    "head": "",
}
_COUNTED = {tag: kind for tag, kind in _UNSEEN.items() if kind} | {"img": "images"}
_HEADINGS = {f"h{n}": "#" * n + " " for n in range(1, 7)}
_PERMALINKS = frozenset(("#", "¶", "§", "🔗"))
_NO_ADDRESS = ("#", "javascript:", "data:")
_MAX_CELL, _MAX_HIDDEN, _MAX_REGIONS = 300, 80, 4
# Tags that nest: neither void nor closed in themselves nor ended by the next of their kind
_NESTING = re.compile(
    r"<(/?)(?!(?:br|img|input|meta|link|hr|wbr|source|area|base|col|embed|track|p|li|dt|dd|tr|td|th)[\s>])"
    r"[a-zA-Z](?![^<>]*/>)"
)
_FEW_TAGS, _MAX_NESTING = 3_000, 2_000
_ROW = re.compile(r"<t(?:r|d|h|body|head)[\s>]", re.IGNORECASE)
_TABLE = re.compile(r"<table[\s>]", re.IGNORECASE)
_CUT_START = re.compile(r"[^<>]*?[\"'/]\s*>")
_CUT_CODE = re.compile(r"<(/?)(?:script|style)\b[^>]*>", re.IGNORECASE)


class PageError(ValueError):
    """The text can't be read as a page: elements nested beyond any real page, or lone surrogates."""


def parse_page(source: str) -> Page:
    """The page in `source`: a whole document or a window of one. Raises PageError."""
    if _nests_deeply(source):
        raise PageError("nested too deeply")
    start = _cut_start(source)
    try:
        document = LexborHTMLParser(_with_table(source[start:] if start else source))
    except UnicodeEncodeError as error:
        raise PageError("lone surrogates") from error
    page = Page(cut=start)
    root = document.root
    if root is not None:
        _read_head(document, page)
        page.unseen.update(_COUNTED[node.tag or ""] for node in document.css(", ".join(_COUNTED)))
        _Walk(page).run(root)
    return page


def _nests_deeply(source: str) -> bool:
    """Whether elements may be nested so deeply that building the tree takes quadratic time, as HTML5 prescribes it."""
    if source.count("<") <= _FEW_TAGS:
        return False
    depths = list(accumulate(-1 if closing else 1 for closing in _NESTING.findall(source)))
    return bool(depths) and max(depths) - min(depths) > _MAX_NESTING


def _with_table(source: str) -> str:
    """The source with the table opened whose rows it begins with: outside of one, HTML5 drops the tags of rows."""
    row = _ROW.search(source)
    if row is None or _TABLE.search(source, 0, row.start()) is not None:
        return source
    return f"<table>{source}"


def _cut_start(source: str) -> int:
    """How many characters at the start of a page window are the rest of a tag or of a script."""
    code = _CUT_CODE.search(source)
    if code is not None and code[1]:
        before = source[: code.start()]
        if sum(map(before.count, "{};")) * 100 > len(before):
            return code.end()
    tag = _CUT_START.match(source[:4000])
    return tag.end() if tag is not None else 0


_META = {
    "description": "description",
    "og:description": "description",
    "author": "author",
    "article:author": "author",
    "article:published_time": "published",
    "article:modified_time": "modified",
    "date": "published",
    "og:site_name": "site",
    "og:url": "address",
    "og:title": "title",
}


def _read_head(document: LexborHTMLParser, page: Page) -> None:
    facts: dict[str, list[str]] = {}

    def add(name: str, value: str | None) -> None:
        text = " ".join((value or "").split())
        values = facts.setdefault(name, [])
        if text and not any(text in other for other in values):
            values.append(text)

    for node in document.css("head > title")[:1]:
        add("title", node.text())
    for node in document.css("link[rel=canonical]")[:1]:
        add("address", node.attributes.get("href"))
    for node in document.css("meta[content]")[:200]:
        attributes = node.attributes
        name = _META.get((attributes.get("name") or attributes.get("property") or "").lower())
        if name and not (name == "address" and facts.get(name)):
            add(name, attributes.get("content"))
    for node in document.css("script[type]")[:500]:
        kind = node.attributes.get("type") or ""
        if "json" in kind:
            page.data.append((node.attributes.get("id") or kind, node.text()))
    root = document.root
    add("language", root.attributes.get("lang") if root is not None else "")
    page.facts = [(name, value) for name, values in facts.items() for value in values]


class _Walk:
    """One pass over the tree in document order, without recursion; a tag on the stack closes an element."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.parts: list[str] = []
        self.linked = 0
        self.link = -1  # the address of the open link that no block has shown yet
        self.link_at = self.in_link = 0
        self.kind, self.prefix = "text", ""
        self.regions: list[Region] = []
        self.lists: list[int] = []
        self.rows: list[list[int]] = []
        self.quotes = self.sections = self.facts = 0

    def run(self, root: LexborNode) -> None:
        stack: list[LexborNode | tuple[str, bool]] = [root]
        while stack:
            node = stack.pop()
            if isinstance(node, tuple):
                self._close(*node)
                continue
            following = node.next
            if following is not None and node is not root:
                stack.append(following)
            if node.is_text_node:
                text = node.text_content or ""
                if self.parts or not text.isspace():  # a block does not begin with spaces
                    self.parts.append(text)
                    if self.in_link:
                        self.linked += len(text.strip())
                continue
            tag = node.tag or ""
            if tag not in _UNSEEN and tag[:1].isalpha():
                self._open(node, tag, stack)
        self._flush()

    def _open(self, node: LexborNode, tag: str, stack: list[LexborNode | tuple[str, bool]]) -> None:
        if tag in _PLAIN:
            if tag in _CODE:
                self.parts.append("`")
            elif tag == "br":
                self.parts.append("\v")
            stack.append((tag, False))
            child = node.child
            if child is not None:
                stack.append(child)
            return
        attributes = node.attributes
        if tag in _BLOCKS:
            self._flush()
            self._open_block(tag)
        elif attributes and self._hides(node, attributes):
            self.page.unseen["hidden inline texts"] += 1
            return
        region = None
        if (tag in _BLOCKS or "-" in tag) and len(self.regions) < _MAX_REGIONS:
            region = region_of(tag, attributes, self.sections > 0)
        if tag == "pre":
            self._code(node)
        elif tag in _CONTROLS:
            self.parts.append(control(node, tag, attributes))
        else:
            if region is not None:
                self._flush()
                self.regions.append(region)
            self._open_inline(tag, attributes)
            stack.append((tag, region is not None))
            child = node.child
            if child is not None:
                stack.append(child)

    def _hides(self, node: LexborNode, attributes: dict[str, str | None]) -> bool:
        """Whether an element inside a line is a hidden label; longer hidden texts may be what a tab or a fold shows."""
        if len(self.regions) >= _MAX_REGIONS or not is_hidden(attributes):
            return False
        return all(region.label != "hidden" for region in self.regions) and len(node.text()) < _MAX_HIDDEN

    def _open_block(self, tag: str) -> None:
        if tag in _HEADINGS:
            self.kind, self.prefix = "heading", _HEADINGS[tag]
            if tag == "h1":
                for region in self.regions:
                    region.has_title = True
        elif tag in _LISTS:
            self.lists.append(0 if tag == "ol" else -1)
        elif tag == "li":
            depth = max(0, len(self.lists) - 1)
            mark = "- "
            if self.lists and self.lists[-1] >= 0:
                self.lists[-1] += 1
                mark = f"{self.lists[-1]}. "
            self.kind, self.prefix = "fact" if self.facts else "item", "  " * min(depth, 8) + mark
        elif tag == "tr":
            self.rows.append([len(self.page.blocks)])
        elif tag in ("dt", "dd"):
            self.kind, self.prefix = "fact", "  " if tag == "dd" else ""
        self.quotes += tag == "blockquote"
        self.facts += tag == "dl"
        self.sections += tag in _SECTIONS

    def _open_inline(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "a":
            self.in_link += 1
            if self.link < 0:
                self.link_at = len(self.parts)
            href = (attributes.get("href") or "").strip()
            if href and not href.startswith(_NO_ADDRESS) and self.link < 0:
                self.link = len(self.page.addresses)
                self.page.addresses.append(href)
                self.parts.append(OPEN)
                self.link_at += 1
        elif tag == "img":
            alt = " ".join((attributes.get("alt") or "").split())
            if alt:
                self.parts.append(f"[image: {alt}]")

    def _close(self, tag: str, region: bool) -> None:
        if tag in _CODE:
            if self.parts and self.parts[-1] == "`":
                self.parts.pop()
            else:
                self.parts.append("`")
        elif tag == "a":
            if "".join(self.parts[self.link_at :]).strip() in _PERMALINKS:
                del self.parts[self.link_at :]
            self._close_link()
            self.in_link = max(0, self.in_link - 1)
        elif tag in _BLOCKS:
            self._flush()
            self._close_block(tag)
        if region:
            self._flush()
            self.regions.pop()

    def _close_block(self, tag: str) -> None:
        if tag in _LISTS and self.lists:
            self.lists.pop()
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append(len(self.page.blocks))
        elif tag == "tr" and self.rows:
            self._close_row(self.rows.pop())
        self.quotes -= tag == "blockquote"
        self.facts -= tag == "dl"
        self.sections -= tag in _SECTIONS
        self.kind, self.prefix = "text", ""

    def _close_link(self) -> None:
        if self.link < 0:
            return
        label = "".join(self.parts[self.link_at :]).strip()
        if not label or label == self.page.addresses[-1]:  # nothing to click on, or the text is the address
            del self.parts[self.link_at - 1]
            self.page.addresses.pop()
            self.page.unseen["links without a text"] += not label
        else:
            self.parts.append(f"{CLOSE}{self.link}{END}")
        self.link = -1

    def _code(self, node: LexborNode) -> None:
        """Preformatted text keeps its spaces and lines."""
        text = node.text().strip("\n")
        if text.strip():
            self._add("code", f"```\n{text}\n```", len(text), 0, ())
        self.kind, self.prefix = "text", ""

    def _flush(self) -> None:
        """Ends the open block: spaces collapse as in a browser, `\\v` (a br) ends a line."""
        if not self.parts:
            self.linked = 0
            return
        if self.link >= 0 and not "".join(self.parts[self.link_at :]).strip():
            # a link around blocks (a card): it goes on, and the first block with a text shows it
            del self.parts[self.link_at - 1 :]
            link, self.link = self.link, -1
            self._flush()
            self.link, self.parts, self.link_at = link, [OPEN], 1
            return
        self._close_link()
        raw = "".join(self.parts)
        linked, self.linked = self.linked, 0
        self.parts = []
        text = "\n".join(filter(None, map(collapse, raw.split("\v"))))
        links: tuple[int, ...] = ()
        size = len(text)
        if CLOSE in text:
            links = tuple(int(at) for _, at in LINK.findall(text))
            size = len(STRAY.sub("", text).strip())
        if not size:
            return
        self._add(self.kind, "> " * min(self.quotes, 4) + self.prefix + text, size, min(linked, size), links)
        if self.kind == "heading":
            self.kind, self.prefix = "text", ""
        elif self.prefix:  # what follows in the same item is indented below it
            self.prefix = " " * len(self.prefix)

    def _add(self, kind: str, text: str, size: int, linked: int, links: tuple[int, ...]) -> None:
        for region in self.regions:
            region.size += size
            region.linked += linked
        self.page.blocks.append(Block(kind, text, size, linked, self.regions[0] if self.regions else None, links))

    def _close_row(self, bounds: list[int]) -> None:
        """Cells of a table row become one line unless they are a page layout: long, or with blocks of their own."""
        blocks = self.page.blocks
        start, ends = bounds[0], bounds[1:]
        if len(ends) < 2 or ends[-1] != len(blocks) or ends[-1] == start:
            return
        cells: list[list[Block]] = []
        for end in ends:
            cells.append(blocks[start:end])
            start = end
        row = [b for cell in cells for b in cell]
        if any(b.kind in ("heading", "code", "row") for b in row):
            return
        if any(len(cell) > 1 and sum(b.size for b in cell) > _MAX_CELL for cell in cells):
            return
        texts = [" ".join(b.text.strip().replace("\n", " ") for b in cell) for cell in cells]
        if sum(map(bool, cells)) == 1 and sum(b.size for b in row) > _MAX_HIDDEN:
            return
        text = " | ".join(texts)
        size, linked = sum(b.size for b in row), sum(b.linked for b in row)
        links = tuple(at for b in row for at in b.links)
        del blocks[bounds[0] :]
        blocks.append(Block("row", text, size, linked, row[0].region, links))
