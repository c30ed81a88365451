"""Contrast-agnostic registration: matching learned features from coarse to fine.

What it learns from is SynthMorph's idea (Hoffmann et al., IEEE TMI 2022): random shapes in random
contrasts, so that it serves any. How it predicts is not: instead of one wide U-Net, one encoder,
shared by both images, describes them in a pyramid; from the coarsest level on, the moving features
are pulled to where they are believed to belong, compared with the fixed ones over the nearest
neighbors (Sun et al., PWC-Net, CVPR 2018); where the likest neighbors are, and what a few
convolutions add to that, is a velocity field whose flow improves the belief. A composition of flows
does not fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional

from RegQCLib.errors import InputError
from RegQCLib.geometry.warp_torch import exponential, warp
from RegQCLib.registration.networks.prediction import Prediction

SQUARINGS = 3
NEIGHBORS = tuple(product((-1, 0, 1), repeat=3))
SHARPNESS = 10.0
"""What products of unit features are multiplied by where the likest of several is sought."""

MOST_ADDED = 2.0
"""Voxels of a level that convolutions add, at most, to where the likest neighbors are."""

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
EDGE_NOISE = 0.02
"""Differences of intensity, of 1 from dark to bright, that count as none."""


@dataclass(frozen=True)
class ContrastAgnosticSettings:
    """How wide the network is.

    stem: channels at half the resolution. features: of each level, from a quarter on. hidden:
    channels of the level's decoder. repeats: how often each level improves the displacement.
    """

    stem: int = 16
    features: tuple[int, ...] = (32, 48, 64)
    hidden: tuple[int, ...] = (48, 64, 64)
    repeats: int = 2

    def __post_init__(self) -> None:
        if len(self.features) != len(self.hidden) or not self.features:
            raise InputError("features and hidden: one number each for every level")
        if min(self.stem, *self.features, *self.hidden, self.repeats) < 1:
            raise InputError("stem, features, hidden and repeats are whole numbers above 0")


class ContrastAgnostic(nn.Module):
    """Displacement between two volumes of any contrast.

    fixed, moving: (N, 1, D, H, W) in [0, 1], sides multiples of ``divisor``. The prediction's
    displacement has the images' size; ``levels``, from coarse to fine, are those of the pyramid
    down to a quarter of the resolution, each in voxels of its own.
    """

    axes = 3
    stride = 4  # voxels of the images from node to node of the finest level

    def __init__(self, settings: ContrastAgnosticSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or ContrastAgnosticSettings()
        features, hidden = self.settings.features, self.settings.hidden
        self.divisor = 2 ** (len(features) + 1)
        self.encoder = Pyramid(self.settings.stem, features)
        self.decoders = nn.ModuleList(
            Decoder(count, inner) for count, inner in zip(features, hidden, strict=True)
        )
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        images = torch.cat([fixed, moving])
        # a prediction at full size took 1.3 s so, and 1.5 s in the other order (forward_pass)
        return self.decode(self.encoder(images.contiguous(memory_format=torch.channels_last_3d)))

    def decode(self, pyramid: list[Tensor]) -> Prediction:
        """From the features of the fixed images and then the moving ones, finest level first."""
        count = len(pyramid[0]) // 2
        coarsest = pyramid[-1]
        displacement = coarsest.new_zeros(count, 3, *coarsest.shape[2:], dtype=torch.float32)
        levels: list[Tensor] = []
        described: list[tuple[Tensor, Tensor]] = []
        for features, decoder in zip(reversed(pyramid), reversed(self.decoders), strict=True):
            still, moving = features[:count], features[count:]
            if levels:
                displacement = 2 * twice_as_fine(displacement)
            for _ in range(self.settings.repeats):
                moved = warp(moving, displacement.to(moving.dtype))
                step = exponential(decoder(still, moved), steps=SQUARINGS)
                displacement = step + warp(displacement, step)
            levels.append(displacement)
            if self.training:
                assert isinstance(decoder, Decoder)
                described.append((decoder.describe(still), decoder.describe(moving)))
        finest = 4 * twice_as_fine(twice_as_fine(displacement))
        return Prediction(finest, levels=tuple(levels), features=tuple(described))


class Pyramid(nn.Module):
    """Features at 1/4, 1/8, ... of the resolution, finest first; equal weights for any image."""

    def __init__(self, stem: int, features: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = _convolution(8 + len(PAIRS), stem)
        self.levels = nn.ModuleList()
        before = stem
        for count in features:
            self.levels.append(
                nn.Sequential(_convolution(before, count, stride=2), _convolution(count, count))
            )
            before = count

    def forward(self, image: Tensor) -> list[Tensor]:
        values = self.stem(torch.cat([blocks(image - 0.5), edges(image)], dim=1))
        result = []
        for level in self.levels:
            values = level(values)
            result.append(values)
        return result


class Decoder(nn.Module):
    """From the features of one level to the velocity, in its voxels, that brings them together."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.description = nn.Conv3d(features, features, 1)
        self.body = nn.Sequential(
            _convolution(len(NEIGHBORS) + 2 * features, hidden), _convolution(hidden, hidden)
        )
        self.velocity = nn.Conv3d(hidden, 3, 3, padding=1)
        nn.init.normal_(self.velocity.weight, std=1e-5)
        nn.init.zeros_(self.velocity.bias)  # type: ignore[arg-type]

    def describe(self, features: Tensor) -> Tensor:
        """What is compared: features of unit length, whatever the contrast."""
        return functional.normalize(self.description(features), dim=1, eps=1e-3)

    def forward(self, fixed: Tensor, moved: Tensor) -> Tensor:
        likeness = correlation(self.describe(fixed), self.describe(moved))
        added: Tensor = self.velocity(self.body(torch.cat([likeness, fixed, moved], dim=1)))
        # bounded, or one strange image blows up a flow, and with it a step of training
        return likest(likeness) + MOST_ADDED * torch.tanh(added.float() / MOST_ADDED)


