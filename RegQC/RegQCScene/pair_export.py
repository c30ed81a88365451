"""The files that a child process needs: written in steps, without touching a node.

What is written is what the nodes hold when the writing begins; a volume that is edited in the
middle is noticed.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene.job import Event
from RegQCScene.mask_exchange import maskFromNode
from RegQCScene.raw_image_file import fieldSteps, volumeSteps
from RegQCScene.step_generators import told
from RegQCScene.transform_exchange import fixedToMovingSteps, oneFieldSteps
from RegQCScene.volume_exchange import volumeFromNode

SUFFIX = ".mha"


@dataclass
class PairFiles:
    """Files of a pair in a folder of their own; the names of the nodes are kept in them.

    fixed, moving: images. transform: fixed to moving points; None where no transform is involved.
    mask: in the space of the fixed image. grid: of the fixed volume. names: what files are called
    for a user.
    """

    fixed: Path
    moving: Path
    grid: Grid
    transform: Path | None = None
    mask: Path | None = None
    names: dict[Path, str] = field(default_factory=dict)

    def inUsersWords(self, text: str) -> str:
        """Name nodes instead of files in a message of the child."""
        for path, name in self.names.items():
            text = text.replace(str(path), name).replace(path.name, name)
        return text


@dataclass(frozen=True)
class Pair:
    """Nodes to export: see `exportPair`."""

    fixedNode: Any
    movingNode: Any
    transformNode: Any = None
    mask: Any = None
    maskSegment: str = ""

    @property
    def nodes(self) -> list[Any]:
        """Those that are there."""
        every = (self.fixedNode, self.movingNode, self.transformNode, self.mask)
        return [node for node in every if node is not None]

    @property
    def moved(self) -> bool:
        """Whether any transform is to be judged."""
        return (
            self.transformNode is not None or self.movingNode.GetParentTransformNode() is not None
        )

    def volumes(self) -> tuple[Volume, Volume]:
        """The images, as RegQCLib wants them. Raises InputError for what cannot be checked."""
        fixed = volumeFromNode(self.fixedNode, role="fixed volume")
        moving = volumeFromNode(self.movingNode, world=False, role="moving volume")
        if self.fixedNode is self.movingNode:
            raise InputError(
                f"{fixed.name}: is chosen as both fixed and moving volume; choose two volumes"
            )
        return fixed, moving


def exportPair(
    pair: Pair, folder: Path, span: tuple[float, float] = (0.0, 1.0)
) -> Generator[Event, None, PairFiles]:
    """Write a pair into a folder in short steps; yields progress within ``span``.

    Raises InputError for nodes that cannot be used, and where a volume changes meanwhile.
    """
    fixed, moving = pair.volumes()
    mask = maskFromNode(pair.mask, pair.maskSegment, pair.fixedNode) if pair.mask else None
    before = [_version(node) for node in (pair.fixedNode, pair.movingNode)]
    edges = np.linspace(*span, 6)
    files = PairFiles(folder / "fixed", folder / "moving", fixed.grid)
    files.fixed = yield from saved(fixed, folder / "fixed", edges[0], edges[2])
    files.moving = yield from saved(moving, folder / "moving", edges[2], edges[4])
    files.names = {files.fixed: fixed.name, files.moving: moving.name}
    if mask is not None:
        files.mask = yield from saved(mask, folder / "mask", edges[4], edges[4])
        files.names[files.mask] = mask.name
    if pair.moved:
        steps = fixedToMovingSteps(pair.fixedNode, pair.movingNode, pair.transformNode)
        found = yield from told(steps, _("reading the volumes"), edges[4], edges[5])
        transform = yield from told(
            oneFieldSteps(found, fixed.grid), _("reading the volumes"), edges[5], edges[5]
        )
        files.transform = yield from _savedTransform(transform, folder, edges[5])
    for node, version in zip((pair.fixedNode, pair.movingNode), before, strict=True):
        if _version(node) != version:
            raise InputError(f"{node.GetName()}: was changed while it was read; start again")
    return files


def saved(volume: Volume, folder: Path, start: float, stop: float) -> Generator[Event, None, Path]:
    """Write a volume into a folder under its own name; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / fileName(volume.name)
    yield from told(volumeSteps(volume, path), _("reading the volumes"), start, stop)
    return path


def fileName(name: str) -> str:
    """Return a file name that every system takes, close to the name of a node."""
    return (re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:60] or "volume") + SUFFIX


def _savedTransform(
    transform: Affine | DisplacementField, folder: Path, fraction: float
) -> Generator[Event, None, Path]:
    if isinstance(transform, DisplacementField):
        path = folder / f"transform{SUFFIX}"
        yield from told(fieldSteps(transform, path), _("reading the volumes"), fraction, fraction)
        return path
    path = folder / "transform.tfm"
    # needs nibabel, which Slicer lacks at first
    from RegQCLib.geometry.transform_io import save_transform

    save_transform(transform, path)
    return path


def _version(node: Any) -> tuple[Any, int]:
    """Return something that is another after the voxels of a node were changed."""
    image = node.GetImageData()
    return image, 0 if image is None else image.GetMTime()
