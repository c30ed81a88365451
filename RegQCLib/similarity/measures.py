"""The classical measures together, fast: supporting evidence for a report, never the verdict."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects

from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.arrays import Mask, block_average, checked_mask
from RegQCLib.similarity.lncc import lncc
from RegQCLib.similarity.mind import mind_distance
from RegQCLib.similarity.ncc import ncc
from RegQCLib.similarity.ngf import ngf_distance
from RegQCLib.similarity.nmi import entropy, joint_histogram, normalized

SPACING_MM = 2.9
"""Voxels are averaged in blocks up to this size: 1 mm images are compared at 2 mm."""

LNCC_WINDOW = 5  # voxels of the coarse grid: about a centimeter
MIND_DILATION = 1  # the coarse grid is already the distance at which patches are compared
HALF = 0.5
BORDER = 3  # voxels kept around the mask, for windows that reach out of it


def similarity_measures(fixed: Volume, moved: Volume, mask: Mask | None = None) -> dict[str, float]:
    """Every measure of two volumes on one grid, inside the mask, on a grid of about 2 mm.

    Returns ``ncc`` (-1 to 1), ``lncc`` (squared, 0 to 1), ``mi`` (nats) and ``nmi`` (1 to 2), for
    which larger = more alike, then ``ngf_distance`` and ``mind_distance``, for which larger = less
    alike. Values are comparable within one pair of contrasts only.
    Raises InputError for shapes or masks that do not fit.
    """
    inside = checked_mask(fixed.array, moved.array, mask)
    first, second = block_average(fixed, SPACING_MM), block_average(moved, SPACING_MM)
    share = block_average(fixed.with_array(inside.astype(np.float32)), SPACING_MM).array
    body = share >= min(HALF, float(share.max()))
    box = find_objects(body.astype(np.int8))[0]
    region = tuple(slice(max(s.start - BORDER, 0), s.stop + BORDER) for s in box)
    a, b, body = first.array[region], second.array[region], body[region]
    counts = joint_histogram(a, b, body)
    return {
        "ncc": ncc(a, b, body),
        "lncc": lncc(a, b, body, window=LNCC_WINDOW),
        "mi": entropy(counts.sum(1)) + entropy(counts.sum(0)) - entropy(counts),
        "nmi": normalized(counts),
        "ngf_distance": ngf_distance(a, b, list(first.spacing), body),
        "mind_distance": mind_distance(a, b, body, dilation=MIND_DILATION),
    }
