"""Transform files: the same points as SimpleITK, and one-line refusals."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from RegQCLib.errors import InputError
from RegQCLib.geometry.bspline import BSplineField
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_io import load_transform, save_transform, stored_on
from RegQCLib.geometry.transforms import Affine, Composite, Transform

TOLERANCE_MM = 1e-3
SHAPE = (7, 9, 11)


def grid_of(kind: str) -> Grid:
    scale = {
        "plain": (1, 1, 1),
        "oblique": (0.9, 1.3, 3.0),
        "left-handed": (-0.9, 1.3, 3.0),
        "flipped": (-1, -1.2, 2.0),
    }[kind]
    rotation = (0, 0, 0) if kind in {"plain", "flipped"} else (12, -25, 40)
    affine = Affine.from_parameters(
        rotation_deg=rotation, scale=scale, translation_mm=(-30, 12, 55)
    )
    return Grid(SHAPE, affine.matrix)


GRIDS = ["plain", "oblique", "left-handed", "flipped"]


def random_field(grid: Grid, size_mm: float = 4.0) -> DisplacementField:
    vectors = np.random.default_rng(3).uniform(-size_mm, size_mm, (3, *grid.shape))
    return DisplacementField(vectors.astype(np.float32), grid.affine)


def points_in(grid: Grid) -> np.ndarray:
    rng = np.random.default_rng(4)
    indices = rng.uniform(-2, np.array(grid.shape[::-1]) + 1, (200, 3))  # some lie outside
    # Within half a voxel of the border float32 decides the side; both programs may differ there.
    return grid.to_world(indices)


def itk_apply(transform: sitk.Transform, points_ras: np.ndarray) -> np.ndarray:
    lps = points_ras * (-1, -1, 1)
    return np.array([transform.TransformPoint(p.tolist()) for p in lps]) * (-1, -1, 1)


def assert_same(transform: Transform, itk: sitk.Transform, points: np.ndarray) -> None:
    np.testing.assert_allclose(transform.apply(points), itk_apply(itk, points), atol=TOLERANCE_MM)
    assert np.abs(transform.apply(points) - points).max() > 0.5  # identity would prove nothing


def itk_field(grid: Grid) -> sitk.DisplacementFieldTransform:
    lps = np.diag((-1.0, -1, 1, 1)) @ grid.affine
    vectors = np.random.default_rng(5).uniform(-3, 3, (*grid.shape, 3))
    image = sitk.GetImageFromArray(vectors, isVector=True)
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    return sitk.DisplacementFieldTransform(image)


def itk_bspline(order: int) -> sitk.BSplineTransform:
    image = sitk.Image((20, 24, 18), sitk.sitkFloat32)
    image.SetSpacing((1.5, 1.0, 2.0))
    image.SetOrigin((-10, 5, 20))
    turn = Affine.rigid((10, 20, 30)).matrix[:3, :3]
    image.SetDirection(turn.ravel().tolist())
    spline = sitk.BSplineTransformInitializer(image, (4, 5, 3), order)
    count = len(spline.GetParameters())
    spline.SetParameters(np.random.default_rng(6).uniform(-3, 3, count).tolist())
    return spline


def linear_kinds() -> list[sitk.Transform]:
    center = (3.0, -20.0, 14.0)
    shift = (4.0, 5.0, -6.0)
    euler = sitk.Euler3DTransform(center, 0.1, -0.2, 0.3, shift)
    versor = sitk.VersorRigid3DTransform((1, 2, 3), 0.4, shift, center)
    similarity = sitk.Similarity3DTransform(1.2, (3, 1, 2), -0.3, shift, center)
    scale = sitk.ScaleTransform(3, (1.1, 0.8, 1.3))
    scale.SetCenter(center)
    skew = sitk.ScaleSkewVersor3DTransform(
        (1.1, 0.9, 1.2), (0.1, 0, 0.05, 0, 0.02, 0), (0, 1, 0), 0.2, shift, center
    )
    matrix = (np.eye(3) + np.random.default_rng(7).uniform(-0.2, 0.2, (3, 3))).ravel().tolist()
    affine = sitk.AffineTransform(matrix, shift, center)
    return [euler, versor, similarity, scale, skew, affine, sitk.TranslationTransform(3, shift)]


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".mat", ".h5"])
@pytest.mark.parametrize("kind", linear_kinds(), ids=lambda t: t.GetName())
def test_linear_kinds_are_read(kind: sitk.Transform, suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"t{suffix}"
    sitk.WriteTransform(kind, str(file))
    transform = load_transform(file)
    assert isinstance(transform, Affine)
    assert_same(transform, kind, points_in(grid_of("oblique")))


def test_matrix_offset_base_is_read(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_text(
        "#Insight Transform File V1.0\n#Transform 0\n"
        "Transform: MatrixOffsetTransformBase_double_3_3\n"
        "Parameters: 1.01 0.02 0 -0.03 0.98 0.01 0 0.05 1.02 3 -4 5\n"
        "FixedParameters: -10 20 30\n"
    )
    points = np.array([[1.0, 2, 3], [-40, 50, 6]])
    matrix = np.array([[1.01, 0.02, 0], [-0.03, 0.98, 0.01], [0, 0.05, 1.02]])
    center = np.array([-10, 20, 30])
    flip = np.array([-1, -1, 1])
    expected = ((points * flip - center) @ matrix.T + center + [3, -4, 5]) * flip
    np.testing.assert_allclose(load_transform(file).apply(points), expected, atol=1e-9)


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".mat", ".h5"])
def test_affine_round_trip(suffix: str, tmp_path: Path) -> None:
    affine = Affine.from_parameters(
        rotation_deg=(10, 20, -30),
        translation_mm=(1, 2, 3),
        scale=(1.1, 0.9, 1.2),
        shear=(0.1, 0.2, -0.1),
        center=(4, 5, 6),
    )
    file = tmp_path / f"t{suffix}"
    save_transform(affine, file)
    points = points_in(grid_of("oblique"))
    assert_same(affine, sitk.ReadTransform(str(file)), points)
    again = load_transform(file)
    assert isinstance(again, Affine)
    np.testing.assert_allclose(again.matrix, affine.matrix, atol=1e-9)


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("suffix", [".h5", ".nii", ".nii.gz", ".nrrd", ".mha"])
def test_field_is_written_for_itk(kind: str, suffix: str, tmp_path: Path) -> None:
    grid = grid_of(kind)
    field = random_field(grid)
    file = tmp_path / f"t{suffix}"
    save_transform(field, file)
    if suffix == ".h5":
        itk = sitk.ReadTransform(str(file))
    else:
        image = sitk.ReadImage(str(file), sitk.sitkVectorFloat64)
        itk = sitk.DisplacementFieldTransform(image)
    points = points_in(grid)
    assert_same(field, itk, points)
    again = load_transform(file)
    assert isinstance(again, DisplacementField)
    assert_same(again, itk, points)
    assert [p.name for p in tmp_path.iterdir()] == [file.name]


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
def test_itk_field_is_read(kind: str, suffix: str, tmp_path: Path) -> None:
    grid = grid_of(kind)
    itk = itk_field(grid)
    file = tmp_path / f"t{suffix}"
    sitk.WriteTransform(itk, str(file))
    assert_same(load_transform(file), itk, points_in(grid))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha", ".mhd", ".nhdr"])
def test_itk_field_image_is_read(suffix: str, tmp_path: Path) -> None:
    grid = grid_of("left-handed")
    itk = itk_field(grid)
    file = tmp_path / f"t{suffix}"
    image = sitk.Cast(itk.GetDisplacementField(), sitk.sitkVectorFloat32)
    sitk.WriteImage(image, str(file))
    assert_same(load_transform(file), itk, points_in(grid))


@pytest.mark.parametrize("order", ["bent first", "bent last"])
def test_stored_on_a_grid_the_mapping_stays_at_its_voxels(order: str) -> None:
    bent = random_field(grid_of("plain"))
    linear = Affine.rigid((3, 5, -4), (1, 2, -2), center=bent.grid.center)
    transform = Composite([bent, linear] if order == "bent first" else [linear, bent])
    grid = Grid((5, 6, 8), grid_of("oblique").affine)
    stored = stored_on(transform, grid)
    assert isinstance(stored, Composite)
    assert stored.transforms[0].grid.same_as(grid)  # type: ignore[attr-defined]
    points = grid.points()
    np.testing.assert_allclose(stored.apply(points), transform.apply(points), atol=1e-4)
    far = grid.center + 1000.0
    np.testing.assert_allclose(stored.apply(far), linear.apply(far), atol=1e-6)


def test_what_does_not_bend_is_not_stored_on_a_grid(tmp_path: Path) -> None:
    linear = Affine.rigid((3, 5, -4), (1, 2, -2))
    grid = grid_of("oblique")
    assert stored_on(linear, grid) is linear
    save_transform(linear, tmp_path / "t.nii.gz", grid=grid)
    again = load_transform(tmp_path / "t.nii.gz")
    np.testing.assert_allclose(again.apply(grid.points()), linear.apply(grid.points()), atol=1e-4)


def test_nifti_header_is_that_of_ants(tmp_path: Path) -> None:
    file = tmp_path / "w.nii.gz"
    save_transform(random_field(grid_of("oblique")), file)
    header = nib.load(file).header
    assert header["intent_code"] == 1007
    assert header.get_data_shape() == (11, 9, 7, 1, 3)
    assert header["qform_code"] > 0
    assert header["sform_code"] > 0


def test_displacement_intent_means_ras(tmp_path: Path) -> None:
    grid = grid_of("oblique")
    field = random_field(grid)
    image = nib.Nifti1Image(field.array.transpose(3, 2, 1, 0)[:, :, :, None], grid.affine)
    image.header.set_intent(1006)
    file = tmp_path / "w.nii"
    nib.save(image, file)
    itk_image = sitk.ReadImage(str(file), sitk.sitkVectorFloat64)  # ITK turns 1006 into LPS
    assert_same(load_transform(file), sitk.DisplacementFieldTransform(itk_image), points_in(grid))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
def test_bspline_round_trip(order: int, suffix: str, tmp_path: Path) -> None:
    itk = itk_bspline(order)
    file = tmp_path / f"t{suffix}"
    sitk.WriteTransform(itk, str(file))
    spline = load_transform(file)
    assert isinstance(spline, BSplineField)
    inside = np.random.default_rng(8).uniform(-0.2, 1.2, (300, 3)) * (30, 24, 36)
    points = (inside @ Affine.rigid((10, 20, 30)).matrix[:3, :3].T + (-10, 5, 20)) * (-1, -1, 1)
    assert_same(spline, itk, points)
    again = tmp_path / f"again{suffix}"
    save_transform(spline, again)
    assert_same(spline, sitk.ReadTransform(str(again)), points)


@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
def test_composite_is_read_in_order(suffix: str, tmp_path: Path) -> None:
    grid = grid_of("oblique")
    itk = sitk.CompositeTransform(3)
    for part in (linear_kinds()[0], itk_field(grid), linear_kinds()[2], itk_bspline(3)):
        itk.AddTransform(part)
    file = tmp_path / f"t{suffix}"
    sitk.WriteTransform(itk, str(file))
    assert_same(load_transform(file), itk, points_in(grid))


def test_composite_round_trip(tmp_path: Path) -> None:
    grid = grid_of("left-handed")
    composite = Composite([Affine.rigid((5, 6, 7), (1, 2, 3)), random_field(grid)])
    file = tmp_path / "t.h5"
    save_transform(composite, file)
    points = points_in(grid)
    assert_same(composite, sitk.ReadTransform(str(file)), points)
    assert_same(load_transform(file), sitk.ReadTransform(str(file)), points)


HEAD = "#Insight Transform File V1.0\n#Transform 0\nTransform: "


def refused(tmp_path: Path, name: str, content: bytes | str) -> Path:
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.tfm", "", "empty"),
        ("t.h5", b"", "empty"),
        ("t.tfm", "hello", "damaged"),
        ("t.mat", "hello", "damaged"),
        ("t.h5", "hello", "not an HDF5"),
        ("t.tfm", HEAD + "NewKind_double_3_3\nParameters: 1\nFixedParameters:\n", "NewKind"),
        ("t.tfm", HEAD + "AffineTransform_double_3_3\nParameters: 1 2\nFixedParameters: 0 0 0\n",
         "damaged"),
        ("t.tfm", HEAD + "TranslationTransform_double_2_2\nParameters: 1 2\nFixedParameters: \n",
         "2-D"),
        ("t.tfm", HEAD + "AffineTransform_double_3_3\n"
         "Parameters: 0 0 0 0 0 0 0 0 0 1 2 3\nFixedParameters: 0 0 0\n", "singular"),
        ("t.mat", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "FSL"),
        ("t.txt", "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n", "FSL"),
        ("t.txt", '(Transform "EulerTransform")\n(NumberOfParameters 6)\n', "elastix"),
        ("t.lta", "type = 1", "FreeSurfer"),
        ("t.m3z", b"\x1f\x8b", "FreeSurfer"),
        ("t.xfm", "MNI Transform File", "MNI"),
        ("t.jpg", "x", "not a transform file"),
        ("t.nii", "x", "damaged"),
        ("t.nii.gz", b"\x1f\x8b\x08\x00junk", "damaged"),
        ("t.nrrd", "x", "damaged"),
    ],
)  # fmt: skip
def test_unusable_files_are_refused_in_one_line(
    name: str, content: bytes | str, reason: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = refused(tmp_path, name, content)
    with pytest.raises(InputError, match=reason) as caught:
        load_transform(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_transform(tmp_path / "t.tfm")
    with pytest.raises(InputError, match="folder"):
        load_transform(tmp_path)


@pytest.mark.parametrize("suffix", [".h5", ".nii", ".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize("kept", [0.9, 0.3])
def test_truncated_fields_are_refused(
    suffix: str, kept: float, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"t{suffix}"
    save_transform(random_field(grid_of("plain")), file)
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(InputError, match=r"truncated|damaged|ends before"):
        load_transform(file)
    assert capfd.readouterr().err == ""


def nifti(tmp_path: Path, array: np.ndarray, intent: int = 0, name: str = "") -> Path:
    image = nib.Nifti1Image(array.astype(np.float32), np.eye(4))
    image.header.set_intent(intent, name=name, allow_unknown=True)
    nib.save(image, tmp_path / "w.nii.gz")
    return tmp_path / "w.nii.gz"


@pytest.mark.parametrize(
    ("shape", "intent", "name", "reason"),
    [
        ((4, 5, 6, 3), 2006, "", "FSL"),
        ((4, 5, 6, 3), 2007, "", "FSL"),
        ((4, 5, 6, 3), 2008, "", "FSL"),
        ((4, 5, 6, 3), 2009, "", "FSL"),
        ((4, 5, 6, 3), 0, "", "FSL"),
        ((4, 5, 6, 1, 3), 1007, "NREG_TRANS", "NiftyReg"),
        ((4, 5, 6, 1, 3), 1007, "Mapping", "SPM"),
        ((4, 5, 6, 1, 3), 0, "", "intent code 0"),
        ((4, 5, 6), 0, "", "one value a voxel"),
        ((4, 5, 6, 1, 2), 1007, "", "shape"),
        ((4, 5, 6, 7), 0, "", "shape"),
    ],
)
def test_foreign_nifti_is_refused(
    shape: tuple[int, ...], intent: int, name: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=reason):
        load_transform(nifti(tmp_path, np.zeros(shape), intent, name))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad: float, tmp_path: Path) -> None:
    array = np.zeros((4, 5, 6, 1, 3))
    array[1, 2, 3, 0, 1] = bad
    with pytest.raises(InputError, match="not finite"):
        load_transform(nifti(tmp_path, array, 1007))
    itk = sitk.AffineTransform(3)
    itk.SetTranslation((float(bad), 0, 0))
    sitk.WriteTransform(itk, str(tmp_path / "t.mat"))
    with pytest.raises(InputError, match="not finite"):
        load_transform(tmp_path / "t.mat")


def test_color_image_is_no_field(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image((4, 5, 6), sitk.sitkVectorUInt8, 3), str(tmp_path / "c.nrrd"))
    with pytest.raises(InputError, match="color"):
        load_transform(tmp_path / "c.nrrd")
    sitk.WriteImage(sitk.Image((4, 5), sitk.sitkVectorFloat32, 2), str(tmp_path / "d.nrrd"))
    with pytest.raises(InputError, match="2 axes"):
        load_transform(tmp_path / "d.nrrd")


def test_gzip_that_holds_no_nifti_is_refused(tmp_path: Path) -> None:
    file = refused(tmp_path, "t.nii.gz", gzip.compress(b"not an image" * 100))
    with pytest.raises(InputError, match="NIfTI"):
        load_transform(file)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("t.tfm", "h5"), ("t.mat", "h5"), ("t.abc", "written as"), ("none/t.h5", "cannot be written")],
)
def test_unwritable_targets_are_refused(name: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=reason):
        save_transform(random_field(grid_of("plain")), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_affine_is_no_field_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="to_displacement"):
        save_transform(Affine.identity(), tmp_path / "t.nii.gz")


def test_failed_write_keeps_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.nii.gz"
    field = random_field(grid_of("plain"))
    save_transform(field, file)
    before = file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", fail)
    with pytest.raises(InputError, match="No space left"):
        save_transform(field, file)
    assert file.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [file.name]
