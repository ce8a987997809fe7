"""Record dumps: the same keys again and again (dmidecode, stat, expanded psql, /proc/cpuinfo, describe output).

Lossless: each distinct list of keys is a form, told once with all its fixed text; a record is a row of its values.
"""

from __future__ import annotations

from collections.abc import Iterable

from headroom.formats.table import rowcode
from headroom.formats.table.records import Keys, forms_of, split_records
from headroom.formats.table.signs import reads_source, sure_records
from headroom.interfaces import Sample
from headroom.model import Compressed, Context
from headroom.text.lines import split_lines


class Records:
    """Groups of `key: value` lines that repeat."""

    name = "records"
    content_type = "records"

    def sniff(self, sample: Sample, context: Context) -> float:
        return 0.0 if reads_source(context) else sure_records(sample.filled)

    def compress(self, text: str, context: Context) -> Iterable[Compressed]:
        if rowcode.START in text:
            return
        lines = split_lines(text)
        end = len(lines) - (lines[-1] == "")  # the final newline is part of no record
        keys = Keys()
        records = split_records(lines[:end], keys)
        if not records:
            return
        found = forms_of(lines, records, keys)
        coded = rowcode.encode(found.units, found.kinds, found.tables) if found.tables else None
        if coded is not None:
            yield Compressed("\n".join((*lines[: records[0][0]], *coded, *lines[end:])), self.name, lossless=True)

    def decode(self, text: str) -> str:
        return rowcode.decode(text)

    def same(self, decoded: str, original: str) -> bool:
        return decoded == original


COMPRESSOR = Records()
