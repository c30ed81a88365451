"""Registration closes the loop: it checks itself and keeps what is better."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from registration.stubs import Stubs, bent, images, judged, shifted

from RegQCLib.errors import Cancelled, InputError, MissingDependencyError
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration import register as module
from RegQCLib.registration.preprocess import Preprocessing
from RegQCLib.registration.register import register
from RegQCLib.report.schema import REGISTRATION, validate


@pytest.fixture
def stubs(monkeypatch):
    return Stubs(monkeypatch)


def test_a_better_result_is_kept(stubs):
    stubs.states = {0: judged(5), 3: judged(0.5)}
    stubs.steps = {"rigid": 3}
    found = register(*images(), "rigid")
    assert found.kept == "rigid"
    assert (found.before.error_mm, found.after.error_mm) == (5, 0.5)
    assert found.limits == ()
    np.testing.assert_array_equal(found.transform.matrix, shifted(3).matrix)
    np.testing.assert_allclose(found.inverse.matrix, shifted(-3).matrix)
    assert not np.array_equal(found.moved.array, found.moved_before.array)


def test_a_worse_result_is_not_returned(stubs):
    stubs.states = {0: judged(0.4), 3: judged(3)}
    stubs.steps = {"rigid": 3}
    found = register(*images(), "rigid")
    assert found.kept == "start"
    assert found.after is found.before
    np.testing.assert_array_equal(found.transform.matrix, np.eye(4))
    np.testing.assert_array_equal(found.moved.array, found.moved_before.array)
    assert len(found.limits) == 1
    assert (
        "the rigid result was dropped: its estimated error grew from 0.4 to 3.0" in found.limits[0]
    )


def test_a_bad_deformation_leaves_the_affine_result(stubs):
    stubs.states = {0: judged(9), 3: judged(1), 7: judged(4)}
    stubs.steps = {"affine": 3, "deformable": 7}
    found = register(*images(), "deformable")
    assert found.kept == "affine"
    assert found.after.error_mm == 1
    assert any("the deformable result was dropped" in limit for limit in found.limits)
    assert list(found.history) == ["affine", "deformable"]


def test_a_bad_affine_result_is_no_start_for_the_deformation(stubs):
    stubs.states = {0: judged(2), 3: judged(9), 7: judged(0.5)}
    stubs.steps = {"affine": 3, "deformable": 7}
    found = register(*images(), "deformable")
    assert found.kept == "deformable"
    np.testing.assert_array_equal(stubs.starts["deformable"].matrix, np.eye(4))
    assert any("the affine result was dropped" in limit for limit in found.limits)


def test_a_deformation_is_held_against_the_affine_result_not_the_start(stubs):
    stubs.states = {0: judged(9), 3: judged(1), 7: judged(1.4)}
    stubs.steps = {"affine": 3, "deformable": 7}
    assert register(*images(), "deformable").kept == "affine"


def test_with_a_start_given_no_affine_registration_comes_first(stubs):
    stubs.states = {2: judged(4), 7: judged(0.5)}
    stubs.steps = {"deformable": 7}
    found = register(*images(), "deformable", init=shifted(2))
    assert found.kept == "deformable"
    np.testing.assert_array_equal(stubs.starts["deformable"].matrix, shifted(2).matrix)
    assert stubs.checked[0] == 2


def test_a_linear_registration_searches_unless_it_has_a_start(stubs):
    stubs.states = {0: judged(4), 2: judged(3), 3: judged(0.5)}
    stubs.steps = {"affine": 3}
    register(*images(), "affine")
    assert stubs.starts["affine"] is None
    register(*images(), "affine", init=shifted(2))
    np.testing.assert_array_equal(stubs.starts["affine"].matrix, shifted(2).matrix)


def test_a_measure_for_deformations_is_none_for_the_affine_step(stubs):
    stubs.states = {0: judged(9), 3: judged(1), 7: judged(0.4)}
    stubs.steps = {"affine": 3, "deformable": 7}
    register(*images(), "deformable", measure="mind")
    assert stubs.orders["affine"].measure is None
    assert stubs.orders["deformable"].measure == "mind"


@pytest.mark.parametrize("error", [Cancelled(), InputError("too little memory"), MemoryError()])
def test_what_an_engine_raises_is_not_hidden(stubs, error):
    stubs.states = {0: judged(9), 3: judged(1)}
    stubs.steps = {"affine": 3, "deformable": error}
    with pytest.raises(type(error)):
        register(*images(), "deformable")


def test_cancelling_reaches_through_every_step(stubs):
    stubs.states = {0: judged(9), 3: judged(1), 7: judged(0.4)}
    stubs.steps = {"affine": 3, "deformable": 7}
    seen: list[float] = []
    register(*images(), "deformable", progress=lambda _, fraction: seen.append(fraction))
    assert seen == sorted(seen)
    assert 0 <= seen[0] < seen[-1] <= 1
    for last in seen:

        def stop(_: str, fraction: float, last: float = last) -> None:
            if fraction >= last:
                raise Cancelled

        with pytest.raises(Cancelled):
            register(*images(), "deformable", progress=stop)


@pytest.mark.parametrize(("error", "words"), [(2.0, "still finds it misaligned"), (None, "cannot")])
def test_a_result_that_is_not_aligned_says_so(stubs, error, words):
    stubs.states = {0: judged(9), 3: judged(error)}
    stubs.steps = {"rigid": 3}
    found = register(*images(), "rigid")
    assert found.kept == "rigid"
    assert any(words in limit for limit in found.limits)


def test_the_report_fits_its_schema(stubs):
    stubs.states = {0: judged(9), 3: judged(1), 7: judged(0.5)}
    stubs.steps = {"affine": 3, "deformable": 7}
    prepared = Preprocessing(clip=(1, 99), resample_mm=3, crop=True)
    report = register(*images(), "deformable", preprocessing=prepared).to_dict()
    validate(report, REGISTRATION)
    for bad in ({"kept": "elastic"}, {"limits": [""]}, {"before": {}}, {"extra": 1}):
        with pytest.raises(InputError, match="schema"):
            validate(report | bad, REGISTRATION)


def test_preprocessing_is_seen_by_the_engine_alone_and_told(stubs):
    stubs.states = {0: judged(9), 3: judged(1)}
    stubs.steps = {"rigid": 3}
    fixed, moving = images()
    found = register(fixed, moving, preprocessing=Preprocessing(clip=(5, 90), resample_mm=3))
    seen = stubs.orders["rigid"]
    assert seen.fixed.shape == (12, 7, 8)
    assert seen.moving.array.max() < moving.array.max()
    assert found.moved.shape == fixed.shape
    assert found.moved.array.max() > seen.moving.array.max()
    told = found.provenance["preprocessing"]
    np.testing.assert_allclose(told["moving"]["clipped_to"], np.percentile(moving.array, (5, 90)))
    assert told["fixed"]["resampled_to_mm"] == [3.0, 2.4, 2.0]
    assert told["compared by rigid"] == "all"
    assert found.provenance["options"]["clip_percentiles"] == (5, 90)


def test_an_unknown_kind_is_refused():
    with pytest.raises(InputError, match="rigid, similarity, affine, deformable"):
        register(*images(), "elastic")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"region": images()[0]}, "no use for region"),
        ({"landmarks": (np.zeros((3, 3)), np.zeros((3, 3)))}, "no use for landmarks"),
        ({"labels": images()}, "no use for labels"),
        ({"stiffness": images()[0]}, "no use for stiffness"),
        ({"model": "velocity"}, "no use for model"),
        ({"max_memory_gb": 2.0}, "no use for max memory"),
        ({"inverse_consistent": True}, "exact inverse"),
        ({"init": bent(3)}, "starts from a linear transform"),
        ({"init": Composite([bent(3), shifted(2)])}, "starts from a linear transform"),
    ],
)
def test_options_of_deformations_are_refused_for_linear_kinds(stubs, option, words):
    with pytest.raises(InputError, match=words):
        register(*images(), "rigid", **option)
    assert stubs.checked == []  # before any work


def test_a_deformation_needs_torch(monkeypatch):
    monkeypatch.setattr(module, "judge", lambda *_, **__: judged(1))
    monkeypatch.setitem(sys.modules, "RegQCLib.registration.iterative.deformable", None)
    with pytest.raises(MissingDependencyError, match=r"RegQC\[torch\]"):
        register(*images(), "deformable", init=Affine.identity())
    with pytest.raises(InputError, match="torch"):
        register(*images(), "deformable", engine="SimpleITK")


def test_a_start_in_the_wrong_direction_is_refused():
    fixed, moving = images()
    away = Affine.rigid(translation_mm=(200, 0, 0))
    far = Volume(moving.array, away.matrix @ moving.affine, "far")
    with pytest.raises(InputError, match="wrong direction"):
        register(fixed, far, init=away.inverse())


def test_a_deformation_needs_overlap(monkeypatch):
    monkeypatch.setattr(module, "judge", lambda *_, **__: judged(None))
    fixed, moving = images()
    far = Volume(
        moving.array, Affine.rigid(translation_mm=(200, 0, 0)).matrix @ moving.affine, "far"
    )
    with pytest.raises(InputError, match="far does not overlap fixed"):
        register(fixed, far, "deformable", init=Affine.identity())


@pytest.mark.parametrize("which", [0, 1])
def test_an_image_without_contrast_is_refused(which):
    pair = list(images())
    pair[which] = pair[which].with_array(np.full(pair[which].shape, 7, np.int16))
    with pytest.raises(InputError, match="every voxel has the value 7"):
        register(*pair)


def test_the_sample_comes_back(sample):
    fixed, moving, moved_by = sample
    found = register(fixed, moving, "rigid", init=moved_by)
    assert found.before.verdict == "misaligned"
    assert found.kept == "rigid"
    assert found.after.verdict == "aligned"
    body = fixed.grid.to_world(np.argwhere(fixed.array > fixed.array.mean())[::50, ::-1])
    start = np.linalg.norm(moved_by.apply(body) - body, axis=1)
    assert np.linalg.norm(found.transform.apply(body) - body, axis=1).mean() < 0.3 * start.mean()
    np.testing.assert_allclose(found.inverse.apply(found.transform.apply(body)), body, atol=1e-6)
    validate(found.to_dict(), REGISTRATION)


@pytest.mark.parametrize("kind", ["rigid", "deformable"])
def test_single_slices_are_registered_but_not_judged(sample, kind):
    fixed, moving, _ = sample
    k = fixed.shape[0] // 2
    first, second = (Volume(v.array[k : k + 1], v.affine, v.name) for v in (fixed, moving))
    away = Affine.rigid((0, 0, 4), (5, -3, 0), center=first.grid.center)
    found = register(first, Volume(second.array, away.matrix @ second.affine, "moved"), kind)
    assert found.kept == kind
    assert found.after.verdict == "cannot_tell"
    assert "single slices" in found.after.reason
    body = first.grid.to_world(np.argwhere(first.array > first.array.mean())[::50, ::-1])
    error = np.linalg.norm(found.transform.apply(body) - away.apply(body), axis=1)
    assert error.mean() < (0.3 if kind == "rigid" else 2.0)  # of 6; deformations also fit noise
    across = away.matrix[:3, :3] @ first.grid.direction[:, 2]
    assert np.abs((found.transform.apply(body) - away.apply(body)) @ across).max() < 1e-3
    validate(found.to_dict(), REGISTRATION)
