"""Which parts of a page are by their markup not its own matter: navigation, footers, dialogs, sharing, hidden parts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_TAGS = {"nav": "navigation", "footer": "footer", "aside": "aside", "header": "page header", "dialog": "dialog"}
_ROLES = {
    "navigation": "navigation",
    "banner": "page header",
    "contentinfo": "footer",
    "complementary": "aside",
    "search": "navigation",
    "menu": "navigation",
    "menubar": "navigation",
    "dialog": "dialog",
    "alertdialog": "dialog",
}
# What classes and ids say is a habit, not a rule: such a part gives away its links, never its words
_NAMES = (
    ("nav|navbar|navigation|navbox|menu|menubar|breadcrumbs?|pagination|pager|toolbar|masthead|topbar", "navigation"),
    ("footer|colophon", "footer"),
    ("sidebar|aside|related|recommended|recirculation|trending|popular", "aside"),
    ("cookies?|consent|gdpr|popup|modal|overlay|newsletter|subscribe|signup|login|paywall", "dialog"),
    ("share|sharing|social|promo|advert|adverts|advertisement|ads?|sponsor|sponsored", "sharing and advertising"),
)
_NAME_PATTERNS = [(re.compile(rf"(?:^|[\s_-])(?:{words})(?=$|[\s_-])"), label) for words, label in _NAMES]
_CAMEL = re.compile(r"([a-z])([A-Z])")
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_OWN = frozenset(("html", "body", "main", "article", "h1", "p", "pre", "code"))


@dataclass(slots=True)
class Region:
    """One such part. `strong` when its tag or role says so; `size` its characters, `has_title` when the h1 is in it."""

    label: str
    strong: bool
    size: int = 0
    linked: int = 0
    has_title: bool = False


def is_hidden(attributes: dict[str, str | None]) -> bool:
    """Whether the element itself says that it isn't shown."""
    style = attributes.get("style")
    return "hidden" in attributes or (bool(style) and _HIDDEN.search(style or "") is not None)


def region_of(tag: str, attributes: dict[str, str | None], in_section: bool) -> Region | None:
    """The region an element opens, if any; the header and footer of a section inside the page are its own matter."""
    if not attributes and tag not in _TAGS:
        return None
    role = attributes.get("role") or ""
    if role in _ROLES:
        return Region(_ROLES[role], role != "complementary")
    if tag in _TAGS:
        if in_section and tag in ("header", "footer"):
            return None
        return Region(_TAGS[tag], tag != "aside")
    if is_hidden(attributes):
        return Region("hidden", True)
    if tag in _OWN:
        return None
    names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
    label = _label(names) if len(names) > 2 else ""
    return Region(label, False) if label else None


@lru_cache(maxsize=4096)
def _label(names: str) -> str:
    lower = _CAMEL.sub(r"\1-\2", names[:400]).lower()
    return next((label for pattern, label in _NAME_PATTERNS if pattern.search(lower)), "")
