"""The JSON Schemas of what RegQC writes, and checking files against them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from RegQCLib.errors import InputError, MissingDependencyError

CHECK = "schema.json"
REGISTRATION = "registration_schema.json"
DECISIONS = "decisions_schema.json"


@cache
def schema(name: str = CHECK) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a check's report, a registration's, or of decisions."""
    text = files("RegQCLib.report").joinpath(name).read_text(encoding="utf-8")
    result: dict[str, Any] = json.loads(text)
    return result


def validate(report: Mapping[str, Any], name: str = CHECK) -> None:
    """Check the content of a JSON file against a schema: `CHECK`, `REGISTRATION` or `DECISIONS`.

    Raises InputError naming the first place that does not fit, and MissingDependencyError without
    the package jsonschema.
    """
    try:
        import jsonschema
    except ImportError as error:
        raise MissingDependencyError(
            "checking a report needs jsonschema; run: pip install jsonschema"
        ) from error
    checker = jsonschema.Draft202012Validator(schema(name))
    found = jsonschema.exceptions.best_match(checker.iter_errors(report))
    if found is not None:
        raise InputError(
            f"the report does not fit its schema at {found.json_path}: {found.message}; "
            "write it again with this version of RegQC"
        )
