"""label-reg: GlobalNet and LocalNet in a row.

Hu et al., ISBI 2018: LocalNet sees the moving image as GlobalNet has moved it, and adds a field at
full resolution. The published code adds both displacements; here the motions are composed, so that
the result is what LocalNet was shown: moved(x) = moving(G(x + u(x))).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from RegQCLib.geometry.warp_torch import identity, warp
from RegQCLib.registration.networks.global_net import (
    GlobalNet,
    GlobalNetSettings,
    affine_displacement,
)
from RegQCLib.registration.networks.local_net import LocalNet, LocalNetSettings
from RegQCLib.registration.networks.prediction import Prediction


@dataclass(frozen=True)
class LabelRegSettings:
    """Of both networks; see `LocalNetSettings` and `GlobalNetSettings`.

    channels, global_channels: at full resolution.
    """

    axes: int = 3
    channels: int = 32
    global_channels: int = 8
    levels: int = 4
    summed: tuple[int, ...] = (0,)
    cells: int = 4

    def __post_init__(self) -> None:
        self.global_settings()
        self.local_settings()

    def global_settings(self) -> GlobalNetSettings:
        """Settings of the first network."""
        return GlobalNetSettings(self.axes, self.global_channels, self.levels, self.cells)

    def local_settings(self) -> LocalNetSettings:
        """Settings of the second one."""
        return LocalNetSettings(self.axes, self.channels, self.levels, self.summed)


class LabelReg(nn.Module):
    """Displacements of an affine motion and a deformation, at first zero.

    fixed, moving: (N, 1, *spatial), sizes multiples of ``divisor``. The prediction's levels are the
    displacement of the affine motion and that of the deformation before it, in voxels.
    """

    def __init__(self, settings: LabelRegSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or LabelRegSettings()
        self.axes = self.settings.axes
        self.global_net = GlobalNet(self.settings.global_settings())
        self.local_net = LocalNet(self.settings.local_settings())
        self.divisor = self.local_net.divisor

    def forward(self, fixed: Tensor, moving: Tensor) -> Prediction:
        matrices = self.global_net.matrices(fixed, moving)
        shape = fixed.shape[2:]
        places = identity(shape, matrices).expand(len(fixed), *[-1] * (self.axes + 1))
        affine = affine_displacement(matrices, places, shape)
        local = self.local_net(fixed, warp(moving, affine.to(moving.dtype))).displacement
        displacement = local + affine_displacement(matrices, places + local, shape)
        return Prediction(displacement, levels=(affine, local))
