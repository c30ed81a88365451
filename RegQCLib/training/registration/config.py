"""Settings of ``regqc train registration``, read from TOML files; torch is not needed to read them.

Tables: [network], [data], [preprocessing], [augmentation], [loss], [training]. What stands in
[network] beside its ``name``, and in [preprocessing], is checked where the classes are, by
`RegQCLib.registration.networks`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from RegQCLib.errors import InputError
from RegQCLib.training.registration.data_settings import DataSettings
from RegQCLib.training.tables import (
    from_table,
    require_not_negative,
    require_positive,
    require_share,
)
from RegQCLib.training.toml_file import read_toml


@dataclass(frozen=True)
class AugmentationSettings:
    """What is done to pairs of training, never to those of validation.

    affine: how far corners of an image are moved, at most, as a share of half its size, fixed and
    moving independently (label-reg: 0.1). flips: array axes (0 k, 1 j, 2 i) along which both
    images are mirrored together, half of the time. gamma: largest |log| of the exponent of
    intensities, for each image. noise: largest SD of noise, in units of the image's SD.
    """

    affine: float = 0.0
    flips: tuple[int, ...] = ()
    gamma: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        require_share(self, "affine")
        require_not_negative(self, "gamma", "noise")
        if not set(self.flips) <= {0, 1, 2}:
            raise InputError(f"flips names array axes, 0 to 2, got {list(self.flips)}")


@dataclass(frozen=True)
class LossSettings:
    """The sum that training lowers.

    similarity: of fixed and warped moving image, times similarity_weight; window: of lncc, voxels.
    regularization: of the velocity where the network has one, else of the displacement, times
    weight. dice: weight of the overlap of labels, "soft" (of one-hot maps) or, for "multiscale",
    of maps blurred by the scales (SD, voxels). labels: values that count; none named means all but
    0. labels_per_step: so many of a pair's labels, drawn at random; 0 means all. displacement:
    weight of the distance to the true displacement, voxels, where it is known. matching, pyramid:
    weights of `matching_loss` and `pyramid_error`, for shapes and "contrast-agnostic" alone.
    confidence: where images count: "slices" near acquired slices, "files" by the data's masks.
    confidence_of: whose. confidence_as: "set" counts voxels above 0 alike (SparseVM, eq. 3),
    "weights" by their value.
    """

    similarity: Literal["mse", "lncc", "mi", "mind", "none"] = "mse"
    similarity_weight: float = 1.0
    window: int = 9
    regularization: Literal["diffusion", "bending", "none"] = "diffusion"
    weight: float = 0.01
    dice: float = 0.0
    dice_kind: Literal["soft", "multiscale"] = "soft"
    scales: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0)
    labels: tuple[int, ...] = ()
    labels_per_step: int = 0
    displacement: float = 0.0
    matching: float = 0.0
    pyramid: float = 0.0
    confidence: Literal["none", "slices", "files"] = "none"
    confidence_of: Literal["fixed", "both"] = "fixed"
    confidence_as: Literal["set", "weights"] = "set"

    def __post_init__(self) -> None:
        weights = ("similarity_weight", "weight", "dice", "displacement", "matching", "pyramid")
        require_not_negative(self, *weights, "labels_per_step")
        if self.window < 1 or self.window % 2 == 0:
            raise InputError(f"window must be an odd number of voxels, got {self.window}")
        if not self.scales or min(self.scales) < 0:
            raise InputError("scales names one SD or more, none below 0")
        if 0 in self.labels:
            raise InputError("labels must not name 0, the background")
        if self.similarity == "none" and not max(self.dice, self.displacement, self.pyramid):
            raise InputError("leaves nothing to learn; set a similarity, dice or displacement")


@dataclass(frozen=True)
class OptimizationSettings:
    """How long and how fast.

    batch: pairs of a step, of all processes together. schedule: of the learning rate; "one_cycle"
    rises and falls once. clip_norm: largest length of the gradient; 0 means any. validate_every,
    checkpoint_every: steps. patience: validations without a better score before training stops
    early; 0 means never. precision: "bf16" computes networks in 16 bits where that is safe.
    """

    steps: int
    batch: int = 1
    learning_rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: Literal["constant", "one_cycle"] = "constant"
    clip_norm: float = 0.0
    validate_every: int = 500
    checkpoint_every: int = 250
    patience: int = 0
    precision: Literal["32", "bf16"] = "32"
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("steps", "batch", "validate_every", "checkpoint_every")
        require_positive(self, *counts, "learning_rate")
        require_not_negative(self, "weight_decay", "clip_norm", "patience", "seed")


@dataclass(frozen=True)
class RegistrationConfig:
    """One file. name: of the model. network: its name and its settings."""

    name: str
    network: dict[str, Any]
    data: DataSettings
    training: OptimizationSettings
    preprocessing: dict[str, Any] = field(default_factory=dict)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    loss: LossSettings = field(default_factory=LossSettings)


TABLES: dict[str, type[Any]] = {
    "data": DataSettings,
    "training": OptimizationSettings,
    "augmentation": AugmentationSettings,
    "loss": LossSettings,
}


def load_config(path: str | Path, *, data: str | Path | None = None) -> RegistrationConfig:
    """Read a TOML file; a bare name such as ``registration_voxelmorph1`` means a shipped one.

    data: in place of the file's [data] path. Raises InputError, one line, for whatever is wrong.
    """
    file, values = read_toml(path, registration=True)
    if data is not None and isinstance(values.get("data"), dict):
        values["data"]["path"] = str(data)
    tables: dict[str, Any] = {
        name: from_table(cls, values[name], f"{file}: [{name}]")
        for name, cls in TABLES.items()
        if name in values
    }
    config = from_table(RegistrationConfig, {**values, **tables}, f"{file}:")
    if not isinstance(config.network.get("name"), str):
        raise InputError(f"{file}: [network] needs the setting name")
    if config.loss.confidence == "files" and config.data.source != "csv" and not config.data.masks:
        raise InputError(f"{file}: [loss] confidence = 'files' needs masks in [data]")
    known = config.data.source == "shapes" and config.network["name"] == "contrast-agnostic"
    if max(config.loss.matching, config.loss.pyramid) and not known:
        raise InputError(
            f"{file}: [loss] matching and pyramid need source = 'shapes' in [data] and the network "
            "contrast-agnostic"
        )
    return config
