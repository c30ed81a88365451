"""Real cases are read from the archive with their labels and their authors' transforms."""

import json

import numpy as np
import pytest

from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.registration.measures import score, start
from Testing.Benchmarks.registration.real_cases import (
    BOTH_WEIGHTINGS,
    PEOPLE,
    inter_cases,
    natural_cases,
    weighting_cases,
)

HALF = {1: Affine.rigid(translation_mm=(-4, 0, 0)), 2: Affine.rigid((0, 5, 0), (0, 3, 0))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "catalog.json").write_text('{"entries": [], "pairs": []}', encoding="utf-8")
    monkeypatch.setenv("REGQC_DATA", str(tmp_path))
    return tmp_path


def ball(size, spacing, center=(0, 0, 0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(size[::-1]) - 1) / 2
    empty = Volume(np.zeros(size), affine)
    distance = np.linalg.norm(empty.grid.points() - center, axis=-1)
    return empty.with_array((distance < 20) * (1 + distance / 20))


@pytest.mark.parametrize("spacing", [None, 2.0])
def test_peoples_labels_judge_without_a_truth(folder, spacing):
    for person, center in zip(PEOPLE, ((0, 0, 0), (4, 0, 0)), strict=True):
        image = ball((48, 50, 52), (1, 1, 1), center)
        save_volume(image, folder / f"{person}_T1brain.nii.gz")
        inside = image.array > 0
        labels = np.where(inside, 17, 0) + np.where(image.array > 1.8, 60, 0)  # 77 is not scored
        save_volume(image.with_array(labels.astype(np.int16)), folder / f"{person}_aseg.nii.gz")
    made = inter_cases(spacing)
    assert len(made) == 2
    there, back = (make() for make in made.values())
    assert there.fixed.spacing[0] == (spacing or 1.0)
    assert np.unique(there.fixed_labels.array).tolist() == [0, 17]
    assert there.region.sum() > (there.fixed_labels.array > 0).sum()
    assert np.array_equal(back.fixed.array, there.moving.array)
    assert "tre_mean" not in start(there)
    right = score(there, Affine.rigid(translation_mm=(4, 0, 0)))["dice"]
    wrong = score(there, Affine.rigid(translation_mm=(-4, 0, 0)))["dice"]
    assert wrong < start(there)["dice"] < right
    assert right > 0.98


def test_natural_cases_know_the_authors_transform_both_ways(folder):
    entries = []
    for study in (1, 2):
        name = f"omslong_p_s{study}_FLAIR"
        save_volume(ball((14, 40, 42), (1.5, 1.5, 4)), folder / f"{name}.nii.gz")
        save_transform(HALF[study], folder / f"{name}_to_common.txt")
        entries.append(
            {
                "name": name,
                "file": f"{name}.nii.gz",
                "subject": "omslong_p",
                "shape": [42, 40, 14],
                "spacing": [1.5, 1.5, 4],
            }
        )
    row = {"fixed": entries[0]["name"], "moving": entries[1]["name"], "organ": "brain"}
    row |= {"modalities": ["MR-FLAIR", "MR-FLAIR"], "status": "misaligned", "gold_shift_mm": 7.0}
    text = json.dumps({"entries": entries, "pairs": [row]})
    (folder / "catalog.json").write_text(text, encoding="utf-8")
    there, back = (make() for make in natural_cases().values())
    point = np.array([3.0, -5, 7])
    expected = HALF[1].inverse().apply(HALF[2].apply(point))
    assert there.truth.apply(point) == pytest.approx(expected, abs=1e-4)
    assert back.truth.apply(expected) == pytest.approx(point, abs=1e-4)
    assert start(there)["tre_mean"] > 3
    assert start(there)["dice"] is None
    assert there.region.any()


def test_two_weightings_are_bent_apart_by_a_known_field(folder):
    for name in BOTH_WEIGHTINGS:
        image = ball((40, 42, 44), (2, 2, 2))
        save_volume(image, folder / f"{name}_T1.nii.gz")
        save_volume(image.with_array(3 - image.array), folder / f"{name}_T2.nii.gz")
    made = weighting_cases()
    assert len(made) == 4
    there, back = [make() for make in made.values()][:2]
    assert score(there, there.truth)["tre_mean"] == pytest.approx(0, abs=1e-6)
    assert start(there)["tre_mean"] > 1
    inside = np.asarray(there.region)
    moved = resample(there.moving, there.fixed.grid, there.truth).array
    assert np.abs((3 - moved) - there.fixed.array)[inside].mean() < 0.02
    np.testing.assert_allclose(there.moving.array, 3 - image.array, atol=1e-6)
    assert there.truth.apply([1, 2, 3]) == pytest.approx(back.truth.apply([1, 2, 3]))
