"""Training settings, read from TOML files; one file reproduces one model."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.training.toml_file import read_toml

COUNTS = ("steps", "batch", "size", "bank_maps", "bank_size", "checkpoint_every")


@dataclass(frozen=True)
class TrainingConfig:
    """What to train and how. Every field may be set in the file.

    model: "slice_classifier" or "matcher". network: arguments of the network's settings.
    bank_maps, bank_size: label maps that scenes are cut from. size: pixels of a training slice.
    steps, batch, learning_rate, weight_decay: one-cycle AdamW (decay 0 is Adam).
    curriculum: share of the steps over which pairs grow from easy to hard.
    misaligned_share: of the pairs, how many are moved.
    """

    model: str
    name: str
    steps: int
    batch: int
    learning_rate: float
    seed: int = 0
    size: int = 128
    weight_decay: float = 0.01
    curriculum: float = 0.4
    misaligned_share: float = 0.5
    bank_maps: int = 96
    bank_size: int = 128
    checkpoint_every: int = 250
    network: dict[str, Any] = field(default_factory=dict)


def load_config(path: str | Path) -> TrainingConfig:
    """Read a TOML file; a bare name such as ``matcher`` means a shipped one.

    Raises InputError when it is missing, is not TOML, names unknown or missing settings, or
    has a count that is not a positive whole number.
    """
    file, values = read_toml(path)
    known = {f.name for f in fields(TrainingConfig)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise InputError(f"{file}: unknown settings {unknown}; known ones are {sorted(known)}")
    try:
        config = TrainingConfig(**values)
    except TypeError as error:
        raise InputError(f"{file}: {str(error).split('() ')[-1]}") from None
    for name in COUNTS:
        value = getattr(config, name)
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{file}: {name} must be a whole number above 0, got {value!r}")
    if not isinstance(config.network, dict):
        raise InputError(f"{file}: network must be a table, as in [network]")
    return config
