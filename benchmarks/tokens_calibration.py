"""Fit and measure the token estimate of `headroom.tokens` against o200k_base.

Needs numpy and bpe-openai.  Texts: a corpus folder with a MANIFEST.jsonl (path, workload, source_group), a file of
agent sessions in JSON lines (messages with `tool_result` blocks), the standard library, any further folders, and texts
made here (identifiers, numbers, symbol runs, other layouts of the corpus texts).

    python benchmarks/tokens_calibration.py measure --corpus DIR --sessions FILE
    python benchmarks/tokens_calibration.py fit --corpus DIR --sessions FILE --extra DIR --write src/headroom/tokens.py

`fit` prints the held-out error first: tables from one half of the sources (split by project, not by file), error on
the other half.  The tables it writes come from both halves.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import sysconfig
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpe_openai
import numpy as np
from numpy.typing import NDArray

from headroom import tokens

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ENCODING = bpe_openai.get_encoding("o200k_base")
CORPUS_GROUPS = ("builds", "grep", "html", "json", "logs", "rag", "tables")
WINDOW, LEFT, STATES = 8, 4, 16
LONGEST = 150_000
MAIN_LANGUAGES = frozenset(
    re.findall(r"\w+", "ru uk zh_Hans zh_Hant ja ko ar he hi el th de fr es pt pt_BR it pl cs nl sv tr vi")
)
RIDGE = 0.3


@dataclass
class Sample:
    """A text with the places where its tokens begin."""

    group: str
    name: str
    half: int
    data: NDArray[np.uint8]
    starts: NDArray[np.uint8]
    count: int


def make_sample(group: str, name: str, source: str, text: str) -> Sample:
    """Tokenize the text; `source` decides the half it belongs to."""
    data = text.encode("utf-8", "replace")
    clean = data.decode("utf-8")
    ids = [i for at in range(0, len(clean), 200_000) for i in ENCODING.encode_ordinary(clean[at : at + 200_000])]
    lengths = [len(ENCODING.decode_single_token_bytes(i)) for i in ids]
    starts = np.zeros(len(data), np.uint8)
    starts[np.cumsum([0, *lengths])[:-1]] = 1
    half = hashlib.sha256(source.encode()).digest()[0] & 1
    return Sample(group, name, half, np.frombuffer(data, np.uint8), starts, len(ids))


# --- texts ---------------------------------------------------------------------------------------------------------


def corpus_texts(folder: Path) -> Iterator[tuple[str, str, str, str]]:
    for line in (folder / "MANIFEST.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        group = entry["workload"].removesuffix("_truth")
        if group != "images":
            text = (folder / entry["path"]).read_bytes().decode("utf-8", "replace")
            yield group, entry["path"], entry["source_group"] or entry["path"], text


def session_texts(path: Path) -> Iterator[tuple[str, str, str, str]]:
    for line in path.open(encoding="utf-8"):
        session = json.loads(line)
        parts: dict[str, list[str]] = defaultdict(list)
        for message in session["messages"]:
            for block in message["content"] if isinstance(message["content"], list) else []:
                if block["type"] == "tool_result":
                    content = block["content"]
                    plain = content if isinstance(content, str) else "\n".join(x.get("text", "") for x in content)
                    parts["session-results"].append(plain)
                else:
                    parts["session-words"].append(block.get("text") or json.dumps(block.get("input", "")))
        for group, texts in parts.items():
            yield group, session["id"], session["group"], "\n".join(texts)[:LONGEST]


def folder_texts(folder: Path, group: str, limit: int, longest: int) -> Iterator[tuple[str, str, str, str]]:
    files = sorted(folder.rglob("*"))
    random.Random(7).shuffle(files)
    wanted = {".py", ".js", ".ts", ".c", ".h", ".rs", ".go", ".java", ".pm", ".php", ".html", ".md", ".yaml", ".po"}
    for path in files:
        if limit and path.suffix in wanted and path.is_file() and 1500 < path.stat().st_size < 600_000:
            text = path.read_bytes().decode("utf-8", "replace")
            if path.suffix == ".po":
                # The languages most read; rarer ones of the same script split into far more tokens.
                if not MAIN_LANGUAGES & set(path.parts):
                    continue
                text = " ".join(re.findall(r'msgstr(?:\[\d\])? "(.+)"', text))
            if text:
                limit -= 1
                yield group + path.suffix, str(path), str(path.relative_to(folder)), text[:longest]


def made_texts() -> Iterator[tuple[str, str, str, str]]:
    rng = random.Random(7)
    some = rng.randbytes

    def joined(make: Callable[[], str], separators: list[str], count: int) -> str:
        return rng.choice(separators).join([make() for _ in range(count)])

    def moment() -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(rng.randrange(2**31)))

    def run() -> str:
        text = rng.choice("-=~_*#.+^") * rng.randrange(1, rng.choice([6, 30, 100])) + rng.choice(["", " ", "|"])
        return " " * rng.choice([0, 0, 4, rng.randrange(40)]) + text + rng.choice(["", " error", " Name: x"])

    prose = (Path(sysconfig.get_paths()["stdlib"]) / "pydoc_data" / "topics.py").read_text(encoding="utf-8")
    words = re.findall(r"[A-Za-z]{2,14}", prose)

    def cell() -> str:
        word, other = rng.choice(words), rng.choice(words)
        forms = [word, word.lower(), word + " " + other, word + "_" + other, word.upper(), "/" + word + "/" + other]
        forms += [str(rng.randrange(10 ** rng.randrange(1, 7))), f"{rng.random() * 99:.2f}", "true", "null", ""]
        return rng.choice(
            [*forms, "false", str(rng.randrange(999)), f"20{rng.randrange(10, 30)}-0{rng.randrange(1, 9)}-11"]
        )

    def table() -> str:
        # Every separator gets the same cells, so that the fit learns what separators alone cost.
        columns, separator = rng.randrange(2, 9), rng.choice([",", "\t", " | ", ";", "|", '","', "  ", ": "])
        return joined(lambda: separator.join([cell() for _ in range(columns)]), ["\n"], 300)

    separators = ["\n", ",", "\t", ", ", '","']
    symbols = "─│┌┐└┘├┤═█▓░✓✗→←•…●■"
    makers: dict[str, Callable[[], str]] = {
        "hex": lambda: joined(lambda: some(rng.choice([4, 8, 16, 20, 32])).hex(), ["\n"], 300),
        "hex-dump": lambda: joined(lambda: some(16).hex(" "), ["\n"], 200),
        "base64": lambda: base64.encodebytes(some(9000)).decode().replace("\n", rng.choice(["", "\n"])),
        "uuid": lambda: joined(lambda: str(uuid.UUID(bytes=some(16))), separators, 200),
        "number": lambda: joined(lambda: str(rng.randrange(10 ** rng.randrange(1, 12))), separators, 1500),
        "decimal": lambda: joined(lambda: f"{rng.gauss(0, 300):.{rng.randrange(1, 7)}f}", separators, 1500),
        "time": lambda: joined(moment, ["\n"], 500),
        "run": lambda: joined(run, ["\n"], 300),
        "symbol": lambda: joined(lambda: rng.choice(symbols) * rng.randrange(1, 60) + " Total", ["\n"], 200),
        "table": table,
        "emoji": lambda: joined(lambda: "done " + chr(rng.randrange(0x1F300, 0x1F650)), [" "], 800),
    }
    for name, make in makers.items():
        for number in range(60 if name == "table" else 12):
            yield "made-" + name, f"{name} {number}", f"{name} {number}", make()


def other_layouts(samples: list[Sample]) -> Iterator[tuple[str, str, Sample, str]]:
    """Give (layout, group of the plain form, plain sample, text) for the same content in another form."""
    rng = random.Random(9)
    for sample in samples:
        text = sample.data.tobytes()[:60_000].decode("utf-8", "ignore")
        if sample.group in CORPUS_GROUPS and rng.random() < 0.5:
            lines = text.split("\n")
            yield "numbered lines", sample.group, sample, "\n".join(f"{n:6d}\t{x}" for n, x in enumerate(lines, 1))
            yield "diff lines", sample.group, sample, "\n".join(rng.choice("+- ") + x for x in lines)
            yield "text in JSON", sample.group, sample, json.dumps(text)
        if sample.group != "json":
            continue
        try:
            value = json.loads(sample.data.tobytes())
        except ValueError:
            continue
        yield "json indented", "json", sample, json.dumps(value, indent=2, ensure_ascii=False)[:LONGEST]
        yield "json dense", "json", sample, json.dumps(value, separators=(",", ":"), ensure_ascii=False)[:LONGEST]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            for name, separator in (("csv", ","), ("tsv", "\t"), ("bars", " | ")):
                rows = [[str(x) for x in row.values()] for row in value if isinstance(row, dict)]
                table = [list(value[0]), *rows]
                yield name, "json", sample, "\n".join(map(separator.join, table))[:LONGEST]


def short_texts(samples: list[Sample]) -> Iterator[Sample]:
    rng = random.Random(3)
    for sample in samples:
        data = sample.data.tobytes()
        for _ in range(3 if len(data) > 400 else 0):
            at = rng.randrange(len(data) - 200)
            text = data[at : at + rng.randrange(20, 200)].decode("utf-8", "ignore")
            short = make_sample("short", sample.name, sample.name, text)
            short.half = sample.half
            yield short


def load(args: argparse.Namespace) -> list[Sample]:
    texts: list[tuple[str, str, str, str]] = [*corpus_texts(args.corpus), *session_texts(args.sessions), *made_texts()]
    texts += folder_texts(Path(sysconfig.get_paths()["stdlib"]), "library", 400, 20_000)
    for folder in args.extra:
        texts += folder_texts(folder, "extra", 700, 12_000)
    plain = [make_sample(group, name, source, text) for group, name, source, text in texts if text]
    layouts = []
    for layout, _, base, text in other_layouts(plain):
        layouts.append(make_sample(layout, base.name, base.name, text))
        layouts[-1].half = base.half
    return plain + layouts + list(short_texts(plain))


# --- fit -----------------------------------------------------------------------------------------------------------


def group_weight(group: str) -> float:
    """How much a group of texts counts in the fit: tool output most, short cuttings not at all."""
    if group in CORPUS_GROUPS or group.startswith("session"):
        return 3.0
    if group in ("made-table", "tsv", "csv", "bars", "extra.po", "made-base64"):
        return 2.0
    return 0.0 if group == "short" else 0.4 if group.startswith("made") else 1.0


def windows(samples: list[Sample], size: int, wide: bool, seed: int) -> tuple[NDArray[np.uint8], Floats]:
    """Draw windows of 8 bytes and whether a token begins at their fifth byte."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.group].append(sample)
    total = sum(map(group_weight, groups))
    cuts, targets = [], []
    for group, members in groups.items():
        shares = np.array([min(len(m.data), 100_000) ** 0.7 for m in members])
        for member, share in zip(members, shares / shares.sum(), strict=True):
            near = np.flatnonzero(member.data >= 128)
            if group_weight(group) == 0 or (wide and not len(near)):
                continue
            amount = 1 + int(size * (3 if wide else 1) * group_weight(group) / total * share)
            at = rng.integers(0, len(member.data), amount)
            if wide:
                picked = rng.choice(near, amount) + rng.choice([0, 0, 0, -2, -1, 1, 2, 4], amount)
                at = np.where(rng.random(amount) < 0.8, np.clip(picked, 0, len(member.data) - 1), at)
            padded = np.pad(member.data, LEFT)
            cuts.append(padded[at[:, None] + np.arange(WINDOW)])
            targets.append(member.starts[at] * ((member.data[at] >= 128) == wide))
    return np.concatenate(cuts), np.concatenate(targets).astype(np.float64)


