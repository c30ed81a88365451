"""The check from images to report, with block matching in place of the networks."""

from __future__ import annotations

import numpy as np
import pytest
from qc.support import (
    BlockMatchingEngine,
    grid_around_origin,
    picture,
    plain_calibration,
    turned,
)

from RegQCLib.errors import Cancelled, InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc import check as module
from RegQCLib.qc.check import check
from RegQCLib.report.schema import validate

GRIDS = {
    "plain": grid_around_origin((28, 36, 30), (2.0, 2.0, 2.0)),
    "oblique, left-handed": grid_around_origin(
        (30, 30, 38), (2.0, 1.75, 2.0), direction=turned(mirrored=True)[:, [1, 2, 0]]
    ),
    "stack": grid_around_origin((12, 44, 38), (1.6, 1.6, 4.5)),
}
GRID = GRIDS["plain"]
MOTION = Affine.rigid(rotation_deg=(3, -2, 4), translation_mm=(2.0, -3.0, 1.5))
SMALL = Affine.rigid(translation_mm=(0.2, -0.2, 0.1))


@pytest.fixture(autouse=True)
def engine(monkeypatch):
    monkeypatch.setattr(module, "choose_engine", lambda *_, **__: BlockMatchingEngine())
    monkeypatch.setattr(module, "load_calibration", lambda _: plain_calibration())


def true_error(grid, motion, body):
    points = grid.points()[body]
    return float(np.linalg.norm(motion.apply(points) - points, axis=1).mean())


@pytest.mark.parametrize("name", GRIDS)
def test_a_moved_pair_is_found_and_its_transform_mends_it(name):
    grid = GRIDS[name]
    fixed, moving = picture(grid), picture(grid, MOTION)
    before = check(fixed, moving)
    truth = true_error(grid, MOTION, np.isfinite(before.error_map.array))
    assert before.verdict == "misaligned"
    assert before.error_mm.mean == pytest.approx(truth, rel=0.3)
    low, high = before.error_mm.interval
    assert low < before.error_mm.mean < high
    assert np.nanmean(before.error_map.array) == pytest.approx(before.error_mm.mean, rel=0.05)
    after = check(fixed, moving, MOTION)
    assert after.verdict == "aligned"
    assert after.error_mm.mean < 0.4
    assert after.field["kind"] == "rigid"
    assert "not plausible" not in after.reason
    assert after.displacement.array.shape == (3, *grid.shape)
    assert [axis.is_acquisition for axis in after.axes] == [False, False, name == "stack"]
    for report in (before, after):
        validate(report.to_dict())
        for axis in report.axes:
            assert len(axis.slices) == grid.shape[grid.array_axis(axis.name)]
        assert report.error_map.grid.same_as(grid)
        assert report.moved.grid.same_as(grid)


def test_moving_image_on_another_grid():
    other = grid_around_origin((34, 30, 40), (1.8, 2.2, 1.7), direction=turned(-20))
    assert check(picture(GRID), picture(other)).verdict == "aligned"
    assert check(picture(GRID), picture(other, MOTION)).verdict == "misaligned"
    assert check(picture(GRID), picture(other, MOTION), MOTION).verdict == "aligned"


def test_error_map_follows_a_local_error():
    """A bump of 6 mm on one side, stored as a field that the moving image does not have."""
    grid = grid_around_origin((48, 64, 54), (1.2, 1.2, 1.2))
    bump = 6 * np.exp(-((grid.points() - (0, 16, 0)) ** 2).sum(axis=-1) / (2 * 12.0**2))
    wrong = DisplacementField(np.stack([0 * bump, 0 * bump, bump]), grid.affine)
    report = check(picture(grid), picture(grid), wrong)
    found = report.error_map.array
    body = np.isfinite(found)
    assert found[body & (bump > 4)].mean() > 1.8
    assert found[body & (bump < 0.1)].mean() < 0.6
    assert np.corrcoef(found[body], bump[body])[0, 1] > 0.8
    assert report.field["kind"] == "deformable"
    assert report.field["jacobian_min"] < 0.95


