"""The experiment of seed 000: fair splits, true moves, no give-away, right counts, it trains."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import laplace
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

torch = pytest.importorskip("torch")
pytest.importorskip("monai")

from RegQCLib.errors import InputError  # noqa: E402
from RegQCLib.geometry.grid import Grid  # noqa: E402
from RegQCLib.geometry.transforms import Affine  # noqa: E402
from RegQCLib.geometry.volume import Volume  # noqa: E402
from RegQCLib.synthesis.label_maps import random_label_map  # noqa: E402
from RegQCLib.training.config import TrainingConfig  # noqa: E402
from Testing.Benchmarks.detection.cases import Prepared  # noqa: E402
from Testing.Benchmarks.detection.pairs import Pair  # noqa: E402
from Testing.Benchmarks.seed000 import run  # noqa: E402
from Testing.Benchmarks.seed000.affine_moves import AffineMove, random_affine  # noqa: E402
from Testing.Benchmarks.seed000.evaluation import figures  # noqa: E402
from Testing.Benchmarks.seed000.figure import save_figure  # noqa: E402
from Testing.Benchmarks.seed000.slices import (  # noqa: E402
    TestImage,
    real_images,
    real_slices,
    synthetic_images,
)
from Testing.Benchmarks.seed000.stacks import NARROWEST, build_stack  # noqa: E402
from Testing.Benchmarks.seed000.subjects import split  # noqa: E402
from Testing.Benchmarks.seed000.training import (  # noqa: E402
    real_source,
    synthetic_source,
    train_or_load,
)

CENTER = np.array([10.0, -20.0, 30.0])
STILL = AffineMove(np.zeros((3, 3)), np.zeros(3))
MIDDLE = np.array([0.5, 0.5])
GOLD = Affine.rigid(rotation_deg=(0, 0, 5), translation_mm=(3, -2, 5), center=CENTER)


def a_pair(subject="s", organ="brain", spacing_class="isotropic"):
    files = (Path(f"{subject}_a.nii"), Path(f"{subject}_b.nii"))
    return Pair(*files, organ, ("A", "B"), subject, "aligned", spacing_class)


def anatomy(points):
    x, y, z = np.moveaxis(points - CENTER, -1, 0)
    return 100 + 30 * np.sin(x / 5) * np.cos(y / 4) + 30 * np.sin(z / 6 + y / 9)


def grid(spacing, count, turn=(3.0, -5.0, 8.0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = CENTER - np.array(spacing) * (np.array(count) - 1) / 2
    return Grid(count[::-1], Affine.rigid(rotation_deg=turn, center=CENTER).matrix @ affine)


def prepared(spacing, count, spacing_class="isotropic", noise=None):
    """``anatomy`` (or noise) in both images; GOLD leads from fixed to moving points."""
    own = grid(spacing, count)
    moving = own if noise is not None else Grid(own.shape, GOLD.matrix @ own.affine)
    gold = Affine.identity() if noise is not None else GOLD
    shown = anatomy(own.points()) if noise is None else noise
    body = np.zeros(own.shape, dtype=bool)
    body[tuple(slice(max(1, n // 9), n - max(1, n // 9)) for n in own.shape)] = True
    volumes = [Volume(shown.astype(np.float32), g.affine, "image") for g in (own, moving)]
    return Prepared(a_pair(spacing_class=spacing_class), *volumes, body, body, gold)


@pytest.fixture(scope="module")
def stack():
    return build_stack(prepared((1.1, 1.2, 1.0), (84, 80, 90)))


@pytest.fixture(scope="module")
def thick():
    return build_stack(prepared((1.1, 1.0, 4.0), (88, 80, 14), "thick"))


def expected(stack, axis, index, move, shape):
    """``anatomy`` where the moved image should show it, on a whole slice."""
    voxels = np.moveaxis(np.indices(stack.fixed.shape), 0, -1).take(index, axis=axis)
    moved = voxels + move(voxels * stack.spacing) / stack.spacing
    assert moved.shape[:2] == shape
    return anatomy(stack.grid.to_world(moved[..., ::-1]))


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


@pytest.mark.parametrize("name", ["stack", "thick"])
def test_moved_slices_show_what_lies_where_the_move_leads(name, request):
    stack = request.getfixturevalue(name)
    rng = np.random.default_rng(3)
    for axis, indices in stack.slices.items():
        index = indices[len(indices) // 2]
        move = random_affine(stack.points, 6.0, stack.free, rng)
        shape = tuple(np.delete(stack.fixed.shape, axis))
        top, left = ((128 - n) // 2 for n in shape)
        image = stack.cut(axis, index, move, 128, MIDDLE)[
            :, top : top + shape[0], left : left + shape[1]
        ].numpy()
        inner = (slice(12, -12), slice(12, -12))  # away from what lies outside the moving image
        still = expected(stack, axis, index, STILL, shape)[inner]
        moved = expected(stack, axis, index, move, shape)[inner]
        assert correlation(image[0][inner], still) > 0.999
        assert correlation(image[1][inner], moved) > 0.995
        assert correlation(image[1][inner], still) < 0.95
        aligned = stack.cut(axis, index, STILL, 128, MIDDLE)[
            :, top : top + shape[0], left : left + shape[1]
        ].numpy()
        assert correlation(aligned[1][inner], still) > 0.998


def test_neither_blur_nor_its_pattern_tells_aligned_from_moved():
    # white noise on one grid for both images: nothing shows interpolation better
    noise = np.random.default_rng(0).standard_normal((90, 90, 90))
    stack = build_stack(prepared((1.0, 1.0, 1.0), (90, 90, 90), noise=noise))
    half = AffineMove(np.zeros((3, 3)), np.full(3, 0.625))
    whole = AffineMove(np.zeros((3, 3)), np.full(3, 7.0))
    sharp = {}
    for name, move in (("still", STILL), ("half", half), ("whole", whole)):
        cuts = [stack.cut(0, k, move, 48, MIDDLE)[1].numpy() for k in range(24, 36)]
        sharp[name] = np.mean([laplace(c)[2:-2, 2:-2].var() for c in cuts])
    assert sharp["half"] == pytest.approx(sharp["still"], rel=0.1)
    assert sharp["whole"] == pytest.approx(sharp["still"], rel=0.1)


def test_random_moves_have_the_size_asked_for_and_stay_in_plane():
    rng = np.random.default_rng(1)
    points = rng.uniform(-50, 80, (500, 3))
    free = np.array([False, True, True])
    for size in (0.1, 2.0, 9.0):
        move = random_affine(points, size, free, rng)
        assert np.linalg.norm(move(points), axis=1).mean() == pytest.approx(size)
        assert np.abs(move(points)[:, 0]).max() == 0
        assert np.ptp(move(points), axis=0)[1:].min() > 0  # more than a translation


def test_thin_volumes_are_cut_across_their_thin_axis_only(stack):
    assert set(stack.slices) == {0, 1, 2}
    thin = replace(stack, fixed=stack.fixed[: NARROWEST - 1], body=stack.body[: NARROWEST - 1])
    assert set(thin.slices) == {0}


def test_no_subject_is_on_both_sides():
    subjects = ("omslong_p01", "omslong_p03", "omslong_p03", "omsx_p19", "brats_p1")
    pairs = [a_pair(s) for s in subjects] + [a_pair("unf01", "cervical spine")]
    brain = split(pairs, "brain")
    sides = [{p.subject for p in side} for side in (brain.train, brain.test)]
    assert sides == [{"omslong_p01", "brats_p1"}, {"omslong_p03", "omsx_p19"}]
    with pytest.raises(InputError, match="no training pairs of the spine"):
        split(pairs, "spine")


def test_figures_agree_with_scikit_learn():
    rng = np.random.default_rng(5)
    images, slices = [], []
    for number in range(30):
        count = int(rng.integers(3, 9))
        moved = bool(rng.random() < 0.5)
        images.append(TestImage(f"{number}", "s", moved, 1.0, torch.zeros(count, 2, 4, 4)))
        slices.append(np.clip(rng.normal(0.46 + 0.08 * moved, 0.3, count), 0, 1))
    found = figures(slices, images)
    by_image = [i.misaligned for i in images]
    by_slice = np.repeat(by_image, [len(s) for s in slices])
    for key, truth, called in (
        ("slice_wise", by_slice, np.concatenate(slices) > 0.5),
        ("image_wise", by_image, [s.mean() > 0.5 for s in slices]),
    ):
        counts = found[key]
        tn, fp, fn, tp = confusion_matrix(truth, called).ravel()
        assert min(tn, fp, fn, tp) > 0
        assert [counts[k] for k in ("tn", "fp", "fn", "tp")] == [tn, fp, fn, tp]
        assert counts["f1"] == pytest.approx(f1_score(truth, called))
        assert counts["precision"] == pytest.approx(precision_score(truth, called))
        assert counts["recall"] == pytest.approx(recall_score(truth, called))


def test_drawn_slices_and_images_are_labeled_and_reproducible(stack, thick):
    stacks = [stack, replace(thick, subject="t")]
    drawn = [real_slices(stacks, 12, 32, seed=(0, 7), difficulty=1.0) for _ in range(2)]
    assert torch.equal(drawn[0].images, drawn[1].images)
    pixels = drawn[0].mean_mm / drawn[0].pixel_mm
    assert torch.equal(drawn[0].misaligned, pixels > 0.3)
    assert 0 < drawn[0].misaligned.sum() < 12
    images = real_images(stacks, 8, 64, seed=0)
    assert [i.misaligned for i in images] == [False, True] * 4
    assert {i.subject for i in images} == {"s", "t"}
    for aligned, moved in zip(images[::2], images[1::2], strict=True):
        still = int("exchanged" in moved.name)
        assert torch.equal(aligned.slices[:, still], moved.slices[:, still])
        assert not torch.equal(aligned.slices[:, 1 - still], moved.slices[:, 1 - still])
    assert len({"exchanged" in image.name for image in images}) == 2


def test_two_steps_of_training_run_and_are_not_repeated(stack, tmp_path):
    config = TrainingConfig(
        model="slice_classifier", name="x", steps=2, batch=4, learning_rate=1e-3,
        size=32, weight_decay=0.0, network={"width": 4},
    )  # fmt: skip
    bank = torch.stack([random_label_map((16, 16, 16), torch.Generator().manual_seed(0))])
    for name, source in (
        ("real", real_source(config, [stack])),
        ("synthmed", synthetic_source(config, bank)),
    ):
        path = tmp_path / f"{name}.pt"
        model, record = train_or_load(config, lambda s=source: s, path, {"data": name})
        assert record["pairs_seen"] == 8
        assert np.isfinite(record["curve"][-1]["cross_entropy"])
        again, kept = train_or_load(config, pytest.fail, path, {"data": name})
        assert kept == record
        images = torch.rand(3, 2, 64, 64, generator=torch.Generator().manual_seed(1))
        with torch.inference_mode():
            assert torch.allclose(model(images), again(images), atol=1e-4)


def test_synthetic_images_alternate():
    bank = torch.stack([random_label_map((16, 16, 16), torch.Generator().manual_seed(0))])
    images = synthetic_images(bank, 2, 64, seed=0)
    assert [i.misaligned for i in images] == [False, True]
    assert images[0].mean_mm < 0.2
    assert images[1].mean_mm > 1.0
    for image in images:
        assert 1 < len(image.slices) <= 12
        assert image.slices.shape[1:] == (2, 64, 64)
        assert image.slices.std() > 0.05


def test_the_figure_is_drawn(tmp_path):
    counts = {"tp": 3, "fp": 1, "fn": 0, "tn": 2, "f1": 0.9, "precision": 0.75, "recall": 1.0}
    row = {"slice_wise": {**counts, "precision": float("nan")}, "image_wise": counts}
    save_figure({"synthmed": {"synthmed": row, "brain": row}}, tmp_path / "f" / "g.png")
    assert (tmp_path / "f" / "g.png").stat().st_size > 10_000


def test_wrong_input_is_one_line(monkeypatch, capsys):
    monkeypatch.delenv("REGQC_DATA", raising=False)
    assert run.main(["--pairs-seen", "32"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