def first_classes(wide: bool) -> Ints:
    """The hand-made classes of bytes the search begins with."""
    classes = np.zeros(256, np.int64)
    if wide:
        classes[:128] = 1
        classes[128:192] = 2 + np.arange(64) // 11
        leads = "c2 c3|d0|d1|e2|e3|ea eb ec ed|ef f0"
        classes[192:] = 15
        for number, group in enumerate(leads.split("|"), 8):
            classes[list(bytes.fromhex(group))] = number
        return classes
    members = ["", " ", "\n", "\t\r", "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "aeiou", "nrstlcdmp", "bfghjkqvwxyz"]
    members += ["_-", "\"'`", ".", "/\\", ",:;", "()[]{}<>", "!#$%&*+=?@^|~"]
    for number, letters in enumerate(members):
        classes[[ord(letter) for letter in letters]] = number
    return classes


def profiles(codes: Ints, partners: Ints, target: Floats) -> tuple[Floats, Floats]:
    """Rate of token starts per code and partner, smoothed towards the code's own rate, and the code's frequency."""
    key = codes * STATES + partners
    seen = np.bincount(key, minlength=256 * STATES).reshape(256, STATES)
    hits = np.bincount(key, target, minlength=256 * STATES).reshape(256, STATES)
    own = (hits.sum(1) + 2 * target.mean()) / (seen.sum(1) + 2)
    return (hits + 8 * own[:, None]) / (seen + 8) * np.sqrt(seen.sum(0) / seen.sum()), seen.sum(1).astype(np.float64)


def clusters(points: Floats, weights: Floats, seed: int) -> Ints:
    """Group 256 codes into 16 states by their profiles (k-means)."""
    rng = np.random.default_rng(seed)
    weights = weights + 1e-9
    centres = points[rng.choice(256, STATES, replace=False, p=weights / weights.sum())]
    for _ in range(30):
        distance = ((points[:, None] - centres[None]) ** 2).sum(-1)
        nearest = distance.argmin(1)
        for state in range(STATES):
            own = nearest == state
            far = points[(distance.min(1) * weights).argmax()]
            centres[state] = np.average(points[own], axis=0, weights=weights[own]) if own.any() else far
    return nearest.astype(np.int64)


class Chain:
    """Three steps of pairing codes; maps 2k and 2k+1 serve the left and the right part of a pair in step k."""

    def __init__(self, cuts: NDArray[np.uint8], target: Floats, wide: bool, seed: int) -> None:
        base = first_classes(wide)
        self.maps = [base.copy(), base.copy(), *(np.zeros(256, np.int64) for _ in range(4))]
        for step in (1, 2):
            codes = self.codes(cuts, step)
            near = [base[cuts[:, 3]], base[cuts[:, 4]]]
            for side in (0, 1):
                found = [profiles(c, near[side], target) for c in codes[side::2]]
                points = np.concatenate([p for p, _ in found], 1)
                self.maps[2 * step + side] = clusters(points, sum((w for _, w in found), np.zeros(256)), seed)

    def codes(self, cuts: NDArray[np.uint8], step: int) -> list[Ints]:
        """The codes that go into a step: 8 bytes, 4 pairs, 2 quads, 1 window."""
        return self.paired([cuts[:, column].astype(np.int64) for column in range(WINDOW)], 0, step)

    def paired(self, codes: list[Ints], start: int = 0, stop: int = 3) -> list[Ints]:
        for step in range(start, stop):
            low, high = self.maps[2 * step], self.maps[2 * step + 1]
            codes = [low[a] + STATES * high[b] for a, b in zip(codes[::2], codes[1::2], strict=True)]
        return codes

    def improve(self, cuts: NDArray[np.uint8], target: Floats, known: Ints, sweeps: int) -> None:
        """Move single codes to the state that explains most variance, given what is known already (0-15)."""
        for _ in range(sweeps):
            for which in (5, 4, 3, 2, 1, 0):
                self._improve_map(which, cuts, target, known * 256)

    def _improve_map(self, which: int, cuts: NDArray[np.uint8], target: Floats, offset: Ints) -> None:
        step, bins, mapping = which // 2, 256 * STATES, self.maps[which]
        inputs = self.codes(cuts, step)
        cells = self.paired(inputs, step)[0] + offset
        seen, hits = np.bincount(cells, minlength=bins) * 1.0, np.bincount(cells, target, minlength=bins)
        columns = inputs[which % 2 :: 2]
        keys = np.concatenate(columns)
        order = np.argsort(keys, kind="stable")
        edges = np.searchsorted(keys[order], np.arange(257))
        for code in range(256):
            rows = np.unique(order[edges[code] : edges[code + 1]] % len(target))
            if len(rows) < 20:
                continue
            part, hit = [column[rows] for column in inputs], target[rows]
            rest_seen = seen - np.bincount(cells[rows], minlength=bins)
            rest_hits = hits - np.bincount(cells[rows], hit, minlength=bins)
            best: tuple[float, int, Any] = (-1.0, int(mapping[code]), None)
            for state in [int(mapping[code]), *range(STATES)]:
                mapping[code] = state
                moved = self.paired(part, step)[0] + offset[rows]
                new_seen = rest_seen + np.bincount(moved, minlength=bins)
                new_hits = rest_hits + np.bincount(moved, hit, minlength=bins)
                score = float((new_hits**2 / np.maximum(new_seen, 1e-9)).sum())
                if score > best[0] + 1e-9:
                    best = (score, state, (moved, new_seen, new_hits))
            mapping[code] = best[1]
            cells[rows], seen, hits = best[2]


def join(first: Ints, second: Ints, target: Floats) -> tuple[Ints, Ints]:
    """Reduce the codes of two chains to 16 states each so that both together explain most."""
    nothing = np.zeros(len(target), np.int64)
    ends = [clusters(*profiles(second, nothing, target), 0)] * 2
    ends[0] = clusters(*profiles(first, ends[1][second], target), 0)
    for _ in range(8):
        for side, (own, other) in ((1, (second, first)), (0, (first, second))):
            partner = ends[1 - side][other]
            key = own * STATES + partner
            seen = np.bincount(key, minlength=256 * STATES).reshape(256, STATES) * 1.0
            hits = np.bincount(key, target, minlength=256 * STATES).reshape(256, STATES)
            state_seen, state_hits = np.zeros((STATES, STATES)), np.zeros((STATES, STATES))
            ends[side] = ends[side].copy()
            np.add.at(state_seen, ends[side], seen)
            np.add.at(state_hits, ends[side], hits)
            for code in range(256):
                state_seen[ends[side][code]] -= seen[code]
                state_hits[ends[side][code]] -= hits[code]
                with_it = (state_hits + hits[code]) ** 2 / np.maximum(state_seen + seen[code], 1e-9)
                without = state_hits**2 / np.maximum(state_seen, 1e-9)
                ends[side][code] = (with_it - without).sum(1).argmax()
                state_seen[ends[side][code]] += seen[code]
                state_hits[ends[side][code]] += hits[code]
    return ends[0], ends[1]


def fit_tables(samples: list[Sample], wide: bool) -> list[Ints]:
    """Fit both chains and their joint; the last entry numbers the joint codes, weights come from `fit_weights`."""
    cuts, target = windows(samples, 200_000 if wide else 500_000, wide, seed=1)
    nothing = np.zeros(len(target), np.int64)
    first = Chain(cuts[::3], target[::3], wide, seed=0)
    first.improve(cuts[::3], target[::3], nothing[::3], 2)
    first.improve(cuts, target, nothing, 3)
    codes = first.codes(cuts, 3)[0]
    seen = np.bincount(codes, minlength=256)
    rates = (np.bincount(codes, target, minlength=256) + 2 * target.mean()) / (seen + 2)
    known = clusters(rates[:, None], seen * 1.0, 1)[codes]
    second = Chain(cuts[::3], (target - rates[codes])[::3], wide, seed=3)
    second.improve(cuts[::3], target[::3], known[::3], 2)
    ends = join(codes, second.codes(cuts, 3)[0], target)
    second.improve(cuts, target, ends[0][codes], 4)
    ends = join(codes, second.codes(cuts, 3)[0], target)
    tables = [chain.maps[2 * k] + STATES * chain.maps[2 * k + 1] for chain in (first, second) for k in range(3)]
    return [*tables, ends[0], ends[1] * STATES]


def joint_codes(tables: list[Ints], data: NDArray[np.uint8]) -> Ints:
    """What `headroom.tokens` looks the weights up by, for every byte."""
    as_bytes = tuple(table.astype(np.uint8).tobytes() for table in tables)
    codes = np.zeros(len(data), np.int64)
    for at in range(0, len(data), tokens._PIECE):
        piece = np.pad(data, LEFT)[at : at + tokens._PIECE + WINDOW].tobytes()
        for table, chain in zip(tables[6:8], tokens._chains(piece, as_bytes), strict=True):
            part = np.frombuffer(chain, np.uint8)[: len(piece) - WINDOW]
            codes[at : at + len(part)] |= table[part]
    return codes


def fit_weights(samples: list[Sample], kinds: list[list[Ints]]) -> list[Floats]:
    """Start from the rate of token starts per code, then let whole texts correct it (ridge regression)."""
    used = [sample for sample in samples if sample.count > 0]
    features, hits = np.zeros((len(used), 512)), np.zeros(512)
    blank = joint_codes(kinds[1], np.full(1, ord("a"), np.uint8))[0]
    for row, sample in enumerate(used):
        for number, tables in enumerate(kinds):
            if number == 1 and not (sample.data >= 128).any():
                continue
            codes = joint_codes(tables, sample.data) + 256 * number
            features[row] += np.bincount(codes, minlength=512)
            own = sample.starts * ((sample.data >= 128) == bool(number))
            hits += np.bincount(codes, own, minlength=512) * group_weight(sample.group)
    # Windows without any other script must cost nothing there: pieces of pure ASCII skip those tables.
    features[:, 256 + blank], hits[256 + blank] = 0.0, 0.0
    scale = np.array([group_weight(sample.group) for sample in used]) @ features
    start = (hits + 0.1) / (scale + 0.5) * (scale > 0)
    count = np.array([sample.count for sample in used], float)
    trust = np.array([max(group_weight(s.group), 0.02) / 2 * (1 if s.count > 300 else 0.3) for s in used]) ** 0.5
    scaled = features * (trust / np.maximum(count, 60))[:, None]
    missing = (count - features @ start) * trust / np.maximum(count, 60)
    change = np.linalg.solve(scaled.T @ scaled + RIDGE * np.eye(512), scaled.T @ missing)
    weights = start + change
    weights[256 + blank] = 0.0
    return [weights[:256], weights[256:]]


def fit(samples: list[Sample]) -> dict[str, list[bytes]]:
    kinds = [fit_tables(samples, wide) for wide in (False, True)]
    fitted = {}
    for name, tables, weights in zip(("_ASCII", "_WIDE"), kinds, fit_weights(samples, kinds), strict=True):
        steps = np.clip(np.round(weights * tokens._SCALE) + tokens._ZERO, 0, 255)
        fitted[name] = [table.astype(np.uint8).tobytes() for table in [*tables, steps]]
    return fitted


def write_tables(path: Path, fitted: dict[str, list[bytes]]) -> None:
    source = path.read_text(encoding="utf-8")
    for name, tables in fitted.items():
        literals = []
        for table in tables:
            text = base64.b85encode(table).decode()
            literals.append("\n".join(f'    "{text[at : at + 110]}"' for at in range(0, len(text), 110)) + ",\n")
        block = f"{name} = _unpack(\n{''.join(literals)})\n"
        source = re.sub(rf"^{name} = _unpack\(\n.*?^\)\n", lambda _, new=block: new, source, flags=re.S | re.M)  # type: ignore[misc]
    path.write_text(source, encoding="utf-8")


# --- measure -------------------------------------------------------------------------------------------------------


def print_errors(title: str, errors: dict[str, list[float]]) -> None:
    print(f"\n{title:24} {'texts':>6} {'mean |error|':>13} {'bias':>8}  (%)")
    for name, values in sorted(errors.items()):
        found = 100 * np.array(values)
        print(f"{name:24} {len(found):6d} {np.abs(found).mean():13.2f} {found.mean():+8.2f}")
    corpus = [100 * float(np.abs(errors[group]).mean()) for group in CORPUS_GROUPS if group in errors]
    if corpus:
        print(f"{'mean over corpus groups':24} {'':6} {np.mean(corpus):13.2f}")


def measure(samples: Iterable[Sample]) -> None:
    """Print errors per group, errors of the ratio between two forms of one content, and the speed."""
    errors: dict[str, list[float]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    kept = [sample for sample in samples if sample.count > 0]
    plain: dict[str, float] = {}
    for sample in kept:
        wrong = tokens.count_tokens(sample.data.tobytes().decode("utf-8")) / sample.count
        errors[sample.group].append(wrong - 1)
        if sample.group in CORPUS_GROUPS:
            plain[sample.name] = wrong
        elif sample.name in plain and sample.group != "short":
            ratios[sample.group + " / plain"].append(wrong / plain[sample.name] - 1)
    print_errors("group", errors)
    print_errors("pair of forms", ratios)
    text = "".join(s.data.tobytes().decode() for s in kept if s.group == "library.py" and s.data.max() < 128)
    started = time.perf_counter()
    tokens.count_tokens(text)
    print(f"\nspeed on ASCII text: {len(text) / (time.perf_counter() - started) / 1e6:.0f} MB/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["fit", "measure"])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--sessions", type=Path, required=True)
    parser.add_argument("--extra", type=Path, action="append", default=[])
    parser.add_argument("--write", type=Path, help="the module whose tables `fit` replaces")
    args = parser.parse_args()
    samples = load(args)
    if args.task == "fit":
        print("held out: tables from one half of the sources, error on the other half")
        vars(tokens).update(fit([sample for sample in samples if sample.half == 0]))
        measure([sample for sample in samples if sample.half == 1])
        fitted = fit(samples)
        vars(tokens).update(fitted)
        if args.write:
            write_tables(args.write, fitted)
        print("\nall sources, tables as written")
    measure(samples)


if __name__ == "__main__":
    main()
