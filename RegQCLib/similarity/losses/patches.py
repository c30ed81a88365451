"""Squared differences of the patches around a voxel's neighbors, for `mind`.

Pairs of neighbors that differ by the same step see the same differences from two places: 12 pairs
need 6 box sums. Neighbors, pairs and their order are those of `RegQCLib.similarity.mind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from RegQCLib.similarity.losses.box import box_sum
from RegQCLib.similarity.mind import PAIRS

Offset = tuple[int, ...]


class Step(NamedTuple):
    """A step from one neighbor to another, and the (channel, first neighbor) of its pairs."""

    step: Offset
    pairs: list[tuple[int, Offset]]


class Cut(NamedTuple):
    """Where the images of a step lie in a padded image, and its channels in their box sums."""

    first: tuple[slice, ...]
    second: tuple[slice, ...]
    channels: list[tuple[int, tuple[slice, ...]]]


def patch_sums(padded: Tensor, inside: Tensor | None, radius: int, dilation: int) -> Tensor:
    """Sum of squared differences of two patches, for every pair of neighbors.

    padded: (N, 1, *spatial) with radius + dilation voxels more on all sides than the result,
    (N, pairs, *spatial). inside: where given, of the shape of ``padded``, 1 for voxels to compare
    and 0 for others.
    """
    result = _empty_channels(padded, radius + dilation)
    for cut in _cuts(padded, radius, dilation):
        sums = _boxed(_difference(padded, inside, cut).square_(), radius)
        for channel, place in cut.channels:
            result[:, channel : channel + 1] = sums[place]
    return result


def patch_sums_gradient(
    change: Tensor, padded: Tensor, inside: Tensor | None, radius: int, dilation: int
) -> Tensor:
    """Derivative of a function of `patch_sums` by ``padded``, from ``change``, that by the sums."""
    result = torch.zeros_like(padded)
    for cut in _cuts(padded, radius, dilation):
        difference = _difference(padded, inside, cut)
        gathered = torch.zeros_like(difference)
        for channel, place in cut.channels:
            gathered[place] += change[:, channel : channel + 1]
        part = _boxed(gathered, radius).mul_(difference).mul_(2)
        result[cut.first] += part
        result[cut.second] -= part
    return result


def patch_counts(inside: Tensor, radius: int, dilation: int) -> Tensor:
    """How many voxels `patch_sums` adds, (N, pairs, *spatial)."""
    result = _empty_channels(inside, radius + dilation)
    for cut in _cuts(inside, radius, dilation):
        both = _boxed(inside[cut.first] * inside[cut.second], radius)
        for channel, place in cut.channels:
            result[:, channel : channel + 1] = both[place]
    return result


def _difference(padded: Tensor, inside: Tensor | None, cut: Cut) -> Tensor:
    difference = padded[cut.first] - padded[cut.second]
    if inside is not None:
        difference *= inside[cut.first] * inside[cut.second]
    return difference


def _boxed(values: Tensor, radius: int) -> Tensor:
    return box_sum(values, (2 * radius + 1,) * (values.ndim - 2))


def _empty_channels(padded: Tensor, margin: int) -> Tensor:
    shape = [n - 2 * margin for n in padded.shape[2:]]
    pairs = sum(len(step.pairs) for step in _steps(len(shape)))
    return padded.new_empty(padded.shape[0], pairs, *shape)


def _cuts(padded: Tensor, radius: int, dilation: int) -> Iterator[Cut]:
    sizes, margin = padded.shape[2:], radius + dilation
    for step, pairs in _steps(len(sizes)):
        shift = [dilation * s for s in step]
        starts = [max(0, -s) for s in shift]
        lengths = [n - abs(s) for n, s in zip(sizes, shift, strict=True)]
        places = [
            (
                channel,
                _region(
                    [margin + dilation * o - s for o, s in zip(neighbor, starts, strict=True)],
                    [n - 2 * margin for n in sizes],
                ),
            )
            for channel, neighbor in pairs
        ]
        moved = [start + s for start, s in zip(starts, shift, strict=True)]
        yield Cut(_region(starts, lengths), _region(moved, lengths), places)


def _region(starts: list[int], lengths: list[int]) -> tuple[slice, ...]:
    inner = (slice(start, start + n) for start, n in zip(starts, lengths, strict=True))
    return (slice(None), slice(None), *inner)


@cache
def _steps(axes: int) -> tuple[Step, ...]:
    """Steps between the neighbors of every pair; a step and its opposite are one."""
    unused = 3 - axes
    in_plane = [(a[unused:], b[unused:]) for a, b in PAIRS if not any(a[:unused] + b[:unused])]
    found: dict[Offset, list[tuple[int, Offset]]] = {}
    for channel, pair in enumerate(in_plane):
        first, second = min(pair), max(pair)
        step = tuple(y - x for x, y in zip(first, second, strict=True))
        found.setdefault(step, []).append((channel, first))
    return tuple(Step(step, pairs) for step, pairs in found.items())
