"""Training under masks, along a schedule, after a teacher, and its refusals."""

from __future__ import annotations

import copy

import pytest
import torch
from compression.support import accuracy, draw, loss, tiny_network, toy_target

from RegQCLib.compression.distillation import distill
from RegQCLib.compression.fine_tuning import fine_tune
from RegQCLib.compression.pruning import (
    PruningSchedule,
    apply_masks,
    magnitude_masks,
    zero_masks,
    zero_share,
)
from RegQCLib.compression.torch_runner import torch_runner
from RegQCLib.errors import Cancelled, InputError


@pytest.fixture(scope="module")
def trained():
    target = toy_target()
    fine_tune(target.module, target, steps=200, learning_rate=0.02)
    return target.module


def test_training_learns_the_task(trained):
    assert accuracy(torch_runner(trained)) > 0.9 > accuracy(torch_runner(tiny_network()))
    assert not trained.training


def test_pruned_numbers_stay_zero_and_the_rest_moves(trained):
    module = copy.deepcopy(trained)
    apply_masks(module, magnitude_masks(module, 0.25))
    masks, before = zero_masks(module), copy.deepcopy(module.state_dict())
    fine_tune(module, toy_target(), steps=5, learning_rate=0.01, masks=masks)
    for name, mask in masks.items():
        after = module.get_parameter(name)
        assert (after[~mask] == 0).all()
        if name.endswith("weight"):
            assert (after[mask] != before[name][mask]).any()


def test_a_schedule_reaches_its_share(trained):
    module = copy.deepcopy(trained)
    seen = []

    def watch(*_) -> None:
        seen.append(zero_share(module))

    schedule = PruningSchedule(0.6, 2, 12, every=2)
    fine_tune(
        module,
        toy_target(),
        steps=15,
        learning_rate=1e-3,
        schedule=schedule,
        progress=watch,
    )
    assert zero_share(module) == pytest.approx(0.6, abs=1e-3)
    assert seen[0] < 0.05
    assert seen == sorted(seen)


def test_a_student_follows_its_teacher(trained):
    student = tiny_network(seed=3)
    images = draw(-50, 64).images

    def gap() -> float:
        with torch.inference_mode():
            return float((student(images) - trained(images)).square().mean())

    before = gap()
    distill(student, trained, toy_target(), steps=80, learning_rate=0.01, own_share=0)
    assert gap() < 0.2 * before


def test_the_share_of_the_own_loss_is_checked(trained):
    with pytest.raises(InputError, match="own_share"):
        distill(tiny_network(), trained, toy_target(), steps=1, learning_rate=1, own_share=2)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"learning_rate": 0}])
def test_settings_that_train_nothing_are_refused(wrong):
    with pytest.raises(InputError, match="steps and a learning_rate"):
        fine_tune(tiny_network(), toy_target(), **{"steps": 1, "learning_rate": 0.1, **wrong})


def test_a_loss_that_is_not_finite_stops_in_one_line():
    def broken(module, batch):
        return loss(module, batch) * float("nan")

    with pytest.raises(InputError, match="not finite at step 1") as caught:
        fine_tune(tiny_network(), toy_target(), steps=3, learning_rate=0.1, loss=broken)
    assert "\n" not in str(caught.value)


def test_progress_can_cancel():
    def stop(*_):
        raise Cancelled

    with pytest.raises(Cancelled):
        fine_tune(tiny_network(), toy_target(), steps=3, learning_rate=0.1, progress=stop)
