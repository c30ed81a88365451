"""The probe of three slices: the same slices as the check's, moved under any transform."""

from __future__ import annotations

import nibabel.affines
import numpy as np
import pytest
from qc.support import (
    BlockMatchingEngine,
    OracleEngine,
    grid_around_origin,
    picture,
    plain_calibration,
    turned,
)

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine, Composite, to_displacement
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc import live as module
from RegQCLib.qc.live import SliceProbe
from RegQCLib.qc.planes import windowed

GRIDS = {
    "plain": grid_around_origin((40, 52, 44), (1.4, 1.4, 1.4)),
    "oblique, left-handed": grid_around_origin(
        (42, 44, 54), (1.4, 1.5, 1.4), direction=turned(mirrored=True)[:, [1, 2, 0]]
    ),
    "stack": grid_around_origin((12, 52, 44), (1.4, 1.4, 4.5)),
}
GRID = GRIDS["plain"]
MOTION = Affine.rigid(rotation_deg=(3, -2, 4), translation_mm=(2.0, -3.0, 1.5))


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    monkeypatch.setattr(module, "choose_engine", lambda *_: BlockMatchingEngine())
    monkeypatch.setattr(module, "load_calibration", lambda _: plain_calibration())


def middle(grid):
    k, j, i = (n // 2 for n in grid.shape)
    return k, j, i


@pytest.mark.parametrize("name", GRIDS)
def test_three_slices_show_what_a_transform_mends(name):
    grid = GRIDS[name]
    probe = SliceProbe(picture(grid), picture(grid, MOTION))
    index = middle(grid)
    before, after = probe.score(index), probe.score(index, MOTION)
    assert probe.score(index) == before  # nothing of the last drag is left behind
    for axes in (before, after):
        assert [axis.name for axis in axes] == list(PLANE_NAMES)
        assert [axis.is_acquisition for axis in axes] == [False, False, name == "stack"]
    for world, (wrong, right) in enumerate(zip(before, after, strict=True)):
        array_axis = grid.array_axis(wrong.name)
        (bad,), (good,) = wrong.slices, right.slices
        assert bad.index == good.index == index[array_axis]
        center = (np.array(grid.shape[::-1]) - 1) / 2
        center[2 - array_axis] = bad.index
        position = nibabel.affines.apply_affine(grid.affine, center)[world]
        assert bad.position_mm == pytest.approx(position)
        assert bad.flagged
        assert bad.error_mm > 2
        assert not good.flagged
        assert good.error_mm < 0.8


@pytest.mark.parametrize("name", GRIDS)
def test_slices_are_those_of_a_resampled_image(name):
    """Under a rigid motion, a dense field and a composite, on another moving grid."""
    fixed_grid = GRIDS[name]
    other = grid_around_origin((44, 40, 50), (1.5, 1.6, 1.3), direction=turned(-25))
    fixed, moving = picture(fixed_grid), picture(other, MOTION)
    probe = SliceProbe(fixed, moving)
    index = middle(fixed_grid)
    field = to_displacement(MOTION, fixed_grid)
    shift = Affine.rigid(translation_mm=(0, 3, 0))
    for transform in (None, MOTION, field, Composite([shift, MOTION])):
        probe.score(index, transform)
        moved = resample(moving, fixed_grid, transform, outside=float(moving.array.min())).array
        gray = windowed(moved[probe._frame.box], probe._window)
        for axis in range(3):
            at = index[axis] - probe._frame.start[axis]
            ours = probe._moved_gray.take(at, axis=axis)
            np.testing.assert_allclose(ours, gray.take(at, axis=axis), atol=2e-3)


def test_known_answers_become_scores(monkeypatch):
    """With an engine that knows the truth, from three slices alone."""
    shift = np.array([1.0, -2.0, 2.0])

    def field(points):
        return np.broadcast_to(shift.reshape(3, *[1] * (points.ndim - 1)), points.shape)

    probe = SliceProbe(picture(GRID), picture(GRID))
    index = middle(GRID)
    asked = [(axis, index[axis] - probe._frame.start[axis]) for axis in range(3)]
    monkeypatch.setattr(probe, "_engine", OracleEngine(probe._frame, asked, field))
    for axis in probe.score(index):
        assert axis.slices[0].error_mm == pytest.approx(3.0, abs=0.1)


def test_the_first_transform_is_the_default():
    probe = SliceProbe(picture(GRID), picture(GRID, MOTION), MOTION)
    again = SliceProbe(picture(GRID), picture(GRID, MOTION))
    assert probe.score(middle(GRID)) == again.score(middle(GRID), MOTION)
    assert all(a.slices[0].flagged for a in probe.score(middle(GRID), Affine.identity()))


def test_a_given_engine_is_used():
    class Counting(BlockMatchingEngine):
        calls = 0

        def match(self, images):
            Counting.calls += 1
            return super().match(images)

    SliceProbe(picture(GRID), picture(GRID), engine=Counting()).score(middle(GRID))
    assert Counting.calls == 3


def test_tolerance_decides():
    lenient = SliceProbe(picture(GRID), picture(GRID, MOTION), tolerance_mm=30)
    assert not any(a.slices[0].flagged for a in lenient.score(middle(GRID)))
    with pytest.raises(InputError, match="tolerance"):
        SliceProbe(picture(GRID), picture(GRID), tolerance_mm=0)


def test_slices_beside_the_body_or_the_moving_image_have_no_score():
    probe = SliceProbe(picture(GRID), picture(GRID))
    corner = [a.slices[0] for a in probe.score((0, 0, 0))]
    assert [s.index for s in corner] == [0, 0, 0]
    assert not any(s.measured or s.flagged for s in corner)
    far = Affine.rigid(translation_mm=(0, 0, 500))
    assert not any(a.slices[0].measured for a in probe.score(middle(GRID), far))
    half = picture(GRID)
    lower = Volume(half.array[:16], half.affine, "lower")
    axial, *_ = reversed(SliceProbe(half, lower).score((30, 26, 22)))
    assert not axial.slices[0].measured
    assert all(a.slices[0].measured for a in SliceProbe(half, lower).score((10, 26, 22)))


@pytest.mark.parametrize("index", [(-1, 0, 0), (0, 52, 0), (0, 0, 44)])
def test_voxels_outside_the_image_are_refused(index):
    probe = SliceProbe(picture(GRID), picture(GRID))
    with pytest.raises(InputError, match="outside the fixed image"):
        probe.score(index)


def test_images_without_content_are_refused():
    with pytest.raises(InputError, match="flat"):
        SliceProbe(picture(GRID), Volume(np.ones(GRID.shape), GRID.affine, "flat"))
