"""Ids of originals: short, content-addressed, the same on every machine."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that reads as something else
_RESPELLED = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _ALPHABET.encode())
SHORTEST, LONGEST = 8, 32
_ID = re.compile(rf"[{_ALPHABET}]{{{SHORTEST},{LONGEST}}}")


def encoded(text: str) -> bytes:
    """The bytes a store keeps of a text; lone surrogates count as themselves."""
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """The text that `encoded` made these bytes of."""
    return data.decode("utf-8", "surrogatepass")


def digest(data: bytes) -> bytes:
    """The SHA-256 of an encoded text: what its id is cut from, and what tells two texts with one id apart."""
    return hashlib.sha256(data).digest()


def id_of(fingerprint: bytes, kept: Callable[[str], bytes | None]) -> str:
    """The shortest free or matching id for a digest, at least 8 characters (40 bits).

    `kept` gives the digest of the text that an id stands for now, None for a free id.
    """
    letters = base64.b32encode(fingerprint[: LONGEST * 5 // 8]).translate(_RESPELLED).decode()
    for length in range(SHORTEST, LONGEST + 1):
        if kept(letters[:length]) in (None, fingerprint):
            return letters[:length]
    raise AssertionError("two texts share 160 bits of SHA-256")


def is_id(text: str) -> bool:
    """Whether a string has the form of an id; nothing else is ever looked up."""
    return _ID.fullmatch(text) is not None
