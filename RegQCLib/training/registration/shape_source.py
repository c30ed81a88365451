"""Pairs of synthetic shapes, of which there is no end and the truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.settings import read_settings
from RegQCLib.synthesis.registration_pairs import ShapeSettings, shape_pairs
from RegQCLib.synthesis.scene import BACKGROUND
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.pairs import TrainingPairs, seed_of

TRAINING, VALIDATION = 3, 4  # streams of random numbers beside each other


class ShapePairs:
    """bank: (maps, S, S, S) uint8, on the device where pairs are drawn.

    Raises InputError for settings of shapes that do not exist.
    """

    def __init__(self, config: RegistrationConfig, bank: Tensor) -> None:
        self.config, self.bank = config, bank
        self.settings = read_settings(ShapeSettings, config.data.shapes, "[data.shapes]")
        values: Mapping[str, Any] = config.preprocessing
        self.preprocessing = read_settings(ImagePreprocessing, values, "[preprocessing]")
        self.spacing_mm: tuple[float, ...] = (self.preprocessing.spacing_mm,) * 3

    def training_pair(self, step: int, index: int) -> TrainingPairs:
        """The pairs grow from easy to hard over the first steps."""
        training = self.config.training
        ramp = max(1.0, self.config.data.curriculum * training.steps)
        difficulty = min(1.0, step / ramp) if self.config.data.curriculum else 1.0
        seed = seed_of(training.seed, TRAINING, step, index)
        return self._drawn(seed, difficulty, self.config.loss.labels_per_step)

    def validation_count(self) -> int:
        """How many pairs are drawn for validation."""
        return self.config.data.validation_pairs

    def validation_pair(self, number: int) -> TrainingPairs:
        """The same for every seed, so that runs compare."""
        return self._drawn(seed_of(0, VALIDATION, number), 1.0, 0)

    def describe(self) -> str:
        """For the model card."""
        return (
            f"synthetic shapes alone, drawn anew for every step: {self.config.data.size} voxels "
            f"along each side, {asdict(self.settings)}"
        )

    def _drawn(self, seed: int, difficulty: float, labels: int) -> TrainingPairs:
        generator = torch.Generator(self.bank.device).manual_seed(seed)
        size = self.config.data.size
        drawn = shape_pairs(self.bank, 1, size, generator, self.settings, difficulty=difficulty)
        fixed, moving = (
            torch.where(shown == BACKGROUND, 0, shown + 1)
            for shown in (drawn.fixed_labels, drawn.moving_labels)
        )
        values = fixed.unique()
        values = values[(values > 0) & torch.isin(values, moving.unique())]
        if labels and len(values) > labels:
            order = torch.randperm(len(values), generator=generator, device=values.device)
            values = values[order[:labels]]
        if len(values) == 0:
            values = values.new_tensor([-1])
        return TrainingPairs(
            drawn.fixed, drawn.moving, fixed, moving, values[None], displacement=drawn.displacement
        )
