"""From a model file to a target of compression, whichever network it holds."""

from __future__ import annotations

from pathlib import Path

from RegQCLib.compression.model_files import ModelFile
from RegQCLib.compression.plan import Plan
from RegQCLib.compression.registration_targets import registration_target
from RegQCLib.compression.slice_targets import slice_target
from RegQCLib.compression.target import CompressionTarget
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress
from RegQCLib.training.registration.config import load_config


def make_target(
    model: ModelFile, plan: Plan, folder: Path, progress: Progress
) -> CompressionTarget:
    """What compression needs to know of a model read from a file.

    Raises InputError where a registration network comes without the configuration of its training.
    """
    if model.registers:
        if not plan.training.config:
            raise InputError(
                f"a {model.kind} needs its training data: name the configuration in the plan, "
                "[training] config"
            )
        config = load_config(plan.training.config, data=plan.training.data or None)
        return registration_target(model, config, folder=folder, progress=progress)
    measure = plan.measure
    return slice_target(
        model, folder=folder, pairs=measure.pairs, batch=measure.batch, progress=progress
    )
