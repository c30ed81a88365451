"""Names of the registration networks, for those who must not load torch."""

NETWORK_NAMES = (
    "voxelmorph-1",
    "voxelmorph-2",
    "voxelmorph-diff",
    "sparsevm",
    "localnet",
    "globalnet",
    "label-reg",
    "contrast-agnostic",
)
