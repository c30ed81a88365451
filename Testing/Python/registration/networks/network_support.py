"""What tests of several networks share: pairs to learn, and what reaches what."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from RegQCLib.geometry.warp_torch import identity, warp


def blobs(shape: tuple[int, ...], shift: float = 1.5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two images (1, 1, *shape) in [0, 1]: smooth noise, and the same moved by ``shift`` voxels."""
    generator = torch.Generator().manual_seed(seed)
    places = identity(shape, torch.zeros(1))[0]
    image = torch.zeros(shape)
    for _ in range(12):
        center = torch.rand(len(shape), generator=generator) * torch.tensor(shape)
        distance = (places - center.view(-1, *[1] * len(shape))).square().sum(0)
        image += torch.exp(-distance / 8)
    image = (image / image.max())[None, None]
    moved = warp(image, torch.full((1, len(shape), *shape), shift))
    return image, moved


def losses_of_overfit(network: nn.Module, pair: tuple[Tensor, Tensor], steps: int) -> list[float]:
    """Mean squared errors while a network learns one pair."""
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    fixed, moving = pair
    values = []
    for _ in range(steps):
        loss = (warp(moving, network(fixed, moving).displacement) - fixed).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    return values


def untouched(network: nn.Module, pair: tuple[Tensor, Tensor]) -> list[str]:
    """Names of parameters that no gradient reaches.

    The last layers of most networks begin at zero, which would hide all before them: random weights
    take their place.
    """
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.1)
    prediction = network(*pair)
    moved = warp(pair[1], prediction.displacement)
    (moved - pair[0]).square().mean().backward()
    return [
        name
        for name, one in network.named_parameters()
        if one.grad is None or not one.grad.abs().sum() > 0
    ]


def reach(network: nn.Module, size: int, breadth: int, place: int) -> tuple[int, int]:
    """First and last row of the images (size, breadth, ...) that the field in one row looks at."""
    shape = (1, 1, size, *[breadth] * (network.axes - 1))
    fixed, moving = torch.rand(2, *shape, dtype=torch.float64, requires_grad=True)
    field = network.double()(fixed, moving).displacement
    inputs = torch.autograd.grad(field[:, :, place].sum(), [fixed, moving])
    seen = sum(one.abs().flatten(3).sum((0, 1, 3)) for one in inputs)
    rows = torch.nonzero(seen).flatten()
    return int(rows[0]), int(rows[-1])
