"""One step of a plan: from one network to the next."""

from __future__ import annotations

import copy

import torch
from torch import nn

from RegQCLib.compression.channel_pruning import prune_channels, silence_channels
from RegQCLib.compression.distillation import distill
from RegQCLib.compression.fake_quantization import activation_ranges, few_bits
from RegQCLib.compression.fine_tuning import fine_tune
from RegQCLib.compression.plan import (
    Distill,
    Export,
    FineTune,
    Prune,
    PruneChannels,
    PruneGradually,
    QuantizeAware,
    QuantizeWeights,
    Step,
)
from RegQCLib.compression.pruning import (
    PruningSchedule,
    apply_masks,
    check_share,
    magnitude_masks,
    zero_masks,
)
from RegQCLib.compression.quantization import quantize_weights
from RegQCLib.compression.target import CompressionTarget
from RegQCLib.errors import InputError
from RegQCLib.progress import Progress, silent

SAME = 1e-3  # largest difference, as a share of the answer, that counts as rounding


def run_step(
    step: Step, parent: nn.Module, target: CompressionTarget, *, progress: Progress = silent
) -> nn.Module:
    """The network that ``step`` makes of ``parent``, which stays as it is.

    Raises InputError for settings that this network cannot have, named by the step.
    """
    module = copy.deepcopy(parent)
    torch.manual_seed(0)
    try:
        return _run(step, module, target, progress)
    except InputError as error:
        raise InputError(f"step {step.name}: {error}") from None


def _run(step: Step, module: nn.Module, target: CompressionTarget, progress: Progress) -> nn.Module:
    match step.settings:
        case Prune(share, biases):
            apply_masks(module, magnitude_masks(module, share, biases=biases))
        case PruneGradually(share, steps, rate, power, every):
            check_share(share)
            ramp = max(1, steps * 3 // 4)  # the rest heals what the last pruning did
            schedule = PruningSchedule(share, 0, ramp, power=power, every=every)
            fine_tune(
                module,
                target,
                steps=steps,
                learning_rate=rate,
                schedule=schedule,
                progress=progress,
            )
        case FineTune(steps, rate):
            masks = zero_masks(module)
            fine_tune(
                module, target, steps=steps, learning_rate=rate, masks=masks, progress=progress
            )
        case PruneChannels(share, multiple):
            _prune_channels(module, target, share, multiple)
        case Distill(steps, rate, own, student):
            if student:
                module = target.build({**target.settings, **student})
            distill(
                module,
                target.module,
                target,
                steps=steps,
                learning_rate=rate,
                own_share=own,
                progress=progress,
            )
        case QuantizeWeights(bits, search):
            quantize_weights(module, bits, search=search)
        case QuantizeAware():
            _quantize_aware(step.settings, module, target, progress)
        case Export():
            pass
    return module.eval()


def _quantize_aware(
    settings: QuantizeAware, module: nn.Module, target: CompressionTarget, progress: Progress
) -> None:
    ranges = None
    if settings.activation_bits:
        ranges = activation_ranges(
            module,
            target.deployed(module),
            target.batches(settings.calibration),
            bits=settings.activation_bits,
        )
    masks = zero_masks(module)
    with few_bits(module, settings.bits, ranges):
        # while weights are rounded, their floats live under another name
        hidden = dict(module.named_parameters())
        masks = {_hidden(name, hidden): mask for name, mask in masks.items()}
        fine_tune(
            module,
            target,
            steps=settings.steps,
            learning_rate=settings.learning_rate,
            masks=masks,
            progress=progress,
        )


def _hidden(name: str, parameters: dict[str, nn.Parameter]) -> str:
    layer, _, leaf = name.rpartition(".")
    moved = f"{layer}.parametrizations.{leaf}.original".lstrip(".")
    return moved if moved in parameters else name


def _prune_channels(
    module: nn.Module, target: CompressionTarget, share: float, multiple: int
) -> None:
    """Remove channels, and prove that the answer is that of the silenced network."""
    silenced = copy.deepcopy(module)
    examples = tuple(one[:1] for one in target.examples)
    gone = prune_channels(
        module, target.deployed(module), examples, share, fixed=target.fixed, multiple=multiple
    )
    if not gone:
        raise InputError(
            f"no layer has channels to spare at share {share} and multiples of {multiple}"
        )
    silence_channels(silenced, gone)
    with torch.inference_mode():
        wanted = target.deployed(silenced)(*examples)
        gap = (target.deployed(module)(*examples) - wanted).abs().max()
    if not float(gap) <= SAME * max(1.0, float(wanted.abs().max())):
        raise InputError(
            f"channels of the network {target.kind} cannot be removed without other effects"
        )
