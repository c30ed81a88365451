"""What to tell a user about the chosen volumes before anything is calculated.

Only headers, transforms and node types are looked at: quick enough for every change of a selector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import slicer
from numpy.typing import ArrayLike, NDArray
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES, Grid
from RegQCLib.geometry.sampling import inside
from RegQCLib.geometry.transform_checks import require_plausible_transform
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import mappedPoints
from RegQCScene.volume_exchange import gridFromNode, requireImage

ERROR, WARNING, INFO = "error", "warning", "info"

LATTICE = 15
"""Points along each axis of the fixed image at which the overlap is measured."""

MIN_OVERLAP, LOW_OVERLAP = 0.02, 0.5
"""Share of the fixed image covered by the moving one: nothing to compare; worth a warning."""

SIZES_MM = (10.0, 2000.0)
"""Longest side that a part of a person can have in an image."""

OBLIQUE_COSINE = 0.9
"""Slices turned by more than some 26 degrees from every anatomical plane."""


@dataclass(frozen=True)
class Advice:
    """One line for the user. level: "error" (cannot be checked), "warning" or "info"."""

    level: str
    text: str


class NodeTransform:
    """The transforms above a moving volume as `RegQCLib.geometry.transforms.Transform`."""

    def __init__(self, way: Any) -> None:
        self._way = way

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (N, 3) RAS mm world points to the moving volume's own points."""
        return mappedPoints(self._way, np.asarray(points, dtype=np.float64))

    def inverse(self) -> NodeTransform:
        """Return the map from the moving volume's own points to world points."""
        return NodeTransform(self._way.GetInverse())


def inputAdvice(parameters: Any) -> list[Advice]:
    """Return what is wrong or odd about the chosen inputs (`RegQCParameters`), worst first.

    Empty while no pair is chosen, and where nothing is wrong.
    """
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    if fixed is None or moving is None:
        return []
    if fixed is moving:
        return [Advice(ERROR, _("Fixed and moving are the same volume; choose another one."))]
    try:
        for node, role in ((fixed, _("fixed volume")), (moving, _("moving volume"))):
            requireImage(node, role)
        grids = gridFromNode(fixed), gridFromNode(moving, world=False)
        advice = [*_positions(fixed, moving), *_sizes(fixed, moving, grids)]
        advice += _together(fixed, moving, parameters.transform, grids)
    except InputError as error:
        return [Advice(ERROR, _sentence(str(error)))]
    advice += _mask(parameters)
    return sorted(advice, key=lambda one: (ERROR, WARNING, INFO).index(one.level))


def firstError(parameters: Any) -> str:
    """Return why the chosen inputs cannot be checked, or "" when they may be."""
    if parameters.fixedVolume is None:
        return _("Choose a fixed volume.")
    if parameters.movingVolume is None:
        return _("Choose a moving volume.")
    return next((one.text for one in inputAdvice(parameters) if one.level == ERROR), "")


def describeVolume(node: Any) -> str:
    """Return the slices, voxel size and voxel count of a volume node in one line."""
    if node is None:
        return ""
    try:
        grid = gridFromNode(node, world=False)
    except InputError as error:
        return str(error)
    thickest = int(np.argmax(grid.spacing))
    across = grid.direction[:, thickest]
    plane = PLANE_NAMES[int(np.argmax(np.abs(across)))]
    oblique = float(np.abs(across).max()) < OBLIQUE_COSINE
    size = " x ".join(f"{value:.3g}" for value in grid.spacing)
    count = " x ".join(str(n) for n in grid.shape[::-1])
    if np.ptp(grid.spacing) < 0.1 * grid.spacing.max():
        return _("{size} mm, {count} voxels").format(size=size, count=count)
    kind = _("oblique, near {plane}").format(plane=plane) if oblique else plane
    kind = kind.capitalize()
    return _("{kind} slices, {size} mm, {count} voxels").format(kind=kind, size=size, count=count)


def _positions(*nodes: Any) -> Iterator[Advice]:
    for node in nodes:
        affine = gridFromNode(node, world=False).affine
        if np.allclose(np.abs(affine), np.eye(4)):
            yield Advice(
                WARNING,
                _(
                    "{name}: its file gives no position or voxel size (all are 0 and 1); where it "
                    "lies in the body is not known."
                ).format(name=node.GetName()),
            )
        sequences = getattr(slicer.modules, "sequences", None)
        if sequences is not None and sequences.logic().GetFirstBrowserNodeForProxyNode(node):
            yield Advice(
                INFO,
                _("{name}: is a sequence; the frame that is shown now is checked.").format(
                    name=node.GetName()
                ),
            )


def _sizes(fixed: Any, moving: Any, grids: tuple[Grid, Grid]) -> Iterator[Advice]:
    for node, grid in zip((fixed, moving), grids, strict=True):
        if min(grid.shape) < 2:
            text = _("{name}: is a single slice; a check needs a volume.")
            yield Advice(ERROR, text.format(name=node.GetName()))
        longest = float((grid.spacing * grid.shape[::-1]).max())
        if not SIZES_MM[0] <= longest <= SIZES_MM[1]:
            text = _("{name}: is {length:.3g} mm long; its voxel size may be in another unit.")
            yield Advice(WARNING, text.format(name=node.GetName(), length=longest))


def _together(
    fixed: Any, moving: Any, transform: Any, grids: tuple[Grid, Grid]
) -> Iterator[Advice]:
    """How much of the fixed image the moving one covers, and whether the transform is to blame."""
    own = NodeTransform(worldToMoving(moving, transform))
    used = transform is not None or moving.GetParentTransformNode() is not None
    covered = coveredShare(grids[0], grids[1], own)
    if used:
        try:
            warnings = require_plausible_transform(own, *grids)
        except InputError as error:
            text = _sentence(str(error)) + " " + _("The module Transforms can invert it.")
            yield Advice(ERROR, text)
            return
        for warning in warnings:
            yield Advice(WARNING, _sentence(warning))
    if covered < MIN_OVERLAP:
        text = _(
            "{moving} does not overlap {fixed}: there is nothing to compare. Choose the transform "
            "that belongs to them, or register them first."
        )
        yield Advice(ERROR, text.format(moving=moving.GetName(), fixed=fixed.GetName()))
    elif covered < LOW_OVERLAP:
        text = _("{moving} covers only {share:.0f} % of {fixed}; the rest cannot be judged.")
        yield Advice(
            WARNING,
            text.format(moving=moving.GetName(), share=100 * covered, fixed=fixed.GetName()),
        )


def coveredShare(fixed: Grid, moving: Grid, transform: NodeTransform) -> float:
    """Return the share (0 to 1) of the fixed image's field of view that the moving one covers."""
    axes = [np.linspace(0, n - 1, LATTICE) for n in fixed.shape[::-1]]
    lattice = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = transform.apply(fixed.to_world(lattice))
    return float(inside(moving.to_index(points), moving.shape).mean())


def _mask(parameters: Any) -> Iterator[Advice]:
    mask = parameters.mask
    if mask is None:
        return
    if mask.IsA("vtkMRMLSegmentationNode") and not mask.GetSegmentation().GetNumberOfSegments():
        text = _("{name}: holds no segment; draw the region to check or choose no mask.")
        yield Advice(ERROR, text.format(name=mask.GetName()))
    elif mask in (parameters.fixedVolume, parameters.movingVolume):
        yield Advice(ERROR, _("The mask is one of the images; choose a label map or segment."))


def _sentence(text: str) -> str:
    """End a line of RegQCLib as a sentence; names of nodes at its start keep their case."""
    return text if text.endswith(".") else f"{text}."
