"""The phantom is the same anatomy at every point, however it is moved and imaged."""

import numpy as np
import pytest
from scipy.ndimage import shift

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from Testing.Benchmarks.registration import contrasts, phantom, rendering
from Testing.Benchmarks.registration.phantom import Phantom
from Testing.Benchmarks.registration.rendering import centered_grid, render
from Testing.Benchmarks.registration.shapes import Ellipsoid, Tube, moved
from Testing.Benchmarks.registration.waves import Swell, Waves


@pytest.fixture(scope="module")
def points():
    return np.random.default_rng(0).uniform(-50, 50, (2000, 3))


def test_the_gradient_of_waves_is_that_of_their_values(points):
    waves = Waves.smooth(np.random.default_rng(1), scale_mm=8, count=20, components=3)
    gradient = waves.gradient(points)
    assert gradient.shape == (2000, 3, 3)
    for axis in range(3):
        step = np.eye(3)[axis] * 1e-4
        slope = (waves(points + step) - waves(points - step)) / 2e-4
        assert gradient[:, :, axis] == pytest.approx(slope, abs=1e-6)


def test_smooth_waves_have_the_variance_and_correlation_of_smoothed_noise(points):
    draws = [
        Waves.smooth(np.random.default_rng(n), scale_mm=10, count=64, components=1)
        for n in range(30)
    ]
    here = np.concatenate([w(points) for w in draws])
    there = np.concatenate([w(points + np.array([0, 20, 0])) for w in draws])
    assert np.mean(here**2) == pytest.approx(1, rel=0.1)
    # Noise smoothed by a Gaussian of SD s is correlated as exp(-d^2 / 4 s^2).
    assert np.mean(here * there) == pytest.approx(np.exp(-1), abs=0.1)


def test_banded_waves_have_their_length_and_unit_variance(points):
    waves = Waves.banded(np.random.default_rng(2), wavelength_mm=20, spread=0.1)
    lengths = 2 * np.pi / np.linalg.norm(waves.frequencies, axis=1)
    assert (np.abs(lengths - 20) <= 2).all()
    assert np.mean(waves(points) ** 2) == pytest.approx(1, rel=0.2)


def test_a_swell_leads_back(points):
    waves = Waves.smooth(np.random.default_rng(3), scale_mm=15, count=16, components=3)
    swell = Swell(waves.scaled(2.0))
    there = swell.apply(points)
    assert np.abs(there - points).max() > 3
    assert swell.inverse().apply(there) == pytest.approx(points, abs=1e-6)
    assert np.array_equal(swell.inverse().inverse().apply(points), there)


def test_a_swell_that_folds_has_no_way_back(points):
    waves = Waves.smooth(np.random.default_rng(3), scale_mm=5, components=3)
    with pytest.raises(InputError, match="steep"):
        Swell(waves.scaled(20.0)).inverse().apply(points[:50])


def test_distances_of_a_ball_and_a_rod_are_exact(points):
    ball = Ellipsoid((1, 2, 3), (9, 9, 9))
    assert ball(points) == pytest.approx(np.linalg.norm(points - (1, 2, 3), axis=1) - 9)
    rod = Tube(((0, 0, -10, 4), (0, 0, 10, 4)))
    beyond = np.maximum(np.abs(points[:, 2]) - 10, 0)
    expected = np.sqrt(points[:, 0] ** 2 + points[:, 1] ** 2 + beyond**2) - 4
    assert rod(points) == pytest.approx(expected)


def test_an_ellipsoid_is_inside_where_its_equation_says_so(points):
    ellipsoid = Ellipsoid((5, 0, -5), (20, 30, 10))
    inside = (((points - (5, 0, -5)) / (20, 30, 10)) ** 2).sum(axis=1) < 1
    assert inside.any()
    assert np.array_equal(ellipsoid(points) < 0, inside)


def test_other_people_have_their_parts_elsewhere():
    tube = Tube(((0, 0, 0, 3), (0, 0, 9, 2)))
    other = moved(tube, np.random.default_rng(4))
    shifts = np.subtract(other.nodes, tube.nodes)[:, :3]
    assert shifts[0] == pytest.approx(shifts[1])
    assert 0 < np.abs(shifts).max() <= 1
    assert other.nodes[0][3] / 3 == pytest.approx(other.nodes[1][3] / 2)


