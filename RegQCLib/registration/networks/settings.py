"""Settings from files: plain values in, a checked dataclass out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from RegQCLib.errors import InputError

Settings = TypeVar("Settings")


def read_settings(kind: type[Settings], values: Mapping[str, Any], what: str) -> Settings:
    """Make ``kind``, a dataclass, from ``values``; what is not given keeps its default.

    what: how errors name it. Raises InputError for unknown names and for values it cannot have.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise InputError(
            f"{what}: unknown settings {', '.join(unknown)}; known are {', '.join(known)}"
        )
    try:
        return kind(**{name: _frozen(value) for name, value in values.items()})
    except InputError as error:
        raise InputError(f"{what}: {error}") from None
    except (TypeError, ValueError):
        raise InputError(f"{what}: settings of a wrong type: {dict(values)}") from None


def _frozen(value: Any) -> Any:
    """Lists, as files have them, as the tuples of the settings."""
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else value
