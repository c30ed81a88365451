"""The slice classifier of ISMRM 2022 #1880: ResNet34 on two channels, is this pair misaligned?

Extended by a second output, log(1 + mean displacement in pixels). Pixels are the network's unit;
callers multiply by the pixel size, so that millimeters come out at any resolution.
The network is MONAI's ResNet; width 64 is the standard ResNet34, 32 halves every layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from monai.networks.nets.resnet import ResNet
from torch import Tensor, nn


@dataclass(frozen=True)
class ClassifierSettings:
    """width: channels of the first stage (64 in ResNet34)."""

    width: int = 64


class SliceClassifier(nn.Module):
    """ResNet34 with two outputs."""

    def __init__(self, settings: ClassifierSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or ClassifierSettings()
        width = self.settings.width
        self.network = ResNet(
            block="basic",
            layers=[3, 4, 6, 3],
            block_inplanes=[width, 2 * width, 4 * width, 8 * width],
            spatial_dims=2,
            n_input_channels=2,
            conv1_t_size=7,
            conv1_t_stride=2,
            num_classes=2,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 2, H, W) in [0, 1] to (N, 2): logit of misaligned, log(1 + mean pixels)."""
        output: Tensor = self.network(images - 0.5)
        return output