def test_a_single_moved_slice_is_flagged_and_its_neighbors_are_not():
    grid = GRIDS["stack"]
    fixed = picture(grid)
    array = fixed.array.copy()
    array[6] = picture(grid, Affine.rigid(translation_mm=(0, 4, 0))).array[6]
    report = check(fixed, fixed.with_array(array))
    axial = report.axes[2]
    assert [s.index for s in axial.slices if s.flagged] == [6]
    assert axial.slices[6].error_mm == pytest.approx(4, abs=1.5)
    assert report.verdict == "aligned"
    layer = report.error_map.array[6]
    assert np.nanmean(layer) > 3 * np.nanmean(report.error_map.array[3])


def test_a_folded_field_is_misaligned_whatever_the_images_say():
    points = GRID.points()
    fold = 9 * np.sin(points[..., 0] / 2.5)
    field = DisplacementField(np.stack([fold, 0 * fold, 0 * fold]), GRID.affine)
    report = check(picture(GRID), picture(GRID), field)
    assert report.verdict == "misaligned"
    assert "not plausible" in report.reason
    assert report.field["folded_fraction"] > 0.01
    validate(report.to_dict())


def test_inputs_stay_as_they_are_and_may_be_read_only():
    fixed, moving = picture(GRID), picture(GRID, MOTION)
    mask = Volume(np.ones(GRID.shape, dtype=np.uint8), GRID.affine, "mask")
    kept = [v.array.copy() for v in (fixed, moving, mask)]
    for volume in (fixed, moving, mask):
        volume.array.setflags(write=False)
    check(fixed, moving, MOTION, mask, labels=(mask, mask))
    for volume, before in zip((fixed, moving, mask), kept, strict=True):
        np.testing.assert_array_equal(volume.array, before)


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.float64])
def test_any_kind_of_number_will_do(kind):
    images = picture(GRID), picture(GRID, SMALL)
    fixed, moving = (v.with_array((v.array.clip(0) / 4).astype(kind)) for v in images)
    assert check(fixed, moving).verdict == "aligned"


def test_a_mask_restricts_what_is_judged():
    mask = np.zeros(GRID.shape, dtype=np.uint8)
    mask[6:22, 10:28, 8:20] = 1
    report = check(picture(GRID), picture(GRID, MOTION), mask=Volume(mask, GRID.affine, "mask"))
    judged = np.isfinite(report.error_map.array)
    assert judged.any()
    assert not (judged & (mask == 0)).any()
    for axis in report.axes:
        array_axis = GRID.array_axis(axis.name)
        used = mask.any(axis=tuple(a for a in range(3) if a != array_axis))
        assert not any(s.measured for s in axis.slices if not used[s.index])
    empty = Volume(np.zeros(GRID.shape), GRID.affine, "nothing")
    with pytest.raises(InputError, match="nothing"):
        check(picture(GRID), picture(GRID), mask=empty)


def test_too_little_overlap_cannot_be_told():
    part = picture(GRID)
    thin = Volume(part.array[:7], part.affine, "thin")
    report = check(part, thin)
    assert report.verdict == "cannot_tell"
    assert "covers only" in report.reason
    assert report.probability_misaligned is None
    assert report.error_mm is None
    assert report.error_map is None
    assert not any(s.measured for axis in report.axes for s in axis.slices)
    validate(report.to_dict())


def test_too_little_structure_cannot_be_told(monkeypatch):
    monkeypatch.setattr(
        module, "load_calibration", lambda _: plain_calibration(min_log_evidence=9.0)
    )
    report = check(picture(GRID), picture(GRID))
    assert report.verdict == "cannot_tell"
    assert "structure" in report.reason
    validate(report.to_dict())


def test_tolerance_decides():
    fixed, moving = picture(GRID), picture(GRID, MOTION)
    report = check(fixed, moving, tolerance_mm=20)
    assert report.verdict == "aligned"
    assert report.tolerance_mm == 20
    assert "tolerance of 20 mm" in report.reason
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="tolerance"):
            check(fixed, moving, tolerance_mm=wrong)


def test_progress_never_steps_back_and_ends_near_the_end():
    heard = []
    check(picture(GRID), picture(GRID), progress=lambda stage, part: heard.append((part, stage)))
    parts = [part for part, _ in heard]
    assert parts == sorted(parts)
    assert parts[0] > 0
    assert 0.9 < parts[-1] <= 1
    assert len({stage for _, stage in heard}) >= 5