def correlation(fixed: Tensor, moved: Tensor) -> Tensor:
    """Products of fixed features with the moved ones at `NEIGHBORS`, (N, 27, D, H, W)."""
    padded = functional.pad(moved, (1,) * 6, mode="replicate")
    depth, height, width = fixed.shape[2:]
    products = [
        (fixed * padded[:, :, k : k + depth, j : j + height, i : i + width]).sum(1)
        for k, j, i in product((0, 1, 2), repeat=3)
    ]
    return torch.stack(products, dim=1)


def likest(likeness: Tensor) -> Tensor:
    """Where among `NEIGHBORS` the likest are expected, (N, 3, D, H, W) float32, averaged around."""
    shares = torch.softmax(SHARPNESS * likeness.float(), dim=1)
    offsets = shares.new_tensor(NEIGHBORS)
    expected = torch.einsum("nkdhw,kc->ncdhw", shares, offsets)
    return averaged_around(expected, 3)


def averaged_around(values: Tensor, side: int) -> Tensor:
    """Mean over the cube of ``side`` voxels around each voxel, as far as it is in the grid."""
    # avg_pool3d pads as well, but refuses grids that are narrower than the cube
    margin = (side // 2,) * 6
    inside = functional.pad(torch.ones_like(values[:1, :1]), margin)
    total = functional.avg_pool3d(functional.pad(values, margin), side, 1)
    return total / functional.avg_pool3d(inside, side, 1)


def edges(image: Tensor) -> Tensor:
    """Which way edges run, from 0 to about 1, at half the resolution, (N, 6, D / 2, ...).

    The structure tensor against its mean around: neither the sign nor the height of an edge
    matters, so that unlike contrasts look alike where they show the same edge (the idea of
    normalized gradient fields, Haber and Modersitzki, MICCAI 2006).
    """
    half = functional.avg_pool3d(image, 2)
    slopes = [_slope(half, axis) for axis in (2, 3, 4)]
    tensor = torch.cat([slopes[a] * slopes[b] for a, b in PAIRS], dim=1)
    tensor = averaged_around(tensor, 3)
    power = tensor[:, :3].sum(1, keepdim=True)
    around = averaged_around(power, 5)
    return tensor / (around + EDGE_NOISE**2)


def _slope(image: Tensor, axis: int) -> Tensor:
    """Central differences; the edge voxel goes on beyond the image."""
    last = image.shape[axis] - 1
    parts = [image.narrow(axis, 0, 1), image, image.narrow(axis, last, 1)]
    padded = torch.cat(parts, axis)
    return padded.narrow(axis, 2, last + 1) - padded.narrow(axis, 0, last + 1)


def blocks(image: Tensor) -> Tensor:
    """The voxels of every 2 x 2 x 2 block as channels, (N, 8, D / 2, H / 2, W / 2)."""
    for axis in (2, 3, 4):
        even, odd = image.unflatten(axis, (-1, 2)).unbind(axis + 1)
        image = torch.cat([even, odd], dim=1)
    return image


def twice_as_fine(field: Tensor) -> Tensor:
    """Linear resampling to twice the voxels; voxel centers of blocks stay where they are."""
    return functional.interpolate(field, scale_factor=2, mode="trilinear", align_corners=False)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride=stride, padding=1), nn.LeakyReLU(0.1, inplace=True)
    )
