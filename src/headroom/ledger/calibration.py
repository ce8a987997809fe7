"""How many tokens a provider counts for one of ours, learnt from what it reports.

What a request adds to the one before is known in our tokens, and what it adds to the reported total in the provider's:
one sample. Besides the texts a template counts something for each (braces, roles, keys), which is no part of the
factor; both are fitted in turn, by weighted medians, so that a picture, a thought that is not counted or a text that
was cut off make no difference. Sizes are kept both ways (`counting.Size`), and the one that fits better holds.

It takes some hundred samples to be sure, so processes put theirs together (`Samples`).

Measured on recorded sessions, as the error of a session's tokens (median, 90th percentile): 0.01 %, 0.04 % for a
provider that counts literals in o200k_base; below 0.01 % for one that counts decoded texts in it with a constant per
message; 0.2 %, 0.8 % where it does that in cl100k_base; 1.6 %, 6.5 % in Voyage's tokenizer, which is far from ours
(there all sessions together come out 2 % too low). Literals alone would be off by 1.8 % at the median where texts are
decoded, decoded texts alone by 1.5 % where they are not. Factors of single sessions do worse than those of their model
in each case (0.1 %, 1.8 % in the first): there is too little of one to tell texts from templates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from headroom.ledger.counting import Size
from headroom.recent import Recent

MOST_SAMPLES, _MOST_MODELS = 512, 256
_OFTEN, _MANY, _SELDOM = 4, 64, 16  # after how many more samples they are shared and fitted, up to many and beyond
_ROUNDS = 4
_MOST_PER_TEXT = 60.0
_LEAST_FACTOR, _MOST_FACTOR = 0.5, 2.0
_OUTLIER = 4.0  # times as many tokens, or as few: something else was counted
_SAME = 0.015  # how close to 1 a factor is where the provider's tokenizer is ours
_CLEARLY = 0.8  # of the other way's error, below which literals are what a provider counts


class Sample(NamedTuple):
    """What was added to a request, and by how much that made the reported total grow."""

    size: Size
    reported: float


class Scale(NamedTuple):
    """Which way a provider counts strings, what one token of ours is to it, and what it adds for each text."""

    literal: bool = False
    factor: float = 1.0
    per_text: float = 0.0

    def of(self, size: Size) -> float:
        """The size in the provider's tokens."""
        return self.factor * _chosen(size, self.literal) + self.per_text * size.texts


class Samples(Protocol):
    """Where samples are kept for other processes, and for this one when it is started again: the last ones."""

    def samples(self, model: str) -> Sequence[Sample]: ...

    def keep_samples(self, model: str, samples: Sequence[Sample]) -> None: ...


class Calibration:
    """The scales of all models that were seen last."""

    def __init__(self, shared: Samples) -> None:
        self._shared = shared
        self._models: Recent[str, _Model] = Recent(_MOST_MODELS)

    def learn(self, model: str, sample: Sample) -> None:
        """Takes in what a request showed."""
        tokens = sample.size.decoded
        if 0 < tokens < _OUTLIER * sample.reported < _OUTLIER * _OUTLIER * tokens:
            self._model(model).learn(sample)

    def scale(self, model: str) -> Scale:
        """What holds for a model; our own tokens, until something was learnt of it."""
        return self._model(model).scale

    def _model(self, name: str) -> _Model:
        known = self._models.get(name)
        if known is None:
            known = _Model(name, self._shared)
            self._models.put(name, known)
        return known


class _Model:
    def __init__(self, name: str, shared: Samples) -> None:
        self._name, self._shared = name, shared
        self._samples: deque[Sample] = deque(shared.samples(name), MOST_SAMPLES)
        self._new: list[Sample] = []
        self.scale = self._fitted()

    def learn(self, sample: Sample) -> None:
        self._samples.append(sample)
        self._new.append(sample)
        if len(self._new) < (_SELDOM if len(self._samples) > _MANY else _OFTEN):
            return
        self._shared.keep_samples(self._name, self._new)
        if together := self._shared.samples(self._name):
            self._samples = deque(together, MOST_SAMPLES)
        self._new.clear()
        self.scale = self._fitted()

    def _fitted(self) -> Scale:
        """The scale that explains the samples better, by either way of counting."""
        if not self._samples:
            return Scale()
        decoded, literal = _fitted(self._samples, False), _fitted(self._samples, True)
        return literal[0] if literal[1] < _CLEARLY * decoded[1] else decoded[0]


def _fitted(samples: Collection[Sample], literal: bool) -> tuple[Scale, float]:
    """The scale that explains the samples, and how far off it is in the middle, as a share."""
    rows = [(_chosen(one.size, literal), one.size.texts, one.reported) for one in samples]
    each = 0.0
    for _ in range(_ROUNDS):
        factor = _median(((got - each * texts) / size, size) for size, texts, got in rows)
        factor = min(max(factor, _LEAST_FACTOR), _MOST_FACTOR)
        each = _median(((got - factor * size) / texts, texts) for size, texts, got in rows if texts)
        each = min(max(each, 0.0), _MOST_PER_TEXT)
    off = _median((abs(got - factor * size - each * texts) / got, got) for size, texts, got in rows)
    return Scale(literal, 1.0 if abs(factor - 1.0) < _SAME else factor, each), off


def _chosen(size: Size, literal: bool) -> int:
    return size.literal if literal else size.decoded


def _median(weighted: Iterable[tuple[float, float]]) -> float:
    """The value in the middle of the weights."""
    ordered = sorted(weighted)
    if not ordered:
        return 0.0
    sums = list(accumulate(weight for _, weight in ordered))
    return ordered[bisect_left(sums, sums[-1] / 2)][0]
