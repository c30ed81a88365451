"""The slice models as targets of compression: trained and measured on synthetic pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy.stats import mannwhitneyu
from torch import Tensor, nn

from RegQCLib.compression.model_files import ModelFile, build, write_model
from RegQCLib.compression.target import CompressionTarget, Runner
from RegQCLib.progress import Progress, silent
from RegQCLib.qc.networks.matcher import CELL, QUERY
from RegQCLib.synthesis.slice_pairs import SlicePairs, slice_pairs
from RegQCLib.training.classifier_task import classifier_loss
from RegQCLib.training.config import TrainingConfig, load_config
from RegQCLib.training.export import FLOAT_OPERATIONS, TEST_SEED
from RegQCLib.training.label_bank import label_bank
from RegQCLib.training.matcher_task import matcher_loss
from RegQCLib.training.train_qc import draw_pairs

SIZE = 128  # pixels of what is measured
TEST_BATCH = 16
MATCHER_FLOAT = FLOAT_OPERATIONS


def slice_target(
    model: ModelFile,
    *,
    folder: Path,
    pairs: int = 2000,
    batch: int = 16,
    progress: Progress = silent,
    config: TrainingConfig | None = None,
) -> CompressionTarget:
    """A slice classifier or matcher with the training that made it.

    folder: keeps the label maps, unless REGQC_CACHE does. pairs: synthetic ones that measure, never
    seen in training. batch: pairs of a training batch and of the latency. config: in place of the
    shipped one of this network.
    """
    config = replace(config or load_config(model.kind), batch=batch)
    bank = label_bank(folder, config.bank_maps, config.bank_size, progress)

    @lru_cache(maxsize=1)
    def unseen() -> list[SlicePairs]:
        return test_pairs(bank, pairs)

    def draw(number: int) -> SlicePairs:
        # the steps after the last: difficult pairs that the first training has not seen
        return draw_pairs(config, bank, config.steps + number)

    classifies = model.kind == "slice_classifier"
    loss_of: Callable[..., tuple[Tensor, object]] = classifier_loss if classifies else matcher_loss

    def loss(module: nn.Module, drawn: SlicePairs) -> Tensor:
        return loss_of(module, drawn)[0]

    return CompressionTarget(
        kind=model.kind,
        module=model.module,
        settings=model.settings,
        build=lambda settings: build(model.kind, settings),
        deployed=lambda module: module,
        examples=(draw_examples(bank, batch),),
        draw=draw,
        inputs=lambda drawn: (drawn.images,),
        loss=loss,
        metric="AUROC" if classifies else "minus error (pixels)",
        evaluate=lambda run: (slice_auroc if classifies else minus_match_error)(run, unseen()),
        save=lambda path, module, bits: write_model(path, module, model.described, bits),
        fixed=("network.fc",) if classifies else ("encoder.head",),
        dynamic=() if classifies else (2, 3),
        float_operations=() if classifies else MATCHER_FLOAT,
        half=True,
    )


def test_pairs(bank: Tensor, count: int) -> list[SlicePairs]:
    """``count`` pairs at full difficulty, half of them moved, from seeds that no training uses."""
    sizes = [min(TEST_BATCH, count - start) for start in range(0, count, TEST_BATCH)]
    return [
        slice_pairs(bank, size, SIZE, torch.Generator().manual_seed(TEST_SEED + number))
        for number, size in enumerate(sizes)
    ]


def draw_examples(bank: Tensor, batch: int) -> Tensor:
    """Images (batch, 2, SIZE, SIZE) that time a model."""
    return slice_pairs(bank, batch, SIZE, torch.Generator().manual_seed(TEST_SEED - 1)).images


def slice_auroc(run: Runner, pairs: Sequence[SlicePairs]) -> float:
    """Chance that a moved pair scores above an aligned one, ties counting half."""
    scores = np.concatenate([run(one.images.numpy())[:, 0] for one in pairs])
    moved = np.concatenate([one.misaligned.numpy() for one in pairs])
    statistic = mannwhitneyu(scores[moved], scores[~moved]).statistic
    return float(statistic / (moved.sum() * (~moved).sum()))


def minus_match_error(run: Runner, pairs: Sequence[SlicePairs]) -> float:
    """Minus the mean in-plane error (pixels) of the matcher's displacements inside the body."""
    step = CELL * QUERY
    errors = []
    for one in pairs:
        truth = one.match_mm[:, :2, ::step, ::step] / one.pixel_mm[:, None, None, None]
        answer = torch.from_numpy(run(one.images.numpy())[:, :2])
        errors.append((answer - truth).norm(dim=1)[one.body[:, ::step, ::step]])
    return -float(torch.cat(errors).mean())
