"""How many tokens a provider counts for one of ours, learnt from what it reports.

What a request adds to the one before is known in our tokens, and what it adds to the reported total in the provider's:
one sample. Besides the texts a template counts something for each (braces, roles, keys), which is no part of the
factor; both are fitted in turn, by weighted medians, so that a picture, a thought that is not counted or a text that
was cut off make no difference. Sizes are kept both ways (`counting.Size`), and the one that fits better holds.

Where a process has learnt too little it goes by what others have kept (`Scales`).

Measured on 97 recorded sessions, as the error of a whole session's tokens (median, 90th percentile): 0.01 %, 0.04 % for
a provider that counts literals in o200k_base, below 0.01 % for one that counts decoded texts in it with a constant per
message, 0.2 %, 0.8 % where it does that in cl100k_base, 1.6 %, 6.5 % in Voyage's tokenizer, which is far from ours.
Factors of single conversations do worse than those of their model in each case (0.1 %, 1.8 % in the first), since
there is too little of one to tell texts from templates.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable
from itertools import accumulate
from typing import NamedTuple, Protocol

from headroom.ledger.counting import Size
from headroom.recent import Recent

_LEAST_SAMPLES, _MOST_SAMPLES, _MOST_MODELS = 4, 512, 256
_MANY, _SELDOM = 64, 16  # samples from which on a process goes by its own, and fits them only after so many more
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


class Scales(Protocol):
    """Where scales are kept for other processes, and for this one when it is started again."""

    def scale(self, model: str) -> Scale | None: ...

    def keep_scale(self, model: str, scale: Scale, samples: int) -> None: ...


class Calibration:
    """The scales of all models that were seen last."""

    def __init__(self, scales: Scales) -> None:
        self._scales = scales
        self._models: Recent[str, _Model] = Recent(_MOST_MODELS)

    def learn(self, model: str, sample: Sample) -> None:
        """Takes in what a request showed."""
        tokens = sample.size.decoded
        if not 0 < tokens < _OUTLIER * sample.reported < _OUTLIER * _OUTLIER * tokens:
            return
        known = self._models.get(model)
        if known is None:
            known = _Model()
            self._models.put(model, known)
        known.learn(sample)
        if known.is_at_a_step:
            self._scales.keep_scale(model, known.scale(), len(known))

    def scale(self, model: str) -> Scale:
        """What holds for a model; our own tokens, until something was learnt of it."""
        known = self._models.get(model)
        if known is not None and len(known) >= _MANY:
            return known.scale()
        return self._scales.scale(model) or (Scale() if known is None else known.scale())


class _Model:
    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)
        self._since = self._learnt = 0
        self._scale = Scale()

    def __len__(self) -> int:
        return len(self._samples)

    @property
    def is_at_a_step(self) -> bool:
        """Whether there are now twice as many samples as at the last step, or all have been replaced since."""
        return self._learnt >= _LEAST_SAMPLES and (self._learnt % _MOST_SAMPLES == 0 or self._learnt.bit_count() == 1)

    def learn(self, sample: Sample) -> None:
        self._samples.append(sample)
        self._since += 1
        self._learnt += 1

    def scale(self) -> Scale:
        if len(self._samples) < _LEAST_SAMPLES:
            return Scale()
        if self._since >= (_SELDOM if len(self._samples) > _MANY else 1):
            self._since = 0
            decoded, literal = _fitted(self._samples, False), _fitted(self._samples, True)
            self._scale = literal[0] if literal[1] < _CLEARLY * decoded[1] else decoded[0]
        return self._scale


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
