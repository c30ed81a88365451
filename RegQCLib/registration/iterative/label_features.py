"""Label maps as feature maps: soft, and few channels however many labels there are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from RegQCLib.errors import InputError

CHANNELS = 12


def label_codes(
    fixed: NDArray[np.generic], moving: NDArray[np.generic], *, seed: int = 0
) -> dict[int, Tensor]:
    """Code (C,) of every label that both maps hold; other labels count as background.

    Up to `CHANNELS` labels have a channel each. More labels share channels: their codes are random
    directions drawn with ``seed``, so that two of them are nearly as far apart as before.
    Raises InputError when no label but 0 is in both maps.
    """
    common = np.intersect1d(np.unique(fixed), np.unique(moving))
    common = common[common != 0]
    if not common.size:
        raise InputError(
            "the two label maps have no label in common; give maps that number structures alike"
        )
    if common.size <= CHANNELS:
        codes = torch.eye(common.size)
    else:
        generator = torch.Generator().manual_seed(seed)
        codes = torch.randn(common.size, CHANNELS, generator=generator)
        codes = functional.normalize(codes, dim=1)
    return {int(label): code for label, code in zip(common, codes, strict=True)}


def label_features(labels: Tensor, codes: dict[int, Tensor], factors: tuple[int, ...]) -> Tensor:
    """Mean codes over blocks of ``factors`` voxels and their neighbors, (1, C, *n).

    labels: (1, 1, *m) integers.
    """
    three_d = len(factors) == 3
    pool = functional.avg_pool3d if three_d else functional.avg_pool2d
    known = torch.tensor(sorted(codes), device=labels.device)
    place = torch.searchsorted(known, labels).clamp_max(len(known) - 1)
    table = torch.stack([codes[int(label)] for label in known]).to(labels.device)
    table = torch.cat([table, torch.zeros_like(table[:1])])
    index = torch.where(known[place] == labels, place, len(known))
    channels = [pool(column[index], factors) for column in table.T]
    # A cell wide on, so that slopes reach over the edge of a structure.
    return pool(torch.cat(channels, 1), 3, 1, 1, count_include_pad=False)
