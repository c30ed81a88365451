"""The pairs of a step of training, augmented as the configuration asks."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from RegQCLib.training.registration.augmentation import augmented
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.pairs import PairSource, TrainingPairs, joined, seed_of

AUGMENTATION = 5  # stream of random numbers, beside those of the sources


def training_batch(
    source: PairSource,
    config: RegistrationConfig,
    step: int,
    places: Iterable[int],
    device: torch.device,
) -> TrainingPairs:
    """Those at ``places`` of the batch of ``step``: functions of the seed, step and place alone."""
    drawn = []
    for place in places:
        pair = source.training_pair(step, place).to(device)
        seed = seed_of(config.training.seed, AUGMENTATION, step, place)
        generator = torch.Generator(device).manual_seed(seed)
        drawn.append(augmented(pair, config.augmentation, generator))
    return joined(drawn)
