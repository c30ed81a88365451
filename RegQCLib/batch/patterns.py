"""A manifest from the names of files: patterns with ``{names}``, joined where names are shared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from RegQCLib.batch.pairs import ROLES
from RegQCLib.errors import InputError

REQUIRED = ("fixed", "moving")
PLACEHOLDER = re.compile(r"\{(\w+)\}|\*\*/|\*")
Named = dict[str, str]


def rows_of_folder(folder: str | Path, patterns: Iterable[str]) -> list[dict[str, str]]:
    """Return rows of a manifest, sorted by id; paths are absolute.

    patterns: ``ROLE=PATTERN``, relative to ``folder``; ``{name}`` stands for some of a file's or
    folder's name and becomes a column, ``*`` for anything in one, ``**/`` for folders between.
    Files whose ``{names}`` agree belong together; the id is made of all of them.
    Raises InputError for bad patterns, two files in one place, and when nothing is found.
    """
    base = Path(folder).expanduser().absolute()
    if not base.is_dir():
        raise InputError(f"{base}: no such folder; check the path")
    wanted = _parsed(patterns)
    files = sorted(path.relative_to(base).as_posix() for path in base.rglob("*"))
    found = {role: matches(role, pattern, files) for role, pattern in wanted.items()}
    for role in REQUIRED:
        if not found[role]:
            raise InputError(f"{base}: nothing matches {role}={wanted[role]}; check the pattern")
    joined = [(names, {"fixed": file}) for names, file in found.pop("fixed")]
    for role, candidates in found.items():
        joined = _joined(joined, role, candidates, keep=role not in REQUIRED)
    rows = [_row(base, names, paths) for names, paths in joined]
    if not rows:
        raise InputError(f"{base}: no fixed image has a moving one with the same names")
    return sorted(rows, key=lambda row: row["id"])


def _parsed(patterns: Iterable[str]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for text in patterns:
        role, equals, pattern = text.partition("=")
        if not equals or role not in ROLES or not pattern:
            raise InputError(
                f"{text!r} is no pattern; write ROLE=PATTERN such as fixed={{id}}/t1.nii.gz, "
                f"with a ROLE of {', '.join(ROLES)}"
            )
        wanted[role] = pattern
    missing = [role for role in REQUIRED if role not in wanted]
    if missing:
        raise InputError(f"there is no pattern for {missing[0]}; add {missing[0]}=PATTERN")
    return {role: wanted[role] for role in ROLES if role in wanted}


def matches(role: str, pattern: str, files: Iterable[str]) -> list[tuple[Named, str]]:
    """Return the files that fit a pattern, each with what its ``{names}`` stand for.

    role: of the files, for messages. Raises InputError for two files of the same names.
    """
    expression = _expression(pattern)
    found: dict[tuple[tuple[str, str], ...], str] = {}
    for file in files:
        match = expression.fullmatch(file)
        if match is None:
            continue
        key = tuple(sorted(match.groupdict().items()))
        if key in found:
            raise InputError(
                f"{role}={pattern} matches both {found[key]} and {file}; name what differs, "
                "such as {run}"
            )
        found[key] = file
    return [(dict(key), file) for key, file in found.items()]


def _expression(pattern: str) -> re.Pattern[str]:
    parts, names, last = [], set(), 0
    for match in PLACEHOLDER.finditer(pattern):
        parts.append(re.escape(pattern[last : match.start()]))
        name = match.group(1)
        if name is None:
            parts.append("(?:.*/)?" if match.group() == "**/" else "[^/]*")
        elif name in names:
            parts.append(f"(?P={name})")
        elif not name.isidentifier():
            raise InputError(f"{pattern}: a name in braces starts with a letter, got {{{name}}}")
        else:
            names.add(name)
            parts.append(f"(?P<{name}>[^/]+?)")
        last = match.end()
    return re.compile("".join([*parts, re.escape(pattern[last:])]))


def _joined(
    rows: list[tuple[Named, Named]],
    role: str,
    candidates: list[tuple[Named, str]],
    *,
    keep: bool,
) -> list[tuple[Named, Named]]:
    """Add the files of a role to the rows they belong to. keep: also rows without one."""
    result = []
    for names, paths in rows:
        fitting = [
            (other, file)
            for other, file in candidates
            if all(names.get(key, value) == value for key, value in other.items())
        ]
        result += [({**names, **other}, {**paths, role: file}) for other, file in fitting]
        if keep and not fitting:
            result.append((names, paths))
    return result


def _row(base: Path, names: Mapping[str, str], paths: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in sorted(names.items()) if name not in ("id", *ROLES)}
    name = "_".join(filter(None, (names.get("id"), *own.values()))) or "pair"
    return {"id": name, **{role: str(base / file) for role, file in paths.items()}, **own}
