"""What can stand in Annotated[...] beside validators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Default:
    """The value that a new parameter node gets, or a function that makes it then."""

    value: Any = None
    generator: Callable[[], Any] | None = None

    def get(self) -> Any:
        return self.value if self.generator is None else self.generator()


@dataclass(frozen=True)
class Decimals:
    """How many decimals a connected widget shows."""

    value: int


@dataclass(frozen=True)
class SingleStep:
    """By how much an arrow of a connected widget changes the value."""

    value: float


@dataclass(frozen=True)
class RangeBounds:
    """Between which limits a connected range widget lets its two handles move."""

    minimum: float
    maximum: float
