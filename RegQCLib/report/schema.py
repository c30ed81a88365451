"""The JSON Schema of ``report.json``, and checking a report against it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from RegQCLib.errors import InputError, MissingDependencyError


@cache
def schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12)."""
    text = files("RegQCLib.report").joinpath("schema.json").read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    return result


def validate(report: Mapping[str, Any]) -> None:
    """Check the content of a ``report.json``.

    Raises InputError naming the first place that does not fit, and MissingDependencyError without
    the package jsonschema.
    """
    try:
        import jsonschema
    except ImportError as error:
        raise MissingDependencyError(
            "checking a report needs jsonschema; run: pip install jsonschema"
        ) from error
    checker = jsonschema.Draft202012Validator(schema())
    found = jsonschema.exceptions.best_match(checker.iter_errors(report))
    if found is not None:
        raise InputError(
            f"the report does not fit its schema at {found.json_path}: {found.message}; "
            "write it again with this version of RegQC"
        )
