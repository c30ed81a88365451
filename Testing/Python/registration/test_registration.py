"""The files of a registration: other programs get the same moved image from them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import SimpleITK as sitk
from registration.stubs import Stubs, bent, images, judged, shifted

from RegQCLib.errors import InputError
from RegQCLib.geometry.resample import coverage
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCLib.registration import register as module
from RegQCLib.registration.register import register
from RegQCLib.registration.steps import DEFORMABLE, Step
from RegQCLib.report.schema import REGISTRATION, validate

FILES = {
    *("transform.h5", "inverse.h5", "displacement.nii.gz", "moved.nii.gz"),
    *("report.json", "report.html"),
}


@pytest.fixture(params=["rigid", DEFORMABLE])
def found(request, monkeypatch):
    """A registration whose transform is known."""
    stubs = Stubs(monkeypatch)
    if request.param == "rigid":
        stubs.states, stubs.steps = {0: judged(5), 3: judged(0.5)}, {"rigid": 3}
        return register(*images(), "rigid")
    fixed, _ = images()
    turn = Affine.rigid((0, 0, 8), (0.3, 0, 0), center=fixed.grid.center)
    transform = Composite([bent(3), turn])
    step = Step(DEFORMABLE, transform, transform.inverse(), history=[])
    monkeypatch.setattr(module, "deformable", lambda *_: step)
    stubs.states = {0: judged(5), 3: judged(0.5)}
    return register(*images(), DEFORMABLE, init=shifted(0))


def test_other_programs_move_the_image_alike(found, tmp_path):
    found.save(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == FILES
    fixed, moving = images()
    moved = sitk.ReadImage(str(tmp_path / "moved.nii.gz"))
    image = sitk.GetImageFromArray(moving.array)
    image.SetSpacing((1.5, 1.2, 2.0))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # RAS axes, as ITK sees them
    field = sitk.ReadImage(str(tmp_path / "displacement.nii.gz"), sitk.sitkVectorFloat64)
    inside = coverage(moving.grid, fixed.grid, found.transform)
    assert inside.mean() > 0.7
    for transform in (
        sitk.ReadTransform(str(tmp_path / "transform.h5")),
        sitk.DisplacementFieldTransform(field),
    ):
        theirs = sitk.GetArrayFromImage(sitk.Resample(image, moved, transform, sitk.sitkLinear))
        gap = np.abs(theirs - sitk.GetArrayFromImage(moved))[inside]
        assert gap.max() < 1e-3 * np.ptp(moving.array)


def test_the_inverse_leads_back(found, tmp_path):
    found.save(tmp_path)
    there, back = (
        sitk.ReadTransform(str(tmp_path / f"{name}.h5")) for name in ("transform", "inverse")
    )
    fixed, _ = images()
    for point in fixed.grid.points()[3:-3:2, 3:-3:2, 3:-3:2].reshape(-1, 3) * (-1, -1, 1):
        returned = back.TransformPoint(there.TransformPoint(point.tolist()))
        assert np.linalg.norm(np.subtract(returned, point)) < 0.1


def test_the_report_is_written_with_pictures(found, tmp_path):
    found.save(tmp_path)
    validate(json.loads((tmp_path / "report.json").read_text()), REGISTRATION)
    page = (tmp_path / "report.html").read_text()
    for caption in ("edges before", "edges after", "colors before", "colors after"):
        assert page.count(f"<figcaption>{caption}</figcaption>") == 3  # planes
    bends = 3 if found.kind == DEFORMABLE else 0
    assert page.count("<figcaption>deformation</figcaption>") == bends
    assert ("Deformation: straight lines" in page) == bool(bends)


def test_a_folder_that_cannot_be_written_is_named(found, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the report"):
        found.save(tmp_path / "file")


def test_the_summary_is_one_line(found):
    assert found.summary() == f"{found.kind}: misaligned (5.0 mm) before, aligned (0.5 mm) after"
