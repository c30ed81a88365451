"""The body mask against phantoms whose body is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.volume import Volume

SPACING = (1.0, 1.2, 1.5)  # i, j, k
SHAPE = (70, 80, 90)


def ellipsoid(
    shape: tuple[int, ...], spacing: tuple[float, ...], radius_mm: tuple[float, ...]
) -> np.ndarray:
    """Mask (k, j, i) of an ellipsoid with radii (i, j, k) around the middle."""
    axes = np.meshgrid(*[np.arange(n) - (n - 1) / 2 for n in shape], indexing="ij")
    terms = [(a * s / r) ** 2 for a, s, r in zip(axes, spacing[::-1], radius_mm[::-1], strict=True)]
    return np.sum(terms, axis=0) <= 1


BODY = ellipsoid(SHAPE, SPACING, (34, 38, 40))
HOLE = ellipsoid(SHAPE, SPACING, (9, 12, 10))


def texture(low: float, high: float) -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(4).normal(size=SHAPE), 3)
    span = (noise - noise.min()) / np.ptp(noise)
    return low + span * (high - low)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


def rician(image: np.ndarray, sigma: float) -> np.ndarray:
    rng = np.random.default_rng(6)
    return np.hypot(image + rng.normal(0, sigma, SHAPE), rng.normal(0, sigma, SHAPE))


@pytest.mark.parametrize("sigma", [0.5, 10.0, 30.0])
def test_mr_with_noisy_air(sigma: float) -> None:
    image = rician(np.where(BODY & ~HOLE, texture(200, 600), 0), sigma)
    mask = body_mask(Volume(image, np.diag([*SPACING, 1])))
    assert dice(mask, BODY) > 0.98
    assert mask[HOLE].all()


def test_dim_rim_belongs_to_the_body() -> None:
    core = ellipsoid(SHAPE, SPACING, (27, 31, 33))
    image = rician(np.where(core, texture(500, 600), np.where(BODY, 100, 0)), 8)
    assert dice(body_mask(image, spacing=SPACING), BODY) > 0.97


def test_ct_in_hounsfield_units_with_lungs_and_table() -> None:
    image = np.full(SHAPE, -1000.0)
    image[BODY] = texture(-110, 80)[BODY]
    image[HOLE] = -850
    image[:, 77, 15:75] = 200  # a table, and on it a foam cushion that touches the body
    image[:, 70:77, 15:75] = np.where(BODY, image, -800)[:, 70:77, 15:75]
    image += np.random.default_rng(1).normal(0, 15, SHAPE)
    for kind in (np.int16, np.float32):
        mask = body_mask(image.astype(kind), spacing=SPACING)
        assert dice(mask, BODY) > 0.98
        assert mask[HOLE].all()
        assert not mask[:, 75:, 20:30].any()


@pytest.mark.parametrize("background", [0.0, -3.0])
def test_skull_stripped_images_are_exact(background: float) -> None:
    image = np.where(BODY, texture(-2, 2), background).astype(np.float32)
    np.testing.assert_array_equal(body_mask(image, spacing=SPACING), BODY)


def test_a_zero_padded_scan_is_not_taken_for_skull_stripped() -> None:
    image = rician(np.where(BODY, texture(200, 600), 0), 10)
    edge = np.zeros(SHAPE, bool)
    edge[2:-2, 2:-2, 2:-2] = True
    assert dice(body_mask(np.where(edge, image, 0), spacing=SPACING), BODY) > 0.98


def test_few_thick_slices() -> None:
    shape, spacing = (6, 120, 110), (1.4, 1.4, 9.0)
    body = ellipsoid(shape, spacing, (60, 66, 400))
    rng = np.random.default_rng(8)
    image = np.hypot(body * 300 + rng.normal(0, 12, shape), rng.normal(0, 12, shape))
    mask = body_mask(image, spacing=spacing)
    assert dice(mask, body) > 0.98
    assert mask[0].any()
    assert mask[-1].any()


def test_slices_that_moved_against_each_other_keep_their_rims() -> None:
    shape, spacing = (8, 120, 110), (1.4, 1.4, 5.0)
    still = ellipsoid(shape, spacing, (55, 60, 400))
    body = np.stack([np.roll(s, 14 * (-1) ** n, axis=1) for n, s in enumerate(still)])
    image = body * 300 + np.abs(np.random.default_rng(8).normal(0, 10, shape))
    assert dice(body_mask(image, spacing=spacing), body) > 0.98


def test_tissue_that_fills_the_image_is_kept_whole() -> None:
    assert body_mask(texture(300, 700)).mean() > 0.95


def test_specks_away_from_the_body_are_dropped() -> None:
    image = np.where(BODY, texture(200, 600), 0)
    image[2:14, 2:16, 2:18] = 400
    mask = body_mask(rician(image, 8), spacing=SPACING)
    assert not mask[:14, :16, :18].any()
    assert dice(mask, BODY) > 0.98


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_images_without_contrast_have_no_body_and_raise_nothing(value: float) -> None:
    assert not body_mask(np.full((5, 6, 7), value)).any()


def test_values_that_are_not_finite_count_as_air() -> None:
    image = np.where(BODY, texture(200, 600), np.nan)
    assert dice(body_mask(image, spacing=SPACING), BODY) > 0.99


def test_block_size_follows_the_voxel_size() -> None:
    fine = np.repeat(np.repeat(np.repeat(BODY, 2, 0), 2, 1), 2, 2) * 100.0
    mask = body_mask(fine, spacing=tuple(s / 2 for s in SPACING))
    np.testing.assert_array_equal(mask, fine > 0)
