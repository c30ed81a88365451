"""The label maps that training draws its scenes from, kept from run to run."""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from RegQCLib.progress import Progress
from RegQCLib.synthesis.label_maps import load_or_make_bank

BANK_SEED = 1000


def label_bank(folder: Path, maps: int, size: int, progress: Progress) -> Tensor:
    """(maps, size, size, size) uint8, from the folder ``REGQC_CACHE`` or else from ``folder``."""
    cache = Path(os.environ.get("REGQC_CACHE", folder))
    path = cache / f"label_maps_{maps}x{size}.npy"
    return load_or_make_bank(path, count=maps, size=size, seed=BANK_SEED, progress=progress)
