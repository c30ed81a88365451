"""The error map: right millimeters at the right voxels."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import OracleEngine, asked_slices, believed, framed, grid_around_origin, turned

from RegQCLib.qc.error_map import error_map
from RegQCLib.qc.measure import measure

GRIDS = {
    "oblique": grid_around_origin((44, 50, 60), (1.0, 1.5, 1.2), direction=turned(mirrored=True)),
    "thick axial": grid_around_origin((14, 72, 64), (1.0, 1.0, 4.0)),
    "thick sagittal": grid_around_origin((56, 72, 16), (3.5, 1.0, 1.0)),
}


def rotation(points):
    """A turn in the plane of j and i by 0.06 about the frame's origin."""
    return np.stack([0 * points[0], -0.06 * points[2], 0.06 * points[1]])


def measured(grid, field=rotation):
    body, frame = framed(grid)
    engine = OracleEngine(frame, asked_slices(body, grid, frame), field)
    gray = np.zeros(frame.shape, dtype=np.float32)
    return measure(gray, gray, body[frame.box], grid, frame, engine), body


def motion(grid, frame):
    """(3, D, H, W) mm: what is to be reported of `rotation` at the grid's voxels."""
    steps = zip(grid.shape, frame.start, frame.spacing, strict=True)
    places = [(np.arange(n) - start) * s for n, start, s in steps]
    truth = rotation(np.stack(np.meshgrid(*places, indexing="ij")))
    return believed(truth, frame.spacing)


@pytest.mark.parametrize("name", GRIDS)
def test_millimeters_at_every_voxel_of_the_body(name):
    grid = GRIDS[name]
    measurement, body = measured(grid)
    found = error_map(measurement, body, 1.0)
    assert found.shape == grid.shape
    assert found.dtype == np.float32
    assert np.isnan(found[~body]).all()
    truth = np.linalg.norm(motion(grid, measurement.frame), axis=0)
    np.testing.assert_allclose(found[body], truth[body], atol=0.12)


def test_scale_calibrates():
    measurement, body = measured(GRIDS["oblique"])
    plain, scaled = (error_map(measurement, body, scale)[body] for scale in (1.0, 1.7))
    np.testing.assert_allclose(scaled, 1.7 * plain, rtol=1e-5)


@pytest.mark.parametrize(("name", "axis"), [("thick axial", 0), ("thick sagittal", 2)])
def test_moved_slices_stand_out(name, axis):
    grid = GRIDS[name]
    measurement, body = measured(grid, lambda points: 0 * points)
    own = np.zeros((2, 3))
    own[:, (axis + 1) % 3] = (3.0, -4.0)
    indices = np.array([4, 7])
    found = error_map(measurement, body, 1.0, None, (axis, indices, own))
    first = measurement.frame.start[axis]
    layers = np.moveaxis(np.where(body, found, 0), axis, 0)
    inside = np.moveaxis(body, axis, 0)
    for index, millimeters in zip(indices, (3, 4), strict=True):
        moved = layers[index + first][inside[index + first]]
        np.testing.assert_allclose(moved, millimeters, atol=0.02)
    still = np.delete(layers, indices + first, axis=0)
    assert still.max() < 0.02
    assert np.isnan(found[~body]).all()


def test_moved_slices_add_to_the_field():
    grid = GRIDS["thick axial"]
    measurement, body = measured(grid)
    plain = error_map(measurement, body, 1.0)
    own = np.array([[0.0, 2.0, 0.0]])
    found = error_map(measurement, body, 1.0, None, (0, np.array([6]), own))
    moved = 6 + measurement.frame.start[0]
    truth = np.linalg.norm(motion(grid, measurement.frame) + own.reshape(3, 1, 1, 1), axis=0)
    np.testing.assert_allclose(found[moved][body[moved]], truth[moved][body[moved]], atol=0.12)
    others = np.delete(np.arange(grid.shape[0]), moved)
    np.testing.assert_allclose(found[others], plain[others], atol=0.05)
