"""Transform files of all kinds become nodes that do what RegQCLib reads in them."""

from __future__ import annotations

import numpy as np
import pytest
import slicer
from scene.scene_builders import SHAPE, affineOf, mapped

from RegQCLib.cli import read_worker
from RegQCLib.errors import InputError
from RegQCLib.geometry.bspline import BSplineField
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_io import load_transform, save_transform
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCScene import transform_file
from RegQCScene.stepped_job import PAUSE
from RegQCScene.transform_file import fileTransform, transformFileSteps

GRID = Grid(SHAPE, affineOf())
INSIDE = GRID.to_world(np.random.default_rng(1).uniform(1, 3.5, (20, 3)))


@pytest.fixture
def child(scene, monkeypatch):
    """The child's work is done in this process; the calls are noted."""
    calls = []

    def steps(arguments, folder, _span, module):
        calls.append((module, arguments))
        yield None
        return {"files": read_worker.save_parts(arguments[1], folder / "grid.json", folder)}

    monkeypatch.setattr(transform_file, "childSteps", steps)
    return calls


def loaded(path, folder):
    """The node that is made of a file."""
    steps = transformFileSteps(path, "found", GRID, folder / "job", (0.0, 1.0))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def field(spacing=0.5):
    """A displacement field too large to be read at once, over the grid and beyond."""
    rng = np.random.default_rng(0)
    low = GRID.points().reshape(-1, 3).min(axis=0) - 3
    size = np.ceil((GRID.points().reshape(-1, 3).max(axis=0) + 3 - low) / spacing).astype(int)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = low
    return DisplacementField(rng.normal(0, 0.3, (3, *size[::-1])).astype(np.float32), affine)


def test_a_matrix_is_read_at_once(child, tmp_path):
    rigid = Affine.rigid((3, 4, 5), (6, 7, 8))
    save_transform(rigid, tmp_path / "t.tfm")
    node = loaded(tmp_path / "t.tfm", tmp_path)
    assert child == []
    way = node.GetTransformFromParent()
    np.testing.assert_allclose(mapped(way, INSIDE), rigid.apply(INSIDE), atol=1e-6)


@pytest.mark.parametrize("name", ["t.nii.gz", "t.h5"])
def test_a_large_field_is_read_by_the_child(child, tmp_path, name):
    expected = field()
    save_transform(expected, tmp_path / name)
    assert (tmp_path / name).stat().st_size > transform_file.SMALL_FILE_BYTES
    before = list(slicer.util.getNodesByClass("vtkMRMLTransformNode"))
    node = loaded(tmp_path / name, tmp_path)
    ((module, arguments),) = child
    assert module == "RegQCLib.cli.read_worker"
    assert arguments[:2] == ["transform", str(tmp_path / name)]
    found = mapped(node.GetTransformFromParent(), INSIDE)
    np.testing.assert_allclose(found, expected.apply(INSIDE), atol=1e-4)
    assert np.abs(found - INSIDE).max() > 0.2
    nodes = slicer.util.getNodesByClass("vtkMRMLTransformNode")
    assert [one for one in nodes if one is not node] == before
    assert node.GetStorageNode() is None


def test_parts_keep_their_order(child, tmp_path):
    expected = Composite([Affine.rigid((0, 0, 20), (2, 1, 0)), field(), Affine.rigid((9, 0, 0))])
    save_transform(expected, tmp_path / "t.h5")
    node = loaded(tmp_path / "t.h5", tmp_path)
    points = expected.transforms[0].inverse().apply(INSIDE)
    found = mapped(node.GetTransformFromParent(), points)
    np.testing.assert_allclose(found, expected.apply(points), atol=1e-3)


def test_splines_are_sampled_by_the_child(child, tmp_path, monkeypatch):
    monkeypatch.setattr(transform_file, "MAX_POINTS", 40_000)
    import SimpleITK as sitk

    spline = sitk.BSplineTransform(3, 3)
    spline.SetTransformDomainOrigin([-60.0, -60.0, 0.0])
    spline.SetTransformDomainPhysicalDimensions([120.0, 120.0, 100.0])
    spline.SetTransformDomainMeshSize([3, 3, 3])
    count = len(spline.GetParameters())
    spline.SetParameters(np.random.default_rng(0).normal(0, 2, count).tolist())
    sitk.WriteTransform(spline, str(tmp_path / "t.tfm"))
    expected = load_transform(tmp_path / "t.tfm")
    assert isinstance(expected, BSplineField)
    node = loaded(tmp_path / "t.tfm", tmp_path)
    assert len(child) == 1
    lps = np.array([-1.0, -1.0, 1.0])
    truth = [np.array(spline.TransformPoint((point * lps).tolist())) * lps for point in INSIDE]
    assert np.abs(truth - INSIDE).max() > 0.5
    np.testing.assert_allclose(mapped(node.GetTransformFromParent(), INSIDE), truth, atol=0.05)


def test_what_is_read_is_said_first(child, tmp_path):
    save_transform(field(), tmp_path / "t.nii.gz")
    steps = transformFileSteps(tmp_path / "t.nii.gz", "found", GRID, tmp_path / "job", (0.0, 1.0))
    said = list(steps)
    assert said[-2].stage == "reading t.nii.gz"
    assert said[-1] is PAUSE


def test_a_damaged_file_is_named(scene, tmp_path):
    (tmp_path / "t.h5").write_text("damaged")
    with pytest.raises(InputError, match=r"t\.h5: is damaged"):
        fileTransform(tmp_path / "t.h5")
