"""Where a pair lies on one another, small enough to be noted, so that a change can be told later.

The note survives a saved scene. It says what the transforms do, not which nodes they are: undoing a
correction brings it back.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCScene.transform_exchange import worldToMoving
from RegQCScene.transform_parts import flattened, imageAffine, isInverted, mappedPoints
from RegQCScene.volume_exchange import gridFromNode, imageArray

SAME_MM = 0.005
"""Moves below this change no verdict."""
DENSE_POINTS = 12
"""Points along each axis of the fixed image by which transforms are told that are neither linear
nor made of vectors, such as splines."""
VECTOR_MM = 1e-3
AFFINE_DECIMALS = 4
MOST_NUMBERS = 2**20
"""Of a field, that are read: some 20 ms. Of a larger one, every second (third ...) row and slice;
an edit that is smoother than that is still noticed."""
REMEMBERED = 16

Placement = dict[str, list[Any]]

_known: OrderedDict[int, str] = OrderedDict()


def placement(fixedNode: Any, movingNode: Any, transformNode: Any = None) -> Placement:
    """Return where the moving volume lies on the fixed one, for JSON.

    transformNode: see `fixedToMoving`. ``bends``: digests of what is not linear on the way from
    fixed to moving points. ``points``: corners of the fixed image through what is linear before,
    between and after them, mm. How a field is interpolated does not count: Slicer does not save it.
    Raises InputError as `fixedToMoving` does.
    """
    grid = gridFromNode(fixedNode)
    corners = lattice(grid, 2)
    points, bends = [corners], []
    for part in flattened(worldToMoving(movingNode, transformNode)):
        if part.IsA("vtkLinearTransform"):
            points[-1] = mappedPoints(part, points[-1])
        else:
            bends.append(_digest(part, grid))
            points.append(corners)
    return {"points": np.ravel(points).round(4).tolist(), "bends": bends}


def chosenPlacement(parameters: Any) -> Placement | None:
    """Return the `placement` of the chosen pair; None where there is none, or it cannot be told."""
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    if fixed is None or moving is None:
        return None
    try:
        return placement(fixed, moving, parameters.transform)
    except InputError:
        return None


def isSamePlace(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> bool:
    """Whether two placements agree: the pair was not moved in between."""
    if one is None or other is None:
        return one is other
    first, second = np.array(one["points"]), np.array(other["points"])
    same = first.shape == second.shape and np.allclose(first, second, rtol=0, atol=SAME_MM)
    return bool(same and list(one["bends"]) == list(other["bends"]))


def lattice(grid: Grid, count: int) -> NDArray[np.float64]:
    """(N, 3) world points from corner to corner of a grid, ``count`` along each axis, RAS mm."""
    axes = [np.linspace(0, n - 1, count) for n in grid.shape[::-1]]
    return grid.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))


def _digest(part: Any, grid: Grid) -> str:
    """Digest of a transform that is not linear."""
    image = _vectors(part)
    if image is None:
        places = mappedPoints(part, lattice(grid, DENSE_POINTS))
        return _hashed(np.rint(places / VECTOR_MM).astype(np.int32))
    shift = part.GetDisplacementShift() if hasattr(part, "GetDisplacementShift") else 0.0
    about = [float(isInverted(part)), part.GetDisplacementScale(), shift]
    affine = imageAffine(image, part.GetGridDirectionMatrix()).round(AFFINE_DECIMALS) + 0.0
    return _hashed(np.array([*about, *affine.ravel()])) + _vectorDigest(image)


def _vectors(part: Any) -> Any:
    """The vtkImageData that a field or a B-spline is made of; None for other transforms."""
    for kind, name in (
        ("vtkOrientedGridTransform", "GetDisplacementGrid"),
        ("vtkOrientedBSplineTransform", "GetCoefficientData"),
    ):
        if part.IsA(kind):
            image = getattr(part, name)()
            return image if image is not None and image.GetNumberOfPoints() else None
    return None


def _vectorDigest(image: Any) -> str:
    """Digest of vectors, remembered while they stay: it is asked for while a volume is dragged."""
    version = image.GetMTime()  # no other object, and no other state of this one, has the same
    if version not in _known:
        array = imageArray(image)
        step = int(np.ceil(max(1.0, array.size / MOST_NUMBERS) ** 0.5))
        # float32 first: that is what some files hold
        rows = np.asarray(array[::step, ::step], dtype=np.float32) / np.float32(VECTOR_MM)
        _known[version] = _hashed(np.rint(rows, out=rows).astype(np.int32))
        if len(_known) > REMEMBERED:
            _known.popitem(last=False)
    return _known[version]


def _hashed(values: NDArray[Any]) -> str:
    shape = repr(values.shape).encode("ascii")
    return hashlib.sha256(shape + np.ascontiguousarray(values).tobytes()).hexdigest()[:16]
