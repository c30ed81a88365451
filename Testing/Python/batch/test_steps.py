"""Keys of steps: what changes them, and what does not."""

from __future__ import annotations

import pytest

from RegQCLib.batch import steps
from RegQCLib.batch.options import Options
from RegQCLib.batch.result_file import step_keys
from RegQCLib.batch.steps import steps_of
from RegQCLib.errors import InputError

ROLES = ("fixed", "moving", "transform", "mask", "fixed_labels", "moving_labels")
DIGESTS = {role: f"digest of {role}" for role in ROLES}
ALL = {"fix_slices": "moving", "register": "rigid", "evaluate": True}


def keys(digests=DIGESTS, **options):
    chosen = {**ALL, **options}
    return step_keys(steps_of(Options(**chosen), DIGESTS), digests)


def changed(**digests):
    one, other = keys(), keys({**DIGESTS, **digests})
    return {name for name in one if one[name] != other[name]}


def test_an_input_changes_the_steps_that_use_it_and_those_after():
    assert list(keys()) == ["fix_slices", "register", "check", "evaluate"]
    assert changed(moving="other") == {"fix_slices", "register", "check", "evaluate"}
    assert changed(mask="other") == {"check", "evaluate"}
    assert changed(fixed_labels="other") == {"check", "evaluate"}


def test_an_option_changes_the_steps_it_is_for():
    before = keys()
    for options, names in (
        ({"tolerance_mm": 3.0}, {"register", "check", "evaluate"}),
        ({"register": "affine"}, {"register", "check", "evaluate"}),
        ({"fix_slices": "fixed"}, {"fix_slices", "register", "check", "evaluate"}),
    ):
        after = keys(**options)
        assert {name for name in before if before[name] != after[name]} == names
    assert keys(evaluate=False).items() <= before.items()


def test_other_models_change_what_the_network_decides(monkeypatch):
    before = keys()
    monkeypatch.setattr(steps, "models", lambda: {"matcher.bin": "other"})
    after = keys()
    assert before["fix_slices"] == after["fix_slices"]
    assert before["check"] != after["check"]


def test_another_version_changes_all(monkeypatch):
    before = keys()
    monkeypatch.setattr(steps, "__version__", "999")
    assert not set(before.values()) & set(keys().values())


def test_missing_images_are_named():
    with pytest.raises(InputError, match="has no moving image"):
        steps_of(Options(), ("fixed",))
    assert [s.name for s in steps_of(Options(check=False, evaluate=True), ())] == ["evaluate"]


@pytest.mark.parametrize(("options", "words"), [
    ({"register": "elastic"}, "register is one of rigid"),
    ({"fix_slices": "both"}, "fix_slices is one of"),
    ({"device": "tpu"}, "device is one of"),
    ({"tolerance_mm": -1.0}, "positive number of mm"),
    ({"tolerance_mm": float("nan")}, "positive number of mm"),
    ({"check": False}, "nothing to do"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(options, words):
    with pytest.raises(InputError, match=words):
        Options(**options)


def test_options_survive_their_file():
    options = Options(register="affine", tolerance_mm=2.5)
    assert Options.from_dict(options.to_dict()) == options
