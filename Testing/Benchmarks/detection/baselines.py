"""Classical measures as detectors: the value itself is the score, oriented to misalignment.

All are taken at full resolution over the fixed body inside both fields of view. Image-wise it is
the mean over the body, slice-wise the mean over its voxels in the slice; NMI has one joint
histogram of the image and one of every slice, with common bins.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from RegQCLib.geometry.foreground import body_mask
from RegQCLib.geometry.grid import PLANE_NAMES
from RegQCLib.geometry.resample import coverage, resample
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume
from RegQCLib.similarity.lncc import lncc_map
from RegQCLib.similarity.mind import mind_map
from RegQCLib.similarity.ngf import ngf_map
from RegQCLib.similarity.nmi import binned, normalized
from Testing.Benchmarks.detection.cases import slice_means
from Testing.Benchmarks.detection.methods import Judgement, SliceJudgement

NAMES = ("nmi", "lncc", "ngf", "mind")
BINS = 32  # of the joint histogram: a slice has few voxels
BORDER = 8  # voxels kept around the body for windows


class Classical:
    """NMI, squared LNCC, NGF and MIND-SSC; ``names`` selects among them."""

    def __init__(self, names: Sequence[str] = NAMES) -> None:
        self.names = tuple(names)

    def judge(
        self, fixed: Volume, moving: Volume, transform: Transform | None = None
    ) -> dict[str, Judgement]:
        """Score by each of the names; RegQC's InputError where bodies do not overlap at all."""
        moved = resample(moving, fixed.grid, transform)
        body = np.asarray(body_mask(fixed.array)) & coverage(moving.grid, fixed.grid, transform)
        box = find_objects(body.astype(np.int8))[0]
        region = tuple(slice(max(s.start - BORDER, 0), s.stop + BORDER) for s in box)
        first, second = fixed.array[region], moved.array[region]
        result = {}
        for name in self.names:
            if name == "nmi":
                result[name] = _judge_nmi(fixed, first, second, body, region)
                continue
            if name == "lncc":
                distance = -lncc_map(first, second)
            elif name == "ngf":
                distance = ngf_map(first, second, list(fixed.spacing), body[region])
            else:
                distance = mind_map(first, second)
            result[name] = _judge_map(fixed, distance, body, region)
        return result


def _judge_map(
    fixed: Volume,
    distance: NDArray[np.floating],
    body: NDArray[np.bool_],
    region: tuple[slice, ...],
) -> Judgement:
    values = np.full(fixed.shape, np.nan, dtype=np.float32)
    values[region] = distance
    values[~body] = np.nan
    slices = {
        plane: [
            SliceJudgement(n, v)
            for n, v in slice_means(values, fixed.grid.array_axis(plane)).items()
        ]
        for plane in PLANE_NAMES
    }
    return Judgement(float(values[body].mean(dtype=np.float64)), slices=slices)


def _judge_nmi(
    fixed: Volume,
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    body: NDArray[np.bool_],
    region: tuple[slice, ...],
) -> Judgement:
    inside = body[region]
    pairs = binned(first[inside], BINS) * BINS + binned(second[inside], BINS)
    where = np.argwhere(inside) + [s.start for s in region]
    whole = np.bincount(pairs, minlength=BINS**2).reshape(BINS, BINS)
    ones = np.where(body, np.float32(1), np.float32(np.nan))
    slices = {}
    for plane in PLANE_NAMES:
        axis = fixed.grid.array_axis(plane)
        count = fixed.shape[axis]
        joint = np.bincount(where[:, axis] * BINS**2 + pairs, minlength=count * BINS**2)
        joint = joint.reshape(count, BINS, BINS)
        slices[plane] = [SliceJudgement(n, -normalized(joint[n])) for n in slice_means(ones, axis)]
    return Judgement(-normalized(whole), slices=slices)
