"""Matcher: where in the moved slice is what the fixed slice shows here?

One encoder, shared by both images, learns features that do not depend on contrast. Features of the
fixed slice are compared with those of the moved slice over a window of displacements (a cost
volume), and a softmax turns the comparison into a probability for every displacement. Its mean is
the residual displacement, its covariance tells how sure that is and along which direction: an edge
says nothing about motion along itself, a flat region nothing at all.

Pixels are the network's unit; callers multiply by the pixel size.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

CELL = 2  # pixels between features
QUERY = 2  # features between queries: displacements are estimated every CELL * QUERY pixels
MULTIPLE = 8  # sides of an image must be multiples of this


@dataclass(frozen=True)
class MatcherSettings:
    """width: channels at half resolution. features: length of one. radius: window in cells."""

    width: int = 32
    features: int = 24
    radius: int = 7


class Matcher(nn.Module):
    """Residual displacement of slices by learned matching."""

    def __init__(self, settings: MatcherSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or MatcherSettings()
        self.encoder = Encoder(self.settings.width, self.settings.features)
        self.sharpness = nn.Parameter(torch.tensor(0.0))

    def log_probabilities(self, images: Tensor) -> Tensor:
        """Log-probability of every displacement.

        images: (N, 2, H, W), fixed and moved, [0, 1], H and W multiples of 8.
        Returns (N, D, D, H / 4, W / 4) with D = 2 radius + 1; axes 1 and 2 are the row and column
        displacement of the moved content, -radius..radius cells of two pixels.
        """
        features = self.encoder(torch.cat([images[:, :1], images[:, 1:]])).float()
        fixed, moved = features.chunk(2)
        scores = correlation(fixed, moved, self.settings.radius)
        scores = scores * (self.sharpness.exp() / self.settings.features**0.5)
        window = scores.shape[1]
        flat = scores.flatten(1, 2).log_softmax(dim=1)
        return flat.unflatten(1, (window, window))

    def forward(self, images: Tensor) -> Tensor:
        """Moments of the displacement: (N, 5, H / 4, W / 4).

        Channels: mean row and column displacement (pixels), then the variances of row and column
        and their covariance (pixels squared).
        """
        probabilities = self.log_probabilities(images).exp()
        radius = self.settings.radius
        offset = CELL * torch.arange(-radius, radius + 1, device=images.device).float()
        rows = offset[None, :, None, None, None]
        columns = offset[None, None, :, None, None]

        def mean(values: Tensor) -> Tensor:
            return (probabilities * values).sum(dim=(1, 2))

        row, column = mean(rows), mean(columns)
        row_variance = mean(rows**2) - row**2
        column_variance = mean(columns**2) - column**2
        covariance = mean(rows * columns) - row * column
        return torch.stack([row, column, row_variance, column_variance, covariance], dim=1)


class Encoder(nn.Module):
    """Small U-Net from an image (N, 1, H, W) to features (N, features, H / 2, W / 2)."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        fine, middle, coarse = width, 2 * width, 3 * width
        self.stem = _convolution(1, fine, size=5, stride=2)
        self.fine = nn.Sequential(Residual(fine), Residual(fine))
        self.middle = nn.Sequential(
            _convolution(fine, middle, stride=2), Residual(middle), Residual(middle)
        )
        self.coarse = nn.Sequential(
            _convolution(middle, coarse, stride=2), Residual(coarse), Residual(coarse)
        )
        self.up_middle = _convolution(coarse + middle, middle)
        self.up_fine = _convolution(middle + fine, fine)
        self.head = nn.Conv2d(fine, features, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.fine(self.stem(image - 0.5))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.up_middle(torch.cat([_double(coarse), middle], dim=1))
        fine = self.up_fine(torch.cat([_double(middle), fine], dim=1))
        features: Tensor = self.head(fine)
        return features


class Residual(nn.Module):
    """Two convolutions and a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


def correlation(fixed: Tensor, moved: Tensor, radius: int) -> Tensor:
    """Dot products of every QUERY-th fixed feature with the moved features around it.

    fixed, moved: (N, C, h, w). Returns (N, D, D, h / QUERY, w / QUERY), zero outside the image.
    Rows of queries meet whole rows of features in one matrix product; the wanted band is gathered
    from it. That is several times faster on a CPU than one product for each displacement.
    """
    window = 2 * radius + 1
    queries = fixed[:, :, ::QUERY, ::QUERY].permute(0, 2, 3, 1)  # (N, hq, wq, C)
    padded = functional.pad(moved, (radius,) * 4)
    rows = padded.unfold(2, window, QUERY).permute(0, 2, 4, 1, 3)  # (N, hq, D, C, w + 2 radius)
    products = torch.matmul(queries[:, :, None], rows)  # (N, hq, D, wq, w + 2 radius)
    start = QUERY * torch.arange(queries.shape[2], device=fixed.device)[:, None]
    band = start + torch.arange(window, device=fixed.device)
    band = band.expand(*products.shape[:3], *band.shape)
    return products.gather(-1, band).permute(0, 2, 4, 1, 3)


def _convolution(inputs: int, outputs: int, *, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")
