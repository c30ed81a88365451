"""Which real pairs train and which test: whole subjects on one side only.

The sets are tiny, so the test subjects are named instead of drawn: on the brain side one of thick
stacks and one of isotropic images, on the spine side two subjects of whom no other image exists
here. Every subject not named trains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from RegQCLib.errors import InputError
from Testing.Benchmarks.detection.pairs import Pair

TEST_SUBJECTS = {"brain": ("omslong_p03", "omsx_p19"), "spine": ("unf01", "sct_sub01")}
ORGANS = tuple(TEST_SUBJECTS)


@dataclass(frozen=True)
class Split:
    """Aligned pairs of one organ; no subject is on both sides."""

    organ: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Subjects and pairs of both sides."""
        sides = {"train": self.train, "test": self.test}
        return {
            side: {
                "subjects": sorted({pair.subject for pair in pairs}),
                "pairs": [pair.name for pair in pairs],
            }
            for side, pairs in sides.items()
        }


def split(pairs: Sequence[Pair], organ: str) -> Split:
    """Share out the pairs of an organ, "brain" or "spine"; InputError when a side stays empty."""
    mine = [pair for pair in pairs if pair.organ.split()[-1] == organ]
    train = tuple(pair for pair in mine if pair.subject not in TEST_SUBJECTS[organ])
    test = tuple(pair for pair in mine if pair.subject in TEST_SUBJECTS[organ])
    if not train or not test:
        side = "test" if train else "training"
        raise InputError(f"REGQC_DATA has no {side} pairs of the {organ}; use the complete folder")
    return Split(organ, train, test)
