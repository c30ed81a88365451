"""Images on one grid: sizes, voxel sizes, labels that stay in place, confidence, alignment."""

from __future__ import annotations

from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import torch

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration import register as register_module
from RegQCLib.training.registration import prepared
from RegQCLib.training.registration.cases import Case
from RegQCLib.training.registration.config import (
    LossSettings,
    OptimizationSettings,
    RegistrationConfig,
)
from RegQCLib.training.registration.data_settings import DataSettings
from RegQCLib.training.registration.prepared import PreparedImages

SHAPE = (12, 10, 14)  # i, j, k


def write(path, array, spacing=(1.0, 1.0, 1.0), origin=(0, 0, 0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    nibabel.save(nibabel.Nifti1Image(np.asarray(array, dtype=np.float32), affine), path)
    return path


def blob(shift=0, shape=SHAPE):
    values = np.zeros(shape)
    values[3 + shift : 8 + shift, 2:7, 4:10] = np.arange(5 * 5 * 6).reshape(5, 5, 6) + 50
    return values


def config_of(preprocessing=None, **data) -> RegistrationConfig:
    return RegistrationConfig(
        "tiny",
        {"name": "voxelmorph-1"},
        DataSettings("folder", "x", "x", **data),
        OptimizationSettings(1),
        {"crop": False, "normalization": "none", "clip": None, **(preprocessing or {})},
    )


def images(cases, config, tmp_path, axes=3, divisor=4) -> PreparedImages:
    return PreparedImages(cases, config, axes=axes, divisor=divisor, cache=tmp_path)


def test_images_of_different_size_meet_by_their_centers(tmp_path):
    first = Case(write(tmp_path / "a.nii.gz", blob()))
    second = Case(
        write(tmp_path / "b.nii.gz", np.pad(blob(), ((2, 2), (0, 0), (0, 0))), origin=(9,) * 3)
    )
    found = images([first, second], config_of(), tmp_path)
    assert found.spacing_mm == (1, 1, 1)
    assert found[0].image.shape == found[1].image.shape == (1, 1, 16, 12, 16)  # k, j, i
    assert torch.equal(found[0].image, found[1].image)
    assert float(found[0].image.max()) == 199
    small = images([first, second], config_of({"size": (8, 8, 8)}), tmp_path)
    assert small[0].image.shape == (1, 1, 8, 8, 8)


def test_headers_decide_where_asked(tmp_path):
    first = Case(write(tmp_path / "a.nii.gz", blob()))
    second = Case(write(tmp_path / "b.nii.gz", blob(), origin=(2, 0, 0)))
    found = images([first, second], config_of(align="header"), tmp_path)
    assert torch.equal(found[0].image[..., :-2], found[1].image[..., 2:])
    assert not torch.equal(found[0].image, found[1].image)


def test_labels_lie_where_the_image_lies_and_name_their_values(tmp_path):
    write(tmp_path / "a.nii.gz", blob())
    write(tmp_path / "seg.nii.gz", np.where(blob() > 100, 7, np.where(blob() > 0, 3, 0)))
    case = Case(tmp_path / "a.nii.gz", tmp_path / "seg.nii.gz")
    found = images([case], config_of(), tmp_path)[0]
    assert found.present == {3, 7}
    expected = torch.where(found.image > 100, 7, torch.where(found.image > 0, 3, 0))[0]
    assert torch.equal(found.labels.long(), expected)
    write(tmp_path / "seg.nii.gz", blob() / 2)
    with pytest.raises(InputError, match="labels must be whole numbers"):
        images([case], config_of(), tmp_path)[0]


def test_mixed_voxel_sizes_are_refused_unless_one_is_named(tmp_path):
    first = Case(write(tmp_path / "a.nii.gz", blob()))
    second = Case(write(tmp_path / "b.nii.gz", blob(), spacing=(1, 1, 2.5)))
    with pytest.raises(InputError) as refused:
        images([first, second], config_of(), tmp_path)
    assert "1 x 1 x 2.5 mm" in str(refused.value)
    assert "set [preprocessing] spacing_mm" in str(refused.value)
    found = images([first, second], config_of({"spacing_mm": 2.0}), tmp_path)
    assert found.spacing_mm == (2, 2, 2)
    assert found[0].image.shape == found[1].image.shape


def test_memory_bounds_what_is_kept(tmp_path):
    cases = [Case(write(tmp_path / f"{n}.nii.gz", blob(n))) for n in range(3)]
    found = images(cases, config_of(keep_gb=1e-6), tmp_path)
    stages = []
    found.prepare(lambda stage, fraction: stages.append((stage, fraction)))
    assert len(found.kept) == 1
    assert stages[-1] == ("preparing images", 1.0)
    assert not torch.equal(found[0].image, found[2].image)


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a\.nii\.gz"):
        images([Case(tmp_path / "a.nii.gz")], config_of({"spacing_mm": 1.0}), tmp_path)[0]


def test_single_slices_serve_networks_of_planes(tmp_path):
    case = Case(write(tmp_path / "a.nii.gz", blob()[:, :, 6:7]))
    assert images([case], config_of(), tmp_path, axes=2)[0].image.shape == (1, 1, 12, 12)
    volume = Case(write(tmp_path / "b.nii.gz", blob()))
    with pytest.raises(InputError, match="a volume, and this network works on single slices"):
        images([volume], config_of({"size": (8, 8, 8)}), tmp_path, axes=2)[0]


def test_confidence_of_slices_and_files_comes_with_the_images(tmp_path):
    case = Case(
        write(tmp_path / "a.nii.gz", blob(), spacing=(1, 1, 4)),
        mask=write(tmp_path / "m.nii.gz", blob() > 0, spacing=(1, 1, 4)),
    )
    for kind, largest in (("slices", 0.5), ("files", 0.4)):
        config = config_of({"spacing_mm": 1.0})
        loss = LossSettings(confidence=kind)
        config = RegistrationConfig(**{**vars(config), "loss": loss})
        found = images([case], config, tmp_path)[0]
        assert found.confidence.shape == found.image.shape
        assert 0 < float(found.confidence.mean()) < largest
    nameless = images([Case(case.image)], config, tmp_path)
    with pytest.raises(InputError, match="has no mask"):
        nameless[0]


@pytest.mark.parametrize(
    ("kept", "verdict", "said"),
    [
        ("start", "cannot_tell", "was not aligned with a.nii: too little in common; align it"),
        ("start", "aligned", ""),
        ("affine", "cannot_tell", ""),
    ],
)
def test_an_alignment_that_found_nothing_is_told(monkeypatch, kept, verdict, said):
    moved = Affine(np.diag([1.1, 1, 1, 1]) if kept == "affine" else np.eye(4))
    result = SimpleNamespace(
        kept=kept,
        after=SimpleNamespace(verdict=verdict),
        limits=("too little in common",),
        transform=moved,
    )
    monkeypatch.setattr(register_module, "register", lambda *_: result)
    images = [Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), f"{n}.nii") for n in "ab"]
    if said:
        with pytest.raises(InputError, match=said):
            prepared._aligned(*images)
    else:
        np.testing.assert_array_equal(prepared._aligned(*images).matrix, moved.matrix)
