"""Whether lines are source code, and in which language: by the lines that only a programming language has.

"other" stands for the languages without a grammar here.

One look-up of each line's first word; a pattern is tried only on lines whose first word could be a sign. Most texts
have none of those words where lines begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from headroom.interfaces import Sample

# First words → pattern of the whole line (without indentation) → the languages that have such lines.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("def", r"def \w+ ?\(.*[:,(\[\\]$", "python"),
    ("async", r"async def \w+\(", "python"),
    ("async", r"async (?:function|\w+) ?\(.*[{,(]$", "javascript typescript"),
    ("class", r"class \w+(?:\(.*\))?:$", "python"),
    ("class", r"class \w+[^;:]*\{$|class \w+(?: extends [\w.<>]+)", "javascript typescript java"),
    ("class struct",
     r"(?:class|struct) \w+(?: final)?(?: ?: ?(?:public|private|protected)? ?[\w:<>, ]+)? ?\{?$", "cpp"),
    ("from", r"from [\w.]+ import [\w(*]", "python"),
    ("import", r"import [\w.]+(?: as \w+)?(?:, ?[\w.]+)*$", "python"),
    ("import", r"import (?:static )?[\w.]+(?:\.\*)?;$", "java"),
    ("import", r"import (?:type )?(?:.* from )?['\"][^'\"]+['\"];?$|import (?:type )?\{$", "javascript typescript"),
    ("import", r"import (?:\(|(?:\w+ )?\"[\w./-]+\")$", "go"),
    ("if elif else: try: except except: finally: with while for",
     r"(?:if|elif|while|with) .*:$|for .+ in .+:$|(?:else|try|except|finally)(?: [\w.()\[\], ]+)?:$", "python"),
    ("raise", r"raise [A-Z]\w*(?:\(|$)|raise$", "python"),
    ("return", r"return\b.*;$", "javascript typescript rust java c cpp"),
    ("return",
     r"return(?:$| (?:await|not|new|lambda) | [^\s;]+(?:$|,| (?:[^a-z\s]|(?:if|and|or|not|in|is|for) ).*[^;.:]$))",
     "python go javascript typescript"),
    ("func", r"func (?:\(\w* ?\*?[\w\[\]]+\) )?\w+[(\[].*[{(,]$", "go"),
    ("package", r"package \w+$", "go"),
    ("package", r"package \w+(?:\.\w+)+;$", "java"),
    ("type", r"type \w+(?:\[.*\])? (?:struct|interface|func|map|\[\]|\*?[\w.]+$)", "go"),
    ("type", r"type \w+(?:<.*>)? =", "typescript rust"),
    ("if for switch defer go", r"if err (?:!=|:?=) .*\{$|(?:for|if|switch) .*:= .*\{$|(?:defer|go) [\w.]+\(", "go"),
    ("var const", r"(?:var|const) \($|var \w+ [\w.*\[\]]+(?: = .*[^;])?$", "go"),
    ("export", r"export (?:default |async |declare |abstract )*(?:interface|type|enum|namespace)\b", "typescript"),
    ("export", r"export (?:default |async |declare |abstract )*(?:function|class|const|let|var|\{|\*)",
     "javascript typescript"),
    ("interface enum", r"(?:interface|enum) \w+.*\{$", "typescript java"),
    ("readonly declare namespace abstract", r"(?:readonly|declare|namespace|abstract) \w+.*[;{(]$", "typescript"),
    ("const let var", r"(?:const|let|var) \w+: [\w<{(\[]", "typescript rust"),
    ("const let var", r"(?:const|let|var) (?:\w+|[{\[].*|\{)(?:: [^=]+)?(?: =.*|;|,)?$", "javascript typescript"),
    ("function", r"function \w+.*\): .*\{$", "typescript"),
    ("function function*", r"function\*? ?\w*(?:<.*>)?\(.*[{(,]$", "javascript typescript"),
    ("throw", r"throw new \w+.*[;(]$", "javascript typescript java"),
    ("'use \"use", r"['\"]use strict['\"];?$", "javascript"),
    ("pub", r"pub(?:\([\w: ]+\))? (?:(?:fn|struct|enum|trait|mod|use|const|static|type|async|unsafe|extern)\b|\w+:)",
     "rust"),
    ("fn", r"fn \w+.*[{(,>]$|fn \w+.*;$", "rust"),
    ("impl impl<T> impl<T", r"impl(?:<.*>)? .*[{>]$|impl\b", "rust"),
    ("use mod", r"(?:use|mod) [\w:]+(?:::[{*].*)?[;{,]$|use [\w:{, }*]+;$", "rust"),
    ("let", r"let (?:mut )?[\w(][^=]*=.*[;{(]$", "rust javascript typescript"),
    ("match", r"match .*\{$", "rust"),
    ("public private protected", r"(?:public|private|protected)\b.*[;{(,]$", "java typescript"),
    ("final static", r"(?:static |final )+[\w<>\[\], ]+ \w+.*[;{(]$", "java"),
    ("public: private: protected:", r"\w+:$", "cpp"),
    ("#include #define #ifndef #ifdef #endif #pragma #undef",
     r"#(?:include ?[<\"]|define \w|ifn?def \w|endif|pragma \w|undef \w)", "c cpp"),
    ("static extern const unsigned void int char bool long double float size_t",
     r"(?:\w+[ *]+)+\w+(?:\(.*|\[.*|;| =.*)$", "c cpp java"),
    ("struct typedef enum union", r"(?:typedef )?(?:struct|enum|union)\b.*[{;]$|typedef .*;$", "c cpp rust"),
    ("namespace", r"namespace [\w:]*(?: ?\{)?$", "cpp"),
    ("using", r"using [\w: ]+(?:;| =.*)$", "cpp"),
    ("virtual explicit friend constexpr inline auto", r"\w+ .*[;{(,)]$", "cpp"),
    ("template template<typename template<class", r"template ?<", "cpp"),
    ("if for while switch", r"(?:if|for|while|switch) ?\(.*[{)&|,;]$", "javascript typescript java c cpp"),
    ("if for", r"(?:if|for) [^(].*[^;:] ?\{$", "go rust"),
    ("def", r"def (?:self\.)?[\w?!=]+(?:\(.*\))?(?: do)?$", "other"),
    ("defmodule defp defmacro", r"def\w* .* do$", "other"),
    ("end", r"end[;,)]*$", "other"),
    ("class module object trait",
     r"(?:class|module|object|trait) [A-Z][\w:]*(?: < [\w:]+|\(.*| extends .*)?(?: ?\{)?$", "other"),
    ("fun override suspend", r"(?:override |suspend )*fun .*[{(=,)]$", "other"),
    ("local", r"local (?:function )?[\w, ]+(?: ?=.*|\(.*\))?$", "other"),
    ("function", r"function [\w.:-]+ ?(?:\(.*\))?(?:: ?\??\w+)?(?: ?\{)?$", "other"),
    ("using", r"using [A-Z][\w.]+;$", "other"),
    ("<?php", r"<\?php", "other"),
    ("#!/bin/sh #!/bin/bash #!/usr/bin/env", r"#!", "other"),
    ("if then fi done esac", r"if \[\[? .*(?:then|\]\]?)$|(?:then|fi|done|esac);?$", "other"),
    ("} else", r"\} (?:else(?: if)?|catch|finally)\b.*\{$|else if .*\{$", "javascript typescript java go rust c cpp"),
)  # fmt: skip

_SIGNS: dict[str, tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]] = {}
for _words, _pattern, _names in _TABLE:
    for _word in _words.split():
        _SIGNS[_word] = (*_SIGNS.get(_word, ()), (re.compile(_pattern), tuple(_names.split())))

_PREFIXED = (
    ("#[", ("rust",)), ("#![", ("rust",)), ("self.", ("python",)), ("this.", ("javascript", "typescript", "java")),
    ("std::", ("cpp",)), ("$this->", ("other",)), ("module.exports", ("javascript",)), ("exports.", ("javascript",)),
)  # fmt: skip
_FIRST = frozenset(prefix[:2] for prefix, _ in _PREFIXED)


def _any_of(words: Iterable[str]) -> str:
    """A pattern for one of the words, those with the same first letter together."""
    tails: dict[str, list[str]] = {}
    for word in words:
        tails.setdefault(word[0], []).append(re.escape(word[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in tails.items())


# How lines of a page without indentation begin that could be signs.
_POSSIBLE = re.compile(rf"\n(?:(?:{_any_of(_SIGNS)})(?!\S)|{_any_of(prefix for prefix, _ in _PREFIXED)}|@\w)")
_COMMENT = ("//", "/*", "*", "#", '"""', "--")
# What code has at most in passing, and what holds code among other things has everywhere.
_FOREIGN = re.compile(r"@@ -\d|diff --git |\+\+\+ |--- [ab]/|```|={6,}|_{6,}|Traceback \(most|E   |> {2,}|\$ ")
_FOREIGN_START = frozenset("@d+-`=_TE>$")
_ENOUGH, _NEVER = 40, 60  # lines that settle the matter: with many signs, with next to none


