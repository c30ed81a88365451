"""Registration networks as targets of compression: the data and loss that trained them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from RegQCLib.compression.layers import matrix_layers
from RegQCLib.compression.model_files import ModelFile, build, deployed, write_model
from RegQCLib.compression.target import CompressionTarget, Runner
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.training.label_bank import label_bank
from RegQCLib.training.registration.batches import training_batch
from RegQCLib.training.registration.config import RegistrationConfig
from RegQCLib.training.registration.image_pairs import ImagePairs
from RegQCLib.training.registration.losses import registration_loss
from RegQCLib.training.registration.pairs import TrainingPairs
from RegQCLib.training.registration.shape_source import ShapePairs
from RegQCLib.training.registration.validation import mean_of, measure, score


def registration_target(
    model: ModelFile, config: RegistrationConfig, *, folder: Path, progress: Progress = silent
) -> CompressionTarget:
    """A registration network with the pairs and the loss of ``config``.

    folder: keeps label maps and alignments, unless REGQC_CACHE does. Measured on the pairs that
    ``config`` keeps for validation. Raises InputError where it keeps none, or is for another
    network.
    """
    if config.network["name"] != model.kind:
        raise InputError(
            f"the configuration trains {config.network['name']} and the model is {model.kind}"
        )
    source = _source(model.module, config, folder, progress)
    if source.validation_count() == 0:
        raise InputError("no pair is kept for validation; compression is judged by these")

    place, half = torch.device("cpu"), config.training.precision == "bf16"

    @lru_cache(maxsize=1)
    def unseen() -> list[TrainingPairs]:
        return [source.validation_pair(n) for n in range(source.validation_count())]

    def draw(number: int) -> TrainingPairs:
        step = config.training.steps + number
        return training_batch(source, config, step, range(config.training.batch), place)

    def loss(module: nn.Module, pairs: TrainingPairs) -> Tensor:
        with torch.autocast(place.type, torch.bfloat16, enabled=half):
            made: Prediction = module(pairs.fixed, pairs.moving)
        return registration_loss(made.float(), pairs, config.loss)[0]

    def evaluate(run: Runner) -> float:
        rows = []
        for pairs in unseen():
            answer = run(*(np.ascontiguousarray(one.numpy()) for one in inputs(pairs)))
            prediction = Prediction(torch.from_numpy(answer))
            rows.append(measure(prediction, pairs, config.loss, source.spacing_mm))
        return score(mean_of(rows))

    first = unseen()[0]
    return CompressionTarget(
        kind=model.kind,
        module=model.module,
        settings=model.settings,
        build=lambda settings: build(model.kind, settings),
        deployed=lambda module: deployed(model.kind, module),
        examples=inputs(first),
        draw=draw,
        inputs=inputs,
        loss=loss,
        metric=_metric(first),
        evaluate=evaluate,
        save=lambda path, module, bits: write_model(path, module, model.described, bits),
        described=model.described,
        fixed=answering_layers(model.module),
        float_operations=("GridSample", "Interpolate", "Add", "Multiply", "Concat"),
    )


def inputs(pairs: TrainingPairs) -> tuple[Tensor, Tensor]:
    """What the network sees of them."""
    return pairs.fixed, pairs.moving


def answering_layers(module: nn.Module) -> tuple[str, ...]:
    """Layers that make displacements, velocities or affine parameters: their outputs stay."""
    axes = int(module.axes)  # type: ignore[arg-type]
    return tuple(
        name
        for name, layer in matrix_layers(module).items()
        if isinstance(layer, nn.Linear) or layer.out_channels == axes
    )


def _metric(pairs: TrainingPairs) -> str:
    if pairs.fixed_labels is not None:
        return "Dice"
    return "minus error (mm)" if pairs.displacement is not None else "minus loss"


def _source(
    network: nn.Module, config: RegistrationConfig, folder: Path, progress: Progress
) -> ImagePairs | ShapePairs:
    if config.data.source == "shapes":
        bank = label_bank(folder, config.data.bank_maps, config.data.bank_size, progress)
        return ShapePairs(config, bank)
    axes, divisor = int(network.axes), int(network.divisor)  # type: ignore[arg-type]
    return ImagePairs(config, axes=axes, divisor=divisor, cache=folder, progress=progress)
