"""Images as networks see them: read, laid on one grid, and kept in memory while there is room."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.flat_io import load_image
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine, simplified
from RegQCLib.geometry.volume import Volume
from RegQCLib.hashing import sha256_of
from RegQCLib.progress import Progress
from RegQCLib.registration.confidence import slice_confidence
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.settings import read_settings
from RegQCLib.training.registration.cases import Case
from RegQCLib.training.registration.config import RegistrationConfig

SAME_MM = 1e-3
BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class PreparedCase:
    """image, confidence: (1, 1, *spatial) float32. labels: (1, *spatial) int32, present its values.

    spatial has two axes where the images have one slice and the network works on planes.
    """

    image: Tensor
    labels: Tensor | None
    present: frozenset[int]
    confidence: Tensor | None

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        parts = (self.image, self.labels, self.confidence)
        return sum(part.nbytes for part in parts if part is not None)


class PreparedImages:
    """The cases of a configuration by number, prepared when first asked for.

    axes, divisor: of the network. cache: folder for affine alignments, which take long.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        config: RegistrationConfig,
        *,
        axes: int,
        divisor: int,
        cache: Path,
    ) -> None:
        self.cases, self.config = cases, config
        self.axes, self.divisor = axes, divisor
        self.cache = Path(os.environ.get("REGQC_CACHE", cache)) / "alignments"
        self.kept: dict[int, PreparedCase] = {}
        self.bytes = 0
        self.reference = len(cases) - 1 if config.data.pairs == "atlas" else 0
        self.preprocessing = preprocessing_of(config, [load_image(c.image) for c in self._asked()])
        self.common: Grid | None = None
        self.size: tuple[int, ...] | None = self.preprocessing.size
        if config.data.align != "center":
            volume = load_image(cases[self.reference].image)
            self.common = self.preprocessing.network_grid(volume, divisor)
        elif self.size is None:
            shapes = [self._own_grid(load_image(case.image)).shape for case in cases]
            whole = np.max(shapes, axis=0)
            self.size = tuple(int(n) for n in whole[3 - axes :])

    def prepare(self, progress: Progress) -> None:
        """Prepare all of them, or as many as may be kept."""
        limit = self.config.data.keep_gb * BYTES_PER_GB
        for number in range(len(self.cases)):
            if self.bytes < limit:
                self[number]
            progress("preparing images", (number + 1) / len(self.cases))

    def __getitem__(self, number: int) -> PreparedCase:
        """Raises InputError for files that cannot be read or used."""
        if number in self.kept:
            return self.kept[number]
        case = self._prepared(self.cases[number])
        if self.bytes < self.config.data.keep_gb * BYTES_PER_GB:
            self.kept[number] = case
            self.bytes += case.bytes
        return case

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Voxel size along the array axes."""
        return (self.preprocessing.spacing_mm,) * self.axes

    def _asked(self) -> Sequence[Case]:
        """Cases whose voxel size must be known before anything else."""
        return () if "spacing_mm" in self.config.preprocessing else self.cases

    def _own_grid(self, volume: Volume) -> Grid:
        return replace(self.preprocessing, size=self.size).network_grid(volume, self.divisor)

    def _prepared(self, case: Case) -> PreparedCase:
        volume = load_image(case.image)
        grid = self._own_grid(volume) if self.common is None else self.common
        motion = self._alignment(case, volume) if self.config.data.align == "affine" else None
        labels, present = None, frozenset[int]()
        if case.labels is not None:
            values = resample(load_image(case.labels), grid, motion, interpolation="nearest").array
            if not np.array_equal(values, np.rint(values)):
                raise InputError(f"{case.labels}: labels must be whole numbers")
            values = np.rint(values).astype(np.int32)
            labels = self._tensor(values, case)
            present = frozenset(np.unique(values).tolist()) - {0}
        return PreparedCase(
            self._tensor(self.preprocessing.image(volume, grid, motion), case)[None],
            labels,
            present,
            self._confidence(case, volume, grid, motion),
        )

    def _confidence(
        self, case: Case, volume: Volume, grid: Grid, motion: Affine | None
    ) -> Tensor | None:
        kind = self.config.loss.confidence
        if kind == "slices":
            return self._tensor(slice_confidence(volume.grid, grid, motion), case)[None]
        if kind == "files":
            if case.mask is None:
                raise InputError(f"{case.image}: has no mask, which [loss] confidence needs")
            values = resample(load_image(case.mask), grid, motion).array
            return self._tensor(np.clip(values, 0, 1).astype(np.float32), case)[None]
        return None

    def _tensor(self, values: np.ndarray[Any, Any], case: Case) -> Tensor:
        if self.axes == 2:
            if values.shape[0] != 1:
                raise InputError(f"{case.image}: a volume, and this network works on single slices")
            values = values[0]
        return torch.from_numpy(np.ascontiguousarray(values))[None]

    def _alignment(self, case: Case, volume: Volume) -> Affine:
        """Reference to case, registered once and then read."""
        reference = self.cases[self.reference].image
        if case.image == reference:
            return Affine(np.eye(4))
        name = "_".join(sha256_of(path)[:16] for path in (reference, case.image))
        file = self.cache / f"{name}.txt"
        if not file.exists():
            found = _aligned(load_image(reference), volume)
            self.cache.mkdir(parents=True, exist_ok=True)
            with atomic_file(file) as temporary:
                np.savetxt(temporary, found.matrix)
        return Affine(np.loadtxt(file))


def _aligned(reference: Volume, volume: Volume) -> Affine:
    """Raises InputError when no registration was better than the images as they lie."""
    from RegQCLib.registration.register import register
    from RegQCLib.registration.steps import START

    result = register(reference, volume, "affine")
    if result.kept == START and result.after.verdict != "aligned":
        why = "; ".join(result.limits)
        raise InputError(
            f"{volume.name} was not aligned with {reference.name}: {why}; align it yourself and "
            'set [data] align = "header", or leave it out'
        )
    found = simplified(result.transform)
    assert isinstance(found, Affine)
    return found


def preprocessing_of(config: RegistrationConfig, volumes: Sequence[Volume]) -> ImagePreprocessing:
    """Return [preprocessing], with the voxel size of the images where it names none.

    volumes: the images to ask. Raises InputError when they differ, or have no one size.
    """
    values: Mapping[str, Any] = config.preprocessing
    if "spacing_mm" not in values and volumes:
        first = volumes[0]
        size = float(first.spacing.mean())
        for volume in volumes:
            many = np.array(volume.shape[::-1]) > 1
            if np.abs(volume.spacing[many] - size).max(initial=0) > SAME_MM:
                raise InputError(
                    f"{volume.name} has voxels of {_words(volume)} mm and {first.name} of "
                    f"{_words(first)} mm; set [preprocessing] spacing_mm to resample all to one"
                )
        values = {**values, "spacing_mm": size}
    return read_settings(ImagePreprocessing, values, "[preprocessing]")


def _words(volume: Volume) -> str:
    return " x ".join(f"{step:.4g}" for step in volume.spacing)