@dataclass(frozen=True, slots=True)
class Signs:
    """How many lines could be code, how many of them are signs of a language, and the language they speak of most.

    `closed` counts lines that end as statements and blocks do, `foreign` those of diffs, transcripts and searches.
    """

    lines: int
    signs: int
    closed: int
    foreign: int
    language: str

    @property
    def share(self) -> float:
        return self.signs / self.lines if self.lines else 0.0


def possible_signs(sample: Sample) -> int:
    """At most so many of the sample's lines are signs; a look at them as one text."""
    return len(_POSSIBLE.findall(sample.flush))


@lru_cache(maxsize=4)  # who recognises a text and who then outlines it both ask
def signs(lines: tuple[str, ...]) -> Signs:
    """The signs among the first lines that are neither blank nor comments."""
    votes: dict[str, int] = {}
    count = found = closed = foreign = 0
    for line in lines:
        words = line.split(None, 1)
        if not words:
            continue
        first = words[0]
        languages = _languages(first, line)
        if languages:
            found += 1
            for name in languages:
                votes[name] = votes.get(name, 0) + (3 if len(languages) == 1 else 1)
        elif first.startswith(_COMMENT):
            continue
        elif (first[-1] == ":" and ":" in first[:-1]) or (first[0] in _FOREIGN_START and _FOREIGN.match(line)):
            foreign += 1  # src/app.py:12: …, or a line of a diff, a transcript
        count += 1
        closed += line[-1] in ";{}"
        if (count >= _ENOUGH and found * 3 >= count) or (count >= _NEVER and found * 20 < count):
            break
    best = max(votes, key=lambda name: votes[name]) if votes else ""
    return Signs(count, found, closed, foreign, best)


def _languages(first: str, line: str) -> tuple[str, ...]:
    if first in _SIGNS:
        stripped = line.strip()
        for pattern, languages in _SIGNS[first]:
            if pattern.match(stripped):
                return languages
    elif first[:2] in _FIRST:
        for prefix, languages in _PREFIXED:
            if first.startswith(prefix):
                return languages
    elif first[0] == "@" and first[1:2].isalpha() and line.rstrip()[-1] not in ".,:":
        return ("java", "typescript") if first[1].isupper() else ("python",)
    return ()