@pytest.fixture(scope="module")
def grid():
    return centered_grid((44, 50, 44), 3.5)


@pytest.fixture(scope="module")
def person():
    return Phantom.draw(3)


def test_every_label_is_there_and_pairs_lie_on_their_sides(grid, person):
    anatomy = render(person, grid, "T1", np.random.default_rng(0)).labels.array
    assert set(np.unique(anatomy)) == set(range(phantom.LABELS + 1))
    right = grid.points()[..., 0]
    for left_label, right_label in [labels for labels, *_ in contrasts.TISSUES]:
        if left_label != right_label:
            assert (
                right[anatomy == left_label].mean() < -2 < 2 < right[anatomy == right_label].mean()
            )


def test_a_seed_is_a_person(grid, person, points):
    again, other = Phantom.draw(3), Phantom.draw(4)
    here = points.astype(np.float32)
    assert np.array_equal(person.labels(here), again.labels(here))
    assert 0.02 < np.mean(person.labels(here) != other.labels(here)) < 0.7


@pytest.fixture
def still(monkeypatch):
    """No bias field and no noise: only the anatomy."""
    monkeypatch.setattr(rendering, "BIAS", 0.0)
    monkeypatch.setattr(rendering, "NOISE", 0.0)


def test_a_moved_head_is_rendered_without_interpolation(still, grid, person):
    """Moved by whole voxels, an image is the same numbers elsewhere, to rounding."""
    voxels = np.array([2, -1, 3])
    move = Affine.rigid(translation_mm=voxels * 3.5)
    there, here = (
        render(person, grid, "T2", np.random.default_rng(0), transform=t) for t in (move, None)
    )
    inner = (slice(4, -4),) * 3
    shifted = shift(here.image.array, -voxels[::-1], order=0)
    assert np.abs(there.image.array - shifted)[inner].max() < 0.5
    labels = shift(here.labels.array, -voxels[::-1], order=0)
    assert np.mean(there.labels.array[inner] != labels[inner]) < 1e-4


def test_labels_of_a_turned_head_are_those_at_the_turned_points(grid, person):
    turn = Affine.rigid((10, -20, 30), (4, 5, -6))
    shown = render(person, grid, "T1", np.random.default_rng(0), transform=turn).labels
    expected = person.labels(turn.apply(grid.points().reshape(-1, 3)).astype(np.float32))
    assert np.mean(shown.array.ravel() != expected) < 1e-4


def test_noise_and_bias_belong_to_the_image_not_to_the_head(grid, person):
    first, again, other = (
        render(person, grid, "T1", np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.image.array, again.image.array)
    assert np.array_equal(first.labels.array, other.labels.array)
    air = first.labels.array == 0
    # Magnitude of noise alone: Rayleigh, mean sqrt(pi / 2) SD.
    mean = rendering.NOISE * rendering.FULL_SCALE * np.sqrt(np.pi / 2)
    corner = first.image.array[:4, :4, :4][air[:4, :4, :4]]
    assert corner.mean() == pytest.approx(mean, rel=0.3)
    white = first.labels.array == 6
    ratio = first.image.array[white] / other.image.array[white]
    assert 0.03 < ratio.std() < 0.4


@pytest.mark.parametrize(("look", "order"), [("T1", 1), ("T2", -1)])
def test_contrasts_rank_tissues_as_scanners_do(still, grid, person, look, order):
    shown = render(person, grid, look, np.random.default_rng(0))
    means = [np.median(shown.image.array[shown.labels.array == n]) for n in (10, 4, 6)]
    assert order * means[0] < order * means[1] < order * means[2]  # fluid, cortex, white matter


def test_a_random_contrast_shows_the_cortex_and_all_fluid_alike():
    looks = [contrasts.contrast("random", np.random.default_rng(n)).tissue for n in range(30)]
    for tissue in looks:
        assert min(abs(tissue[4] - tissue[6]), abs(tissue[4] - tissue[3])) > 0.14
        assert tissue[3] == tissue[8] == tissue[9] == tissue[10] == tissue[11]
        assert tissue[0] == 0
    assert np.std([tissue[6] for tissue in looks]) > 0.1
