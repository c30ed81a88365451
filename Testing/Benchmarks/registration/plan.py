"""Which cases are run, and what the methods are told about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from Testing.Benchmarks.registration import cases, peers
from Testing.Benchmarks.registration.cases import FULL, PHANTOM_TASKS, SMALL, Case, phantom_case
from Testing.Benchmarks.registration.real_cases import (
    INTER,
    NATURAL,
    WEIGHTINGS,
    inter_cases,
    natural_cases,
    weighting_cases,
)

ORDERS: dict[str, peers.Order] = {
    cases.RIGID: peers.Order(peers.RIGID, same_contrast=False),
    cases.AFFINE: peers.Order(peers.AFFINE, same_contrast=False),
    cases.OTHER: peers.Order(peers.AFFINE, same_contrast=False),
    cases.CAPTURE: peers.Order(peers.AFFINE, same_contrast=False, far=True),
    cases.SAME: peers.Order(peers.DEFORMABLE, same_contrast=True),
    cases.CROSS: peers.Order(peers.DEFORMABLE, same_contrast=False),
    INTER: peers.Order(peers.DEFORMABLE, same_contrast=True, between_people=True),
    WEIGHTINGS: peers.Order(peers.DEFORMABLE, same_contrast=False),
    NATURAL: peers.Order(peers.RIGID, same_contrast=False),
}
TASKS = tuple(ORDERS)


@dataclass(frozen=True)
class Item:
    """One case to be run. key: a name for files."""

    task: str
    key: str
    make: Callable[[], Case]
    order: peers.Order


def plan(tasks: Sequence[str], *, seeds: Sequence[int], starts: int, small: bool) -> list[Item]:
    """Items of every task, in the order given.

    seeds: of the phantom tasks. starts: how many of the capture task, which is always small.
    small: 96^3 voxels of 2 mm, and real brains to be deformed averaged to 2 mm.
    """
    items = []
    for task in tasks:
        order = ORDERS[task]
        if task in PHANTOM_TASKS:
            far = task == cases.CAPTURE
            size = SMALL if small or far else FULL
            for seed in range(starts) if far else seeds:
                key = f"{task}-{seed}.{'x'.join(map(str, size[0]))}"
                items.append(Item(task, key, partial(phantom_case, task, seed, size), order))
        elif task in {INTER, WEIGHTINGS}:
            cases_of = inter_cases if task == INTER else weighting_cases
            made = cases_of(SMALL[1] if small else None)
            ending = ".2mm" if small else ""
            items += [Item(task, key + ending, make, order) for key, make in made.items()]
        else:
            items += [Item(task, key, make, order) for key, make in natural_cases().items()]
    return items
