"""SparseVM: VoxelMorph for scans of few slices.

Lewis et al., "Fast learning-based registration of sparse clinical images" (2018): the network is
that of VoxelMorph, of whose two sizes the paper does not say which; here the larger one. What
differs is training, where voxels count by how far they were acquired rather than interpolated
(`RegQCLib.registration.confidence`).
"""

from __future__ import annotations

from dataclasses import dataclass

from RegQCLib.registration.networks.voxelmorph import VoxelMorph, VoxelMorph2Settings


@dataclass(frozen=True)
class SparseVoxelMorphSettings(VoxelMorph2Settings):
    """Those of voxelmorph-2."""


class SparseVoxelMorph(VoxelMorph):
    """`VoxelMorph`, trained with confidence."""
