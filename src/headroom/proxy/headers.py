"""Headers pass as they came: names, values and order. Only what belongs to one connection, or to us, stays behind."""

from __future__ import annotations

from collections.abc import Iterable

Raw = Iterable[tuple[bytes, bytes]]
Headers = list[tuple[str, str]]

OWN_PREFIX = "x-headroom-"
_HOP_BY_HOP = frozenset(
    "connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    " upgrade".split()
)
# Who signs or sums up a body finds out when it changes.
_SEALS = frozenset("content-digest content-md5 digest repr-digest signature x-amz-content-sha256".split())


def to_upstream(raw: Raw, length: int | None, *, plain: bool = False) -> Headers:
    """A request's headers for the upstream; `length` is that of the body, None where it stays as declared.

    With `plain` the body has lost its content encoding.
    """
    without = {"host", "content-encoding"} if plain else {"host"}
    return _sized([pair for pair in _passing(raw, without) if not pair[0].lower().startswith(OWN_PREFIX)], length)


def to_client(raw: Raw, *, resized: bool = False) -> Headers:
    """A reply's headers for the client; where its body may change (`resized`), without what describes the old one."""
    return _passing(raw, {"content-length", "content-encoding"} if resized else set())


def sealed(raw: Raw) -> bool:
    """Whether the headers hold a sum or a signature of the body."""
    names = {name.lower().decode("latin-1") for name, _ in raw}
    return not _SEALS.isdisjoint(names)


def _passing(raw: Raw, without: set[str]) -> Headers:
    pairs = [(name.decode("latin-1"), value) for name, value in raw]
    named = {
        token.strip().lower()
        for name, value in pairs
        if name.lower() == "connection"
        for token in value.decode("latin-1").split(",")
    }
    barred = _HOP_BY_HOP | named | without
    kept: Headers = []
    spelled: dict[str, str] = {}
    for name, value in pairs:
        lower = name.lower()
        if lower in barred:
            continue
        try:
            text = value.decode()
        except UnicodeDecodeError:  # can't be written again as it was; no header of an LLM API is like this
            continue
        kept.append((spelled.setdefault(lower, name), text))
    return kept


def _sized(headers: Headers, length: int | None) -> Headers:
    """With the right Content-Length, in the place where it stood."""
    if length is None:
        return headers
    sized = [(name, str(length) if name.lower() == "content-length" else text) for name, text in headers]
    if not any(name.lower() == "content-length" for name, _ in headers):
        sized.append(("Content-Length", str(length)))
    return sized
