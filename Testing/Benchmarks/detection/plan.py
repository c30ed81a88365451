"""Which cases are run, as plain values that name them in the cache and in results."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from Testing.Benchmarks.detection.moves import KINDS, SIZES_MM, THROUGH
from Testing.Benchmarks.detection.pairs import Pair

ALIGNED = "aligned"
SLICE = "slice"
NATURAL = "natural"
CORRECTED = "corrected"

SLICE_SHIFT_MM = 4.0
SLICE_CASES = 10
STRESS_SIZES_MM = (2.0, 3.0, 5.0, 8.0)
BORDERLINE_SIZES_MM = (3.0,)
ALIGNED_VERSIONS = 2  # per repeat, so that the rate of false alarms has a base

QUICK_SIZES_MM = (1.0, 2.0, 3.0)
QUICK_PAIRS = (
    "omsmni_p07_T1+omsmni_p07_T2",
    "brats_p1_FLAIR+T1c",
    "lumbar_DzZ_T1+T2",
    "omslong_p01_s1_FLAIR+s1_T1W",
    "cspine_ex_mt0+cspine_ex_t1w",
    "cspine_unf01_T1w+cspine_unf01_T2w",
)


@dataclass(frozen=True)
class Task:
    """One case: a pair's name, which way round, and what is done to it.

    kind: a kind of move, "through", "aligned", "slice" (one slice shifted), "natural" (as found,
    misaligned) or "corrected" (the same with the authors' transform given).
    """

    pair: str
    group: str
    swapped: bool
    kind: str
    size_mm: float
    seed: int

    @property
    def key(self) -> str:
        """A name for files."""
        side = "swapped" if self.swapped else "asis"
        return f"{self.pair}.{side}.{self.kind}.{self.size_mm:g}.{self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """Its values."""
        return asdict(self)


def plan_moves(
    pairs: Sequence[Pair], *, sizes: Iterable[float] = SIZES_MM, repeats: int = 2
) -> list[Task]:
    """Aligned and moved versions; odd repeats exchange fixed and moving.

    Kinds rotate over pairs, sizes and repeats, so that every size meets every kind. Thick stacks
    and slabs, whose moves stay in plane, get one through-plane move of one slice a repeat.
    """
    tasks = []
    for number, pair in enumerate(pairs):
        for repeat in range(repeats if pair.group == "aligned" else 1):
            side = {"pair": pair.name, "group": pair.group, "swapped": repeat % 2 == 1}
            for version in range(ALIGNED_VERSIONS):
                seed = repeat * ALIGNED_VERSIONS + version
                tasks.append(Task(**side, kind=ALIGNED, size_mm=0.0, seed=seed))
            for rank, size in enumerate(sizes_for(pair, sizes)):
                kind = KINDS[(number + rank + repeat) % len(KINDS)]
                tasks.append(Task(**side, kind=kind, size_mm=size, seed=repeat))
            if pair.spacing_class == "thick" and pair.group == "aligned":
                tasks.append(Task(**side, kind=THROUGH, size_mm=0.0, seed=repeat))
    return tasks


def sizes_for(pair: Pair, sizes: Iterable[float]) -> list[float]:
    """Sizes run for a pair: all where the alignment is known, fewer where it is not."""
    kept = {"stress": STRESS_SIZES_MM, "borderline": BORDERLINE_SIZES_MM}.get(pair.group)
    return [size for size in sizes if kept is None or size in kept]


def plan_slices(pairs: Sequence[Pair], *, count: int = SLICE_CASES, seed: int = 0) -> list[Task]:
    """Single-slice shifts on ``count`` draws of thick pairs, all different while they last."""
    stacks = [pair for pair in pairs if pair.spacing_class == "thick" and pair.group == "aligned"]
    if not stacks:
        return []
    draw = random.Random(seed)
    order: list[tuple[Pair, bool, int]] = []
    while len(order) < count:
        turn = len(order) // max(2 * len(stacks), 1)
        both = [(pair, swapped, turn) for pair in stacks for swapped in (False, True)]
        order += draw.sample(both, len(both))
    return [
        Task(pair.name, pair.group, swapped, SLICE, SLICE_SHIFT_MM, turn)
        for pair, swapped, turn in order[:count]
    ]


def plan_natural(pairs: Sequence[Pair]) -> list[Task]:
    """Pairs found misaligned, both ways round, without and with the authors' transform."""
    return [
        Task(pair.name, pair.group, swapped, kind, 0.0, 0)
        for pair in pairs
        for swapped in (False, True)
        for kind in (NATURAL, CORRECTED)
    ]
