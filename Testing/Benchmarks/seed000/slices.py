"""Labeled slices of real pairs for training, and whole images of both kinds for testing.

Test images are aligned and misaligned in turn. A slice has its image's label, as in the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.planes import (
    acquisition_axis,
    frame_around,
    gray_window,
    slice_images,
    windowed,
)
from RegQCLib.synthesis.slice_pairs import ALIGNED_PIXELS, LARGEST_PIXELS
from RegQCLib.synthesis.volume_pairs import VolumeSettings, volume_pair
from Testing.Benchmarks.detection.cases import MIN_SLICE_AREA
from Testing.Benchmarks.seed000.affine_moves import random_affine
from Testing.Benchmarks.seed000.stacks import PIXEL_MM, Stack

SMALLEST_TESTED_PIXELS = 1.0
SLICES_PER_IMAGE = 12
SYNTHETIC_TEST_SEED = 700_000_000


@dataclass(frozen=True)
class LabeledSlices:
    """What the loss of the slice classifier reads of a batch; see `SlicePairs`."""

    images: Tensor
    misaligned: Tensor
    mean_mm: Tensor
    pixel_mm: Tensor


@dataclass(frozen=True)
class TestImage:
    """One image pair: slices (N, 2, size, size), fixed then moving; mean_mm over its body."""

    __test__ = False  # pytest collects by name

    name: str
    subject: str
    misaligned: bool
    mean_mm: float
    slices: Tensor


def real_slices(
    stacks: Sequence[Stack], count: int, size: int, *, seed: Sequence[int], difficulty: float
) -> LabeledSlices:
    """Draw training slices: subjects equally often, half of the slices moved.

    Sizes are drawn as for synthetic slices (see `slice_pairs`): log-uniform from
    4 - 3.5 ``difficulty`` to 11 pixels on average over the slice's body. Slices are mirrored,
    turned by right angles, and their two channels exchanged, at random.
    """
    rng = np.random.default_rng(list(seed))
    subjects = sorted({stack.subject for stack in stacks})
    images, misaligned, mean_mm = [], [], []
    for _ in range(count):
        subject = subjects[rng.integers(len(subjects))]
        mine = [stack for stack in stacks if stack.subject == subject]
        stack = mine[rng.integers(len(mine))]
        axis = int(rng.choice(list(stack.slices)))
        index = int(rng.choice(stack.slices[axis]))
        moved = bool(rng.random() < 0.5)
        pixels = _pixels(moved, 4.0 - 3.5 * difficulty, rng)
        points = stack.slice_points(axis, index)
        move = random_affine(points, pixels * PIXEL_MM, stack.free, rng)
        image = stack.cut(axis, index, move, size, rng.random(2))
        images.append(_turned(image, rng))
        misaligned.append(moved)
        mean_mm.append(pixels * PIXEL_MM)
    return LabeledSlices(
        torch.stack(images),
        torch.tensor(misaligned),
        torch.tensor(mean_mm, dtype=torch.float32),
        torch.full((count,), PIXEL_MM),
    )


def real_images(stacks: Sequence[Stack], count: int, size: int, *, seed: int) -> list[TestImage]:
    """Test images of real pairs: subjects in turn, then their pairs and planes in turn."""
    subjects = sorted({stack.subject for stack in stacks})
    choices = {
        subject: [(s, axis) for s in stacks if s.subject == subject for axis in s.slices]
        for subject in subjects
    }
    images = []
    for number in range(count):
        # aligned and moved version of one choice follow each other
        turn, subject = divmod(number // 2, len(subjects))
        own = choices[subjects[subject]]
        stack, axis = own[turn % len(own)]
        rng = np.random.default_rng([seed, number])
        moved = number % 2 == 1
        size_mm = _pixels(moved, SMALLEST_TESTED_PIXELS, rng) * PIXEL_MM
        move = random_affine(stack.points, size_mm, stack.free, rng)
        exchanged = (turn // len(own)) % 2 == 1
        cut = [
            stack.cut(axis, index, move, size, np.array([0.5, 0.5]))
            for index in _spread(stack.slices[axis])
        ]
        slices = torch.stack(cut)
        images.append(
            TestImage(
                f"{stack.name} axis {axis}{' exchanged' if exchanged else ''}",
                stack.subject,
                moved,
                size_mm,
                slices.flip(1) if exchanged else slices,
            )
        )
    return images


def synthetic_images(bank: Tensor, count: int, size: int, *, seed: int) -> list[TestImage]:
    """Test images of synthmed: whole synthetic volumes, cut along one axis."""
    images = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        moved = number % 2 == 1
        generator = torch.Generator().manual_seed(SYNTHETIC_TEST_SEED + 1000 * seed + number)
        size_mm = _pixels(moved, SMALLEST_TESTED_PIXELS, rng) * PIXEL_MM
        settings = VolumeSettings(slice_motion_share=0.0)
        pair = volume_pair(bank, size_mm, generator, settings)
        # the moving grid is never the fixed one, so that both versions are interpolated alike
        moving = resample(pair.moving, pair.fixed.grid)
        thick = acquisition_axis(pair.fixed.grid)
        axis = number // 2 % 3 if thick is None else thick
        slices = _slices(pair.fixed, moving, pair.body, axis, size)
        images.append(
            TestImage(f"synthetic {number}", f"scene {number}", moved, pair.mean_mm, slices)
        )
    return images


def _slices(fixed: Volume, moving: Volume, body: np.ndarray, axis: int, size: int) -> Tensor:
    frame = frame_around(body, fixed.grid, pixel_mm=float(fixed.spacing.min()))
    inside = body[frame.box]
    area = np.moveaxis(inside, axis, 0).reshape(inside.shape[axis], -1).sum(axis=1)
    indices = np.array(_spread(np.flatnonzero(area >= MIN_SLICE_AREA * area.max()).tolist()))
    arrays = [
        windowed(volume.array[frame.box], gray_window(volume.array, body))
        for volume in (fixed, moving)
    ]
    cut = torch.from_numpy(slice_images(arrays[0], arrays[1], frame, axis, indices))
    result = torch.zeros(len(cut), 2, size, size)
    source, target = [], []
    for n in cut.shape[2:]:
        kept = min(n, size)
        source.append(slice((n - kept) // 2, (n - kept) // 2 + kept))
        target.append(slice((size - kept) // 2, (size - kept) // 2 + kept))
    result[:, :, target[0], target[1]] = cut[:, :, source[0], source[1]]
    return result


def _pixels(moved: bool, smallest: float, rng: np.random.Generator) -> float:
    if not moved:
        return float(rng.uniform(0, ALIGNED_PIXELS))
    return float(np.exp(rng.uniform(np.log(smallest), np.log(LARGEST_PIXELS))))


def _spread(indices: Sequence[int]) -> list[int]:
    """At most SLICES_PER_IMAGE of the indices, evenly spread."""
    if len(indices) <= SLICES_PER_IMAGE:
        return list(indices)
    places = np.linspace(0, len(indices) - 1, SLICES_PER_IMAGE).round().astype(int)
    return [indices[n] for n in places]


def _turned(image: Tensor, rng: np.random.Generator) -> Tensor:
    image = torch.rot90(image, int(rng.integers(4)), (1, 2))
    for axis in (0, 2):
        if rng.random() < 0.5:
            image = image.flip(axis)
    return image
