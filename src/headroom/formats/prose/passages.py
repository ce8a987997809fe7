"""Retrieved passages: the lines that name them, and the question that they were retrieved for."""

from __future__ import annotations

import re

_NAMES = (
    "passage|document|doc|source|result|chunk|context|page|title|file|url|link|snippet|score|rank|section|citation|"
    "excerpt|reference|metadata|hit|query|question"
)
_LEAD = re.compile(r"[\W_]{0,6}")
_NAMED = re.compile(
    rf"(?:\d{{1,4}}[.):\]]?\s+)?(?:{_NAMES})s?\b[\s*_\"'`]*"
    r"(?:[:=(\[|]|#?\d{1,4}\s*(?:[:.,)\]|/(·–-]|$)|$)",
    re.IGNORECASE,
)
_INITIALS = frozenset("0123456789").union([first for name in _NAMES.split("|") for first in (name[0], name[0].upper())])
_RANKED = re.compile(r"\[\d{1,4}\]\s+\S|[=\-*#]{3,} ?\S.*\S ?[=\-*#]{3,}\s*$")
_SCORES = ("score", "similarity", "relevance", "distance", "rank")
_SCORED = re.compile(rf"(?:^|[(\[|·,;\s])(?:{'|'.join(_SCORES)})[\"'*]*\s?[:= ]\s?[\d.]+(?!.*\.\s*$)", re.IGNORECASE)
_RANK = re.compile(r"\[\d{1,4}\]")
_MAX_HEADER, _MAX_LABEL, _QUESTION_WITHIN = 220, 40, 600
_ASKED_IN_JSON = re.compile(
    r"\s*\{[^{}\[\]]{0,400}?\"(?:query|q|search_?query|search_?term|keywords)\"\s*:\s*\"((?:[^\"\\\n]|\\.){3,400})\"",
    re.IGNORECASE,
)
_ASKED_IN_TEXT = re.compile(
    r"^[\W_]{0,6}(?:(?:search )?query|question|searched for|(?:search )?results for)\b"
    r"[\s*_]*[:=]?[\s*_]*[\"“'`]?([^\n]{3,400})",
    re.IGNORECASE | re.MULTILINE,
)

_ASKING = ("query", "question", "searched for", "results for")
_OWN = "\n(of the text itself) "


def is_header(line: str) -> bool:
    """Whether the first line of a paragraph names a passage: its rank, score, source, title."""
    if len(line) > _MAX_HEADER:
        return False
    lead = None if line[:1].isalnum() else _LEAD.match(line)
    at = lead.end() if lead else 0
    if line[at : at + 1] in _INITIALS and _NAMED.match(line, at):
        return True
    if line[:1] in "[=-*#" and _RANKED.match(line):
        return True
    return any(map(line.lower().__contains__, _SCORES)) and _SCORED.search(line) is not None


def label_of(header: str) -> str:
    """What to call a passage in a marker: its printed rank, or the beginning of its header."""
    ranked = _RANK.search(header)
    if ranked:
        return ranked[0]
    words = header.strip(" #=*-\t\r")
    return f'"{words}"' if len(words) <= _MAX_LABEL else f'"{words[:_MAX_LABEL]}…"'


def own_question(text: str) -> str:
    """The question that a retrieval result says it answers ("Query: …", `{"query": …}`); empty where it says none."""
    head = text[:_QUESTION_WITHIN]
    found = _ASKED_IN_JSON.match(head)
    if found is None and any(map(head.lower().__contains__, _ASKING)):
        found = _ASKED_IN_TEXT.search(head)
    return found[1].strip(" \"”'`*_\r") if found else ""


def with_own_question(query: str, text: str) -> str:
    """A query that also carries the text's own question, for the texts inside it."""
    own = own_question(text) if _OWN not in query else ""
    return f"{query}{_OWN}{own}" if own else query


def questions_of(query: str, text: str) -> tuple[str, str]:
    """What the user asks, and what the text or the one around it says that it answers."""
    asked, _, own = query.partition(_OWN)
    return asked, own or own_question(text)
