"""Volume pairs: the truth really aligns the images, on any grid, to a fraction of a voxel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.synthesis import volume_pairs
from RegQCLib.synthesis.appearance import Contrast
from RegQCLib.synthesis.label_maps import LABELS
from RegQCLib.synthesis.scene import BACKGROUND, LABEL_COUNT
from RegQCLib.synthesis.volume_pairs import VolumePair, VolumeSettings, volume_pair

THIN = VolumeSettings(voxels=44, thick_share=0.0, difficulty=0.0, strip_share=0.0)
STACKS = VolumeSettings(
    voxels=44, thick_share=1.0, slice_motion_share=1.0, difficulty=0.0, strip_share=0.0
)


@pytest.fixture
def plain(monkeypatch):
    """One contrast for both images, no noise, no coil: what differs then is geometry alone."""

    def one_contrast(batch, generator, **_):
        mean = torch.rand(batch, LABEL_COUNT, generator=generator)
        mean[:, BACKGROUND] = 0
        nothing = torch.zeros(batch, LABEL_COUNT)
        return (Contrast(mean, nothing, torch.zeros(batch, LABELS), nothing),) * 2

    monkeypatch.setattr(volume_pairs, "contrast_pair", one_contrast)
    for step in ("receiver_noise", "bias_field", "gray_curve", "point_spread"):
        monkeypatch.setattr(volume_pairs, step, lambda image, _: image)


def draw(bank, mean_mm: float, seed: int, settings: VolumeSettings = THIN) -> VolumePair:
    return volume_pair(bank, mean_mm, torch.Generator().manual_seed(seed), settings)


def likeness(pair: VolumePair, shift_mm: np.ndarray | None = None, part=...) -> float:
    """Correlation in the body after the truth, itself shifted; None leaves the images as stored."""
    truth = None
    if shift_mm is not None:
        array = pair.truth.array + shift_mm[:, None, None, None]
        truth = DisplacementField(array, pair.truth.affine)
    moved = resample(pair.moving, pair.fixed.grid, truth).array
    usable = pair.body & coverage(pair.moving.grid, pair.fixed.grid, truth)
    usable &= (pair.fixed.array > 0) & (moved > 0)
    fixed, moved = pair.fixed.array[part][usable[part]], moved[part][usable[part]]
    return float(np.corrcoef(fixed, moved)[0, 1])


@pytest.mark.usefixtures("plain")
def test_the_truth_aligns_better_than_nothing_and_than_a_shifted_truth(bank):
    gains, peaks, determinants, tilts = [], [], [], []
    for seed in range(6):
        pair = draw(bank, 5.0, seed)
        aligned = likeness(pair, np.zeros(3))
        gains.append(aligned - likeness(pair))
        for axis in pair.fixed.grid.direction.T:
            step = 0.8 * float(pair.fixed.spacing[0])
            below, above = likeness(pair, -step * axis), likeness(pair, step * axis)
            # vertex of the parabola through the three correlations, in steps
            peaks.append((above - below) / (2 * (2 * aligned - above - below)))
            assert aligned > max(below, above)
        determinants.append(np.linalg.det(pair.fixed.affine[:3, :3]))
        tilts.append(np.abs(pair.fixed.grid.direction).max(axis=0).min())
    assert min(gains) > 0.3
    assert np.abs(peaks).max() < 0.35
    assert np.median(np.abs(peaks)) < 0.07
    assert min(determinants) < 0 < max(determinants), "left- and right-handed grids"
    assert min(tilts) < 0.99, "oblique grids"


@pytest.mark.usefixtures("plain")
def test_moved_slices_are_part_of_the_truth(bank):
    gains = []
    for seed in range(4):
        pair = draw(bank, 2.0, seed, STACKS)
        moved = pair.slice_shifts_mm.any(axis=1)
        common = pair.body & coverage(pair.moving.grid, pair.fixed.grid, pair.truth)
        usable = (common & (pair.fixed.array > 0)).sum(axis=(1, 2)) > 100
        without = pair.truth.array - pair.slice_shifts_mm.T[:, :, None, None]
        ignorant = VolumePair(
            pair.fixed,
            pair.moving,
            DisplacementField(without, pair.truth.affine),
            pair.body,
            pair.mean_mm,
            pair.slice_shifts_mm,
        )
        gains += [
            likeness(pair, np.zeros(3), k) - likeness(ignorant, np.zeros(3), k)
            for k in np.flatnonzero(moved & usable)
        ]
    assert len(gains) >= 4
    assert np.mean(gains) > 0.05
    assert np.mean(np.array(gains) > 0) >= 0.75


def test_the_mean_over_the_body_is_the_asked_one(bank):
    stripped = VolumeSettings(voxels=40, thick_share=0.0, strip_share=1.0)
    for settings in (THIN, stripped):
        pair = draw(bank, 3.0, 11, settings)
        assert pair.mean_mm == pytest.approx(3)
        length = np.linalg.norm(pair.truth.array, axis=0)[pair.body]
        assert length.mean() == pytest.approx(3, rel=0.1)


def test_an_aligned_pair_has_no_displacement(bank):
    pair = draw(bank, 0.0, 5)
    assert pair.mean_mm == 0
    assert not pair.truth.array.any()
    assert not pair.fixed.grid.same_as(pair.moving.grid), "each image has its own grid"


def test_the_same_seed_gives_the_same_bits(bank):
    first, again, other = (draw(bank, 2.0, seed, STACKS) for seed in (3, 3, 4))
    for name in ("fixed", "moving", "truth"):
        a, b = getattr(first, name), getattr(again, name)
        np.testing.assert_array_equal(a.array, b.array)
        np.testing.assert_array_equal(a.affine, b.affine)
    np.testing.assert_array_equal(first.body, again.body)
    assert first.fixed.shape != other.fixed.shape or (first.fixed.array != other.fixed.array).any()


def test_stacks_have_thick_slices_and_thin_volumes_do_not(bank):
    thick, thin = draw(bank, 1.0, 2, STACKS), draw(bank, 1.0, 2)
    assert thick.fixed.spacing[2] >= 1.99 * thick.fixed.spacing[0]
    np.testing.assert_allclose(thick.moving.spacing, thick.fixed.spacing, rtol=1e-6)
    np.testing.assert_allclose(thin.fixed.spacing, thin.fixed.spacing[0], rtol=1e-6)
    assert not thin.slice_shifts_mm.any()


def test_slices_are_sampled_around_their_centers():
    affine = np.array([[0, 0, -4, 3], [1.2, 0, 0, 5], [0, -1.5, 0, 2], [0, 0, 0, 1.0]])
    grid = Grid((3, 4, 5), affine)
    place = torch.device("cpu")
    np.testing.assert_allclose(volume_pairs._points(grid, place), grid.points(), atol=1e-5)
    fine = volume_pairs._points(grid, place, 4).reshape(3, 4, 4, 5, 3)
    np.testing.assert_allclose(fine.mean(dim=1), grid.points(), atol=1e-5)
    np.testing.assert_allclose(np.diff(fine, axis=1)[..., 0], -1, atol=1e-5)  # 4 mm in 4 parts
