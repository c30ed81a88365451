"""Small networks and targets that the tests of compression share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from RegQCLib.compression.target import CompressionTarget
from RegQCLib.weights_io import save_weights


def tiny_network(seed: int = 0) -> nn.Sequential:
    """Two convolutions with normalization and one linear layer, (N, 2, 8, 8) to (N, 2)."""
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 2),
    )
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.3, 0.3)
            layer.running_mean.uniform_(-0.2, 0.2)
            layer.running_var.uniform_(0.5, 1.5)
    return network.eval()


@dataclass(frozen=True)
class Batch:
    """Images (N, 2, 8, 8) and which of their two channels is brighter."""

    images: Tensor
    truth: Tensor


def draw(number: int, count: int = 16) -> Batch:
    generator = torch.Generator().manual_seed(1000 + number)
    images = torch.rand(count, 2, 8, 8, generator=generator)
    offset = 0.2 * torch.randn(count, 1, 1, generator=generator)
    images[:, 0] += offset
    return Batch(images, (offset.flatten() > 0).float())


def loss(module: nn.Module, batch: Batch) -> Tensor:
    answer = module(batch.images)[:, 0]
    return nn.functional.binary_cross_entropy_with_logits(answer, batch.truth)


def accuracy(run) -> float:
    batches = [draw(-n - 1, 64) for n in range(4)]
    return float(
        np.mean([((run(b.images.numpy())[:, 0] > 0) == b.truth.numpy()).mean() for b in batches])
    )


def save(path: Path, module: nn.Module, bits: int) -> None:
    arrays = {name: value.numpy() for name, value in module.state_dict().items()}
    save_weights(path, arrays, {"width": 8}, bits=bits)


def toy_target(module: nn.Module | None = None) -> CompressionTarget:
    """Which channel is brighter, with a network of two convolutions."""
    return CompressionTarget(
        kind="toy",
        module=module or tiny_network(),
        settings={"seed": 0},
        build=lambda settings: tiny_network(**settings),
        deployed=lambda network: network,
        examples=(draw(0, 4).images,),
        draw=draw,
        inputs=lambda batch: (batch.images,),
        loss=loss,
        metric="accuracy",
        evaluate=accuracy,
        save=save,
        fixed=("8",),
    )