@pytest.mark.parametrize("when", ["preparing", "matching slices", "measuring the transform"])
def test_a_callback_can_stop_the_work(when):
    def stop(stage, part):
        if stage == when:
            raise Cancelled("stopped by the user")

    with pytest.raises(Cancelled):
        check(picture(GRID), picture(GRID), progress=stop)


def test_times_and_provenance_are_kept():
    fixed = picture(GRID, name="fixed.nii.gz")
    report = check(fixed, picture(GRID, name="moving.nii.gz"), MOTION)
    stages = {"inputs", "preparation", "start-up", "matching", "field", "similarity", "error map"}
    planes = {f"classification, {plane}" for plane in ("sagittal", "coronal", "axial")}
    assert stages | planes <= set(report.timing_s)
    parts = sum(seconds for stage, seconds in report.timing_s.items() if stage != "total")
    assert report.timing_s["total"] == pytest.approx(parts, abs=1e-3)
    about = report.provenance
    assert about["engine"] == "block matching"
    assert about["options"] == {"device": "auto", "tolerance_mm": 1.5, "between_people": False}
    assert about["inputs"]["fixed"]["name"] == "fixed.nii.gz"
    assert about["inputs"]["moving"]["shape"] == list(GRID.shape)
    again = check(fixed, picture(GRID)).provenance["inputs"]["fixed"]
    assert again == about["inputs"]["fixed"]
    assert about["versions"]["numpy"] == np.__version__
    assert set(report.similarity) >= {"nmi", "ncc"}


def rows(report):
    return {row["quantity"]: row for row in report.tg132}


def test_landmarks_and_labels_fill_the_tg132_table():
    fixed, moving = picture(GRID), picture(GRID, MOTION)
    points = np.array([[5.0, 4, 3], [-8, 10, 0], [0, -12, 6]])
    partners = MOTION.apply(points) + np.array([0, 0, 1.25])
    label = np.zeros(GRID.shape, dtype=np.uint8)
    label[10:18, 12:22, 10:20] = 3
    structures = Volume(label, GRID.affine, "labels")
    bare = check(fixed, moving, MOTION)
    full = check(
        fixed, moving, MOTION, landmarks=(points, partners), labels=(structures, structures)
    )
    changed = {q: row for q, row in rows(full).items() if row != rows(bare)[q]}
    error = next(row for q, row in changed.items() if "egistration" in q)
    assert error["value"] == pytest.approx(1.25)
    dice = next(row for q, row in changed.items() if "Dice" in q)
    assert 0.5 < dice["value"] < 1
    assert len(changed) == 3
    assert full.verdict == bare.verdict
    assert full.probability_misaligned == bare.probability_misaligned
    validate(full.to_dict())


@pytest.mark.parametrize(
    "landmarks",
    [
        (np.zeros((3, 3)), np.zeros((2, 3))),
        (np.zeros((0, 3)), np.zeros((0, 3))),
        (np.zeros((2, 3)), np.array([[0, 0, 0], [0, np.nan, 0]])),
    ],
)
def test_unusable_landmarks_are_refused_before_any_work(landmarks):
    stages = []
    with pytest.raises(InputError, match="landmark") as caught:
        check(
            picture(GRID),
            picture(GRID),
            landmarks=landmarks,
            progress=lambda stage, _: stages.append(stage),
        )
    assert "\n" not in str(caught.value)
    assert stages == []


def test_unusable_labels_are_refused_before_any_work():
    stages = []
    half = Volume(np.full(GRID.shape, 0.5), GRID.affine, "half")
    with pytest.raises(InputError, match="half"):
        check(
            picture(GRID),
            picture(GRID),
            labels=(half, half),
            progress=lambda stage, _: stages.append(stage),
        )
    assert stages == []


def test_images_that_cannot_be_judged_are_refused():
    flat = Volume(np.ones(GRID.shape), GRID.affine, "flat")
    with pytest.raises(InputError, match="flat"):
        check(picture(GRID), flat)
    with pytest.raises(InputError, match="direction"):
        check(picture(GRID), picture(GRID), Affine.rigid(translation_mm=(0, 0, 400)))


def test_inverse_consistency_is_measured():
    off = Affine.rigid(translation_mm=(0, 0, 0.5)).then(MOTION.inverse())
    report = check(picture(GRID), picture(GRID, MOTION), MOTION, inverse=off)
    assert report.field["inverse_consistency_mm"] == pytest.approx(0.5, abs=0.02)
