"""Exported transforms do in SimpleITK what the words beside them say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transform_export import export_transform
from RegQCLib.geometry.transform_io import load_transform
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCLib.geometry.volume import Volume

SHAPE = (14, 16, 18)
OBLIQUE = Affine.rigid((8, -5, 20)).matrix @ np.diag([2.0, 1.5, 2.5, 1.0])
LPS = np.array([-1.0, -1.0, 1.0])


def volume(name, shift=0.0):
    affine = OBLIQUE.copy()
    affine[:3, 3] += shift
    return Volume(np.zeros(SHAPE, np.float32), affine, name)


def bump(size):
    """A smooth field of at most ``size`` mm that vanishes at the border."""
    axes = np.meshgrid(*[np.sin(np.linspace(0, np.pi, n)) ** 2 for n in SHAPE], indexing="ij")
    height = size * axes[0] * axes[1] * axes[2]
    return DisplacementField(np.stack([height, -0.5 * height, 0.25 * height]), volume("x").affine)


@pytest.fixture
def points():
    rng = np.random.default_rng(3)
    inner = rng.uniform(0.3, 0.7, (20, 3)) * (np.array(SHAPE[::-1]) - 1)
    return volume("x").grid.to_world(inner)


AFFINE = Affine.from_parameters(
    rotation_deg=(3, -4, 5), translation_mm=(4, -3, 2), scale=(1.1, 1, 1)
)
TRANSFORMS = {
    "rigid": (Affine.rigid((3, -4, 5), (4, -3, 2)), "rigid"),
    "affine": (AFFINE, "affine"),
    "field": (bump(3.0), "deformable"),
    "both": (Composite([bump(2.0), AFFINE]), "deformable"),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_files_map_as_their_words_say(tmp_path, points, name):
    transform, kind = TRANSFORMS[name]
    facts = export_transform(transform, volume("fixed"), volume("moving", 3.0), tmp_path)
    assert facts["kind"] == kind
    forward, back = (
        sitk.ReadTransform(str(tmp_path / file)) for file in ("transform.h5", "inverse.h5")
    )
    there = np.array([forward.TransformPoint((p * LPS).tolist()) for p in points]) * LPS
    tolerance = 1e-6 if kind != "deformable" else 0.05  # sampled at voxels
    np.testing.assert_allclose(there, transform.apply(points), atol=tolerance)
    again = np.array([back.TransformPoint((p * LPS).tolist()) for p in there]) * LPS
    np.testing.assert_allclose(again, points, atol=4 * tolerance)


def test_a_bending_transform_comes_as_displacements_too(tmp_path, points):
    export_transform(bump(3.0), volume("fixed"), volume("moving"), tmp_path)
    dense = load_transform(tmp_path / "displacement.nii.gz")
    np.testing.assert_allclose(dense.apply(points), bump(3.0).apply(points), atol=1e-3)
    export_transform(AFFINE, volume("fixed"), volume("moving"), tmp_path / "..")
    assert not (tmp_path / ".." / "displacement.nii.gz").exists()


def test_the_words_name_images_directions_and_units(tmp_path):
    facts = export_transform(bump(3.0), volume("flair"), volume("t1w"), tmp_path)
    text = (tmp_path / "transform.txt").read_text(encoding="utf-8")
    for words in (
        "fixed: flair",
        "moving: t1w",
        "transform.h5 maps FIXED POINTS TO MOVING POINTS",
        "inverse.h5 maps MOVING POINTS TO FIXED POINTS",
        "LPS mm",
        "3D Slicer",
        "antsApplyTransforms",
        "displacement.nii.gz",
        "going there and back misses by",
    ):
        assert words in text
    assert json.loads((tmp_path / "transform.json").read_text()) == facts
    assert 0 <= facts["inverse_error_mm"]["mean"] < 0.02


def test_the_matrices_are_the_transform(tmp_path, points):
    facts = export_transform(AFFINE, volume("fixed"), volume("moving"), tmp_path)
    np.testing.assert_allclose(Affine(facts["matrix_ras"]).apply(points), AFFINE.apply(points))
    lps = Affine(facts["matrix_lps"])
    np.testing.assert_allclose(lps.apply(points * LPS) * LPS, AFFINE.apply(points))
    assert "displacement" not in (tmp_path / "transform.txt").read_text()


def test_a_folding_transform_is_refused(tmp_path):
    with pytest.raises(InputError, match="no inverse"):
        export_transform(bump(40.0), volume("fixed"), volume("moving"), tmp_path)
