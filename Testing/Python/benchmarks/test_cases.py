"""Cases show what they say: content moves by the truth, and nothing else gives them away."""

from pathlib import Path

import numpy as np
import pytest

from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.detection.cases import (
    Prepared,
    build,
    rigid_part,
    shifted_slice,
    slice_means,
    with_transform,
)
from Testing.Benchmarks.detection.moves import THROUGH, Move
from Testing.Benchmarks.detection.pairs import Pair

CENTER = np.array([10.0, -20.0, 30.0])
IDENTITY = Affine.identity()


def anatomy(points):
    """A smooth image known everywhere in space: intensity at (..., 3) RAS points."""
    x, y, z = np.moveaxis(points - CENTER, -1, 0)
    return 100 + 30 * np.sin(x / 9) * np.cos(y / 7) + 20 * np.sin(z / 11 + y / 13)


def volume(spacing, count, turn=(0, 0, 0), shown=IDENTITY, name="image"):
    """``anatomy`` at ``shown`` points of an oblique grid around CENTER; counts are (i, j, k)."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = CENTER - np.array(spacing) * (np.array(count) - 1) / 2
    grid = Grid(count[::-1], Affine.rigid(rotation_deg=turn, center=CENTER).matrix @ affine)
    return Volume(anatomy(shown.apply(grid.points())).astype(np.float32), grid.affine, name)


def prepared(spacing_class, spacing, count, gold=IDENTITY):
    pair = Pair(Path("f.nii"), Path("m.nii"), "brain", ("A", "B"), "s", "aligned", spacing_class)
    fixed = volume(spacing, count, turn=(3, -5, 8))
    moving = volume(spacing, count, turn=(5, 2, -4), shown=gold.inverse())
    body = np.zeros(fixed.shape, dtype=bool)
    inner = tuple(slice(n // 5, n - n // 5) for n in fixed.shape)
    body[inner] = True
    return Prepared(pair, fixed, moving, body, body, gold)


@pytest.fixture(scope="module")
def isotropic():
    gold = Affine.rigid(rotation_deg=(4, 0, 2), translation_mm=(3, -2, 5), center=CENTER)
    return prepared("isotropic", (1.2, 1.2, 1.2), (52, 50, 48), gold)


@pytest.fixture(scope="module")
def stack():
    return prepared("thick", (1.2, 1.2, 4.0), (52, 50, 14))


def interior(grid):
    """Points of a grid at least six voxels away from its faces (two across thick slices)."""
    edge = [min(6, n // 4) for n in grid.shape]
    inner = tuple(slice(e, n - e) for e, n in zip(edge, grid.shape, strict=True))
    return inner, grid.points()[inner]


@pytest.mark.parametrize("kind", ["translation", "rotation", "scaling", "deformation"])
def test_a_moved_version_shows_at_a_point_what_belongs_where_the_move_sends_it(kind, isotropic):
    case = build(isotropic, kind, 3.0, seed=1)
    inner, points = interior(case.moved.grid)
    expected = anatomy(case.move.transform.apply(points))
    assert np.abs(case.moved.array[inner] - expected).mean() < 0.1  # contrast is about 100
    assert np.abs(case.moved.array[inner] - anatomy(points)).mean() > 1


def test_the_aligned_version_is_in_place_though_resampled(isotropic):
    case = build(isotropic, None, 0.0)
    inner, points = interior(case.moved.grid)
    assert np.abs(case.moved.array[inner] - anatomy(points)).max() < 0.5
    assert case.mean_mm == 0


def test_aligned_and_moved_versions_have_voxels_off_those_stored(isotropic):
    for kind in (None, "translation"):
        grid = build(isotropic, kind, 2.0, seed=4).moved.grid
        part = isotropic.stored.to_index(grid.origin) % 1
        assert ((part >= 0.25) & (part <= 0.75)).all()


def test_truth_is_the_displacement_on_the_body_and_unknown_elsewhere(isotropic):
    case = build(isotropic, "rotation", 3.0)
    assert case.mean_mm == pytest.approx(3.0, rel=1e-4)
    assert np.isnan(case.truth[~isotropic.fixed_body]).all()
    voxel = tuple(np.argwhere(~np.isnan(case.truth))[100])
    point = case.fixed.grid.to_world(voxel[::-1])
    expected = np.linalg.norm(case.move.transform.apply(point) - point)
    assert case.truth[voxel] == pytest.approx(expected, rel=1e-5)


def test_thick_slices_keep_their_place_and_move_by_whole_slices(stack):
    aligned, through = build(stack, None, 0.0), build(stack, THROUGH, 0.0)
    for case in (aligned, through):
        assert stack.stored.to_index(case.moved.grid.origin)[2] == pytest.approx(0, abs=1e-9)
    assert through.mean_mm == pytest.approx(4.0)


def test_slice_truth_follows_planes():
    truth = np.full((4, 10, 10), np.nan, dtype=np.float32)
    truth[1, 2:8, 2:8] = 1
    truth[2, 2:8, 2:8] = 3
    truth[3, 5, 5] = 9  # too little body to score
    assert slice_means(truth, 0) == {1: 1.0, 2: 3.0}
    assert slice_means(truth, 1)[3] == pytest.approx(2.0)


@pytest.mark.parametrize("seed", [0, 1])
def test_only_one_slice_of_the_fixed_stack_is_shifted(stack, seed):
    case, plane, index = shifted_slice(stack, 4.0, seed=seed)
    assert plane == "axial"
    errors = {}
    for k in range(case.fixed.shape[0]):
        points = case.fixed.grid.points()[k, 8:-8, 8:-8]
        errors[k] = np.abs(case.fixed.array[k, 8:-8, 8:-8] - anatomy(points)).mean()
    assert errors.pop(index) > 5
    assert max(errors.values()) < 0.3
    truth = case.slice_truth(plane)
    assert truth.pop(index) == pytest.approx(4.0)
    assert set(truth.values()) == {0.0}


def test_the_shifted_slice_is_off_by_the_stated_distance(stack):
    case, _, index = shifted_slice(stack, 4.0, seed=2)
    points = case.fixed.grid.points()[index, 8:-8, 8:-8]
    seen = case.fixed.array[index, 8:-8, 8:-8]
    right, up = case.fixed.grid.direction[:, 0], case.fixed.grid.direction[:, 1]
    gaps = {
        angle: np.abs(
            seen - anatomy(points + 4 * (np.cos(angle) * right + np.sin(angle) * up))
        ).mean()
        for angle in np.linspace(0, 2 * np.pi, 180, endpoint=False)
    }
    assert min(gaps.values()) < 0.5


def test_rigid_part_undoes_a_rigid_transform_and_ignores_scale():
    grid = volume((1, 1, 1), (20, 22, 24)).grid
    rigid = Affine.rigid(rotation_deg=(10, 5, -7), translation_mm=(4, 5, 6), center=CENTER)
    assert rigid_part(rigid, grid).matrix == pytest.approx(rigid.inverse().matrix)
    scaled = Affine.from_parameters(scale=(1.1, 1.1, 1.1), center=grid.center)
    assert rigid_part(scaled, grid).matrix == pytest.approx(np.eye(4), abs=1e-9)


def test_an_exact_background_stays_exact_and_border_is_reported(isotropic):
    array = isotropic.moving.array.copy()
    array[:, :20] = 0
    masked = Prepared(
        isotropic.pair,
        isotropic.fixed,
        isotropic.moving.with_array(array),
        isotropic.fixed_body,
        isotropic.moving_body,
        isotropic.gold,
    )
    rng = np.random.default_rng(0)
    case = with_transform(masked, None, rng)
    assert np.mean(case.moved.array == 0) > 0.3
    assert case.border_fraction < 0.06
    far = Move("translation", 20.0, Affine.rigid(translation_mm=(20, 0, 0)))
    assert with_transform(masked, far, rng).border_fraction > 0.25
