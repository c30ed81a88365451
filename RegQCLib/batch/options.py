"""What is done with every pair of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from RegQCLib.errors import InputError

KINDS = ("rigid", "similarity", "affine", "deformable")
STACKS = ("fixed", "moving")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Options:
    """Steps, in this order, and how they are done.

    fix_slices: "fixed" or "moving", the stack whose slices are put back first. register: a kind of
    `RegQCLib.registration.register`, from the manifest's transform on. check: judge the alignment.
    evaluate: by labels and landmarks. tolerance_mm, between_people, device: as in
    `RegQCLib.qc.check`. Raises InputError for other words, and when there is nothing to do.
    """

    fix_slices: str | None = None
    register: str | None = None
    check: bool = True
    evaluate: bool = False
    tolerance_mm: float | None = None
    between_people: bool = False
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, words in (("fix_slices", STACKS), ("register", KINDS), ("device", DEVICES)):
            value = getattr(self, name)
            if value is not None and value not in words:
                raise InputError(f"{name} is one of {', '.join(words)}, got {value!r}")
        tolerance = self.tolerance_mm
        if tolerance is not None and not 0 < tolerance < math.inf:
            raise InputError(f"the tolerance must be a positive number of mm, got {tolerance:g}")
        if not (self.fix_slices or self.register or self.check or self.evaluate):
            raise InputError("there is nothing to do; let the pairs be checked or evaluated")

    @property
    def needs_images(self) -> bool:
        """Whether any step looks at the images."""
        return bool(self.fix_slices or self.register or self.check)

    def judging(self) -> dict[str, Any]:
        """Return the options that a verdict depends on."""
        names = ("tolerance_mm", "between_people", "device")
        return {name: getattr(self, name) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Options:
        """Read what `to_dict` returned."""
        return cls(**content)
