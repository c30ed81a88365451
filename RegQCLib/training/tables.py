"""From a table of a TOML file to a dataclass, with every mistake told in one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from RegQCLib.errors import InputError

Settings = TypeVar("Settings")

KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    dict: "a table",
    tuple: "a list",
}


def from_table(cls: type[Settings], values: object, where: str) -> Settings:
    """Return the dataclass ``cls`` made of ``values``; lists become tuples.

    where: what to call the table in messages, such as "file.toml: [loss]".
    Raises InputError for unknown, missing and wrong values, and those that ``cls`` itself raises.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where} must be a table")
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise InputError(f"{where} has no setting {name!r}; known ones: {', '.join(known)}")
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where} needs the setting {name}")
    kinds = get_type_hints(cls)
    checked = {
        name: _checked(value, kinds[name], f"{where} {name}") for name, value in values.items()
    }
    try:
        return cls(**checked)
    except InputError as error:
        raise InputError(f"{where} {error}") from None


def require_positive(settings: object, *names: str) -> None:
    """Raise InputError unless the named numbers of a dataclass lie above 0."""
    for name in names:
        value = getattr(settings, name)
        if not value > 0:
            raise InputError(f"{name} must lie above 0, got {value}")


def require_share(settings: object, *names: str) -> None:
    """Raise InputError unless the named numbers of a dataclass lie between 0 and 1."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value <= 1:
            raise InputError(f"{name} must lie between 0 and 1, got {value}")


def require_not_negative(settings: object, *names: str) -> None:
    """Raise InputError where the named numbers of a dataclass lie below 0."""
    for name in names:
        value = getattr(settings, name)
        if not value >= 0:
            raise InputError(f"{name} must not lie below 0, got {value}")


def _checked(value: Any, kind: Any, where: str) -> Any:
    origin = get_origin(kind) or kind
    if origin is Literal:
        if value not in get_args(kind):
            raise InputError(f"{where} must be one of {', '.join(get_args(kind))}; got {value!r}")
        return value
    if origin is tuple and isinstance(value, list):
        item = get_args(kind)[0]
        return tuple(_checked(one, item, f"{where}, each of the list,") for one in value)
    if origin is float and type(value) is int:
        return float(value)
    if type(value) is not origin:
        raise InputError(f"{where} must be {KINDS[origin]}, got {value!r}")
    return value
