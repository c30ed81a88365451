"""Rules that a value must pass before it is written to a parameter node."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any


class Validator(ABC):
    """One rule; a module may define its own."""

    @abstractmethod
    def validate(self, value: Any) -> None:
        """Raise ValueError (or TypeError) if `value` breaks the rule."""


class NotNone(Validator):
    """A value must be given."""

    def validate(self, value: Any) -> None:
        if value is None:
            raise ValueError("The value must not be None")


class IsInstance(Validator):
    """The value must be of a type, or None."""

    def __init__(self, classtype: type | tuple[type, ...]) -> None:
        self.classtype = classtype

    def validate(self, value: Any) -> None:
        if value is not None and not isinstance(value, self.classtype):
            raise TypeError(f"{value!r} is a {type(value).__name__}, not a {self.classtype}")


class WithinRange(Validator):
    """The value lies between two limits, both included."""

    def __init__(self, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within {self.minimum} to {self.maximum}")


class Minimum(Validator):
    """The value is not below a limit."""

    def __init__(self, minimum: float) -> None:
        self.minimum = minimum

    def validate(self, value: Any) -> None:
        if value < self.minimum:
            raise ValueError(f"{value} is below {self.minimum}")


class Maximum(Validator):
    """The value is not above a limit."""

    def __init__(self, maximum: float) -> None:
        self.maximum = maximum

    def validate(self, value: Any) -> None:
        if value > self.maximum:
            raise ValueError(f"{value} is above {self.maximum}")


class Choice(Validator):
    """The value is one of a list."""

    def __init__(self, choices: Iterable[Any]) -> None:
        self.choices = list(choices)

    def validate(self, value: Any) -> None:
        if value not in self.choices:
            raise ValueError(f"{value!r} is none of {self.choices}")


class Exclude(Validator):
    """The value is none of a list."""

    def __init__(self, excludedValues: Iterable[Any]) -> None:
        self.excludedValues = list(excludedValues)

    def validate(self, value: Any) -> None:
        if value in self.excludedValues:
            raise ValueError(f"{value!r} is excluded")


class RegexMatch(Validator):
    """The text matches a regular expression from its start."""

    def __init__(self, regex: str) -> None:
        self.pattern = re.compile(regex)

    def validate(self, value: Any) -> None:
        if not self.pattern.match(value):
            raise ValueError(f"{value!r} does not match {self.pattern.pattern!r}")
