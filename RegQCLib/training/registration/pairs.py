"""What one step of training sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from RegQCLib.registration.networks.preprocessing import ImagePreprocessing


@dataclass(frozen=True)
class TrainingPairs:
    """A batch of pairs on one grid; what is not known is None.

    fixed, moving: (N, 1, *spatial). fixed_labels, moving_labels: (N, *spatial), whole numbers.
    label_values: (N, L) int64, the labels that count, filled up with -1.
    fixed_confidence, moving_confidence: (N, 1, *spatial), 0 to 1.
    displacement: (N, axes, *spatial), voxels, the truth.
    """

    fixed: Tensor
    moving: Tensor
    fixed_labels: Tensor | None = None
    moving_labels: Tensor | None = None
    label_values: Tensor | None = None
    fixed_confidence: Tensor | None = None
    moving_confidence: Tensor | None = None
    displacement: Tensor | None = None

    def to(self, place: torch.device) -> TrainingPairs:
        """The same on another device."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: None if v is None else v.to(place) for k, v in values.items()}
        return TrainingPairs(**moved)  # type: ignore[arg-type]


class PairSource(Protocol):
    """Pairs to train on, each a function of the seed, the step and its place in the batch alone.

    preprocessing: what the images of the pairs went through. spacing_mm: voxel size along the
    array axes.
    """

    preprocessing: ImagePreprocessing
    spacing_mm: tuple[float, ...]

    def training_pair(self, step: int, index: int) -> TrainingPairs:
        """Pair ``index`` of the batch of ``step``."""

    def validation_count(self) -> int:
        """How many pairs are kept for validation."""

    def validation_pair(self, number: int) -> TrainingPairs:
        """One of them; always the same."""

    def describe(self) -> str:
        """What the pairs are, for the model card."""


def seed_of(*numbers: int) -> int:
    """One seed for a generator from several numbers, such as a run's seed and a step."""
    return int(np.random.SeedSequence(numbers).generate_state(2, np.uint32).view(np.uint64)[0] >> 1)


def joined(pairs: Sequence[TrainingPairs]) -> TrainingPairs:
    """One batch of several."""
    parts: dict[str, Tensor | None] = {}
    for f in fields(TrainingPairs):
        values = [getattr(pair, f.name) for pair in pairs]
        if f.name == "label_values" and values[0] is not None:
            most = max(v.shape[1] for v in values)
            values = [functional.pad(v, (0, most - v.shape[1]), value=-1) for v in values]
        parts[f.name] = None if values[0] is None else torch.cat(values)
    return TrainingPairs(**parts)  # type: ignore[arg-type]
