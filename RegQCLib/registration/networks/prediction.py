"""What every registration network returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Prediction:
    """How the moving image is to be sampled: moved(x) = moving(x + displacement(x)).

    displacement: (N, axes, *spatial), voxels of the images; channel n along array axis n, as
    `RegQCLib.geometry.warp_torch` takes it. velocity: stationary velocity field whose flow it is,
    in voxels of its own grid, which may be coarser; None where there is none. levels: parts of the
    displacement, or its coarser versions, from coarse to fine; each network says which. features:
    what it matched at each of them, of the fixed and the moving image; only while training.
    """

    displacement: Tensor
    velocity: Tensor | None = None
    levels: tuple[Tensor, ...] = ()
    features: tuple[tuple[Tensor, Tensor], ...] = ()

    def float(self) -> Prediction:
        """The same in 32 bits, as losses and measures need it after mixed precision."""
        return Prediction(
            self.displacement.float(),
            None if self.velocity is None else self.velocity.float(),
            tuple(level.float() for level in self.levels),
            tuple((fixed.float(), moving.float()) for fixed, moving in self.features),
        )
