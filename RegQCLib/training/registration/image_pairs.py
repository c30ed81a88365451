"""Pairs of real images, in an order that depends on the seed and the step alone."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from RegQCLib.progress import Progress
from RegQCLib.training.registration.cases import Cases, find_cases
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.prepared import PreparedCase, PreparedImages

SHUFFLE, LABELS = 1, 2  # streams of random numbers beside each other


class ImagePairs:
    """The pairs of a folder or table. Raises InputError as `find_cases` and `PreparedImages`."""

    def __init__(
        self,
        config: RegistrationConfig,
        *,
        axes: int,
        divisor: int,
        cache: Path,
        progress: Progress,
    ) -> None:
        self.config = config
        need_labels = config.loss.dice > 0
        self.found: Cases = find_cases(
            config.data, seed=config.training.seed, need_labels=need_labels
        )
        self.images = PreparedImages(
            self.found.cases, config, axes=axes, divisor=divisor, cache=cache
        )
        self.images.prepare(progress)
        self.preprocessing = self.images.preprocessing
        self.spacing_mm = self.images.spacing_mm

    def training_pair(self, step: int, index: int) -> TrainingPairs:
        """Two-stage sampling: pairs shuffled anew for every round, then labels at random.

        (label-reg, Hu et al., Med Image Anal 2018)
        """
        training, loss = self.config.training, self.config.loss
        turn, place = divmod(step * training.batch + index, len(self.found.train))
        fixed, moving = self.found.train[
            shuffled(training.seed, turn, len(self.found.train))[place]
        ]
        pair = self.images[fixed], self.images[moving]
        labels = self.labels(*pair)
        if loss.labels_per_step and len(labels) > loss.labels_per_step:
            rng = np.random.default_rng([training.seed, LABELS, step, index])
            labels = sorted(rng.choice(labels, loss.labels_per_step, replace=False).tolist())
        return _together(*pair, labels)

    def validation_count(self) -> int:
        """How many pairs of subjects that training does not see."""
        return len(self.found.validation)

    def validation_pair(self, number: int) -> TrainingPairs:
        """One of them, with all labels that count."""
        fixed, moving = (self.images[n] for n in self.found.validation[number])
        return _together(fixed, moving, self.labels(fixed, moving))

    def labels(self, fixed: PreparedCase, moving: PreparedCase) -> list[int]:
        """Labels that count and that both images have."""
        both = fixed.present & moving.present
        chosen = self.config.loss.labels
        return sorted(both & set(chosen) if chosen else both)

    def describe(self) -> str:
        """For the model card."""
        counts = {
            split: len({c.subject for c in self.found.cases if c.split == split})
            for split in ("train", "val", "test")
        }
        return (
            f"{len(self.found.cases)} images of {self.config.data.source} "
            f"`{Path(self.config.data.path).name}`; subjects: {counts['train']} to train on "
            f"({len(self.found.train)} pairs), {counts['val']} to validate on "
            f"({len(self.found.validation)} pairs), {counts['test']} not seen"
        )


@lru_cache(maxsize=2)
def shuffled(seed: int, turn: int, count: int) -> NDArray[np.intp]:
    """Order of ``count`` pairs in one round through all of them."""
    return np.random.default_rng([seed, SHUFFLE, turn]).permutation(count)


def _together(fixed: PreparedCase, moving: PreparedCase, labels: list[int]) -> TrainingPairs:
    known = fixed.labels is not None and moving.labels is not None
    return TrainingPairs(
        fixed.image,
        moving.image,
        fixed.labels if known else None,
        moving.labels if known else None,
        torch.tensor([labels or [-1]]) if known else None,
        fixed.confidence,
        moving.confidence,
    )
