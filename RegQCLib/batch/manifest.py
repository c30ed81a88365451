"""A list of cases from a CSV or a folder; rows that cannot be used are named and left out.

A CSV has the columns ``id``, ``fixed``, ``moving`` and, if wanted, ``transform`` and ``mask``; its
paths are relative to it. Commas, semicolons or tabs part them, as spreadsheets write.
A folder has a folder for each case with ``fixed.*``, ``moving.*``, ``transform.*`` and ``mask.*``,
or files ``ID_fixed.*`` and so on; a DICOM series is a folder of that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from RegQCLib.batch.csv_rows import read_rows
from RegQCLib.errors import InputError

REQUIRED = ("fixed", "moving")
OPTIONAL = ("transform", "mask")
ROLES = REQUIRED + OPTIONAL
MOST_LETTERS = 100
USABLE_ID = re.compile(r"[^\\/:*?\"<>|\x00-\x1f]*[^\\/:*?\"<>|\x00-\x1f. ]")


@dataclass(frozen=True)
class Case:
    """One pair. id: unique, and fit as the name of a folder. Paths are absolute."""

    id: str
    fixed: Path
    moving: Path
    transform: Path | None = None
    mask: Path | None = None

    @property
    def inputs(self) -> dict[str, Path]:
        """Paths by role, of those that are there."""
        paths = {role: getattr(self, role) for role in ROLES}
        return {role: path for role, path in paths.items() if path is not None}


@dataclass(frozen=True)
class Manifest:
    """Cases in order, and a line for the user about each row that was left out."""

    cases: tuple[Case, ...]
    problems: tuple[str, ...] = ()


def read_manifest(source: str | Path) -> Manifest:
    """Read a worklist from a CSV file or a folder.

    Raises InputError when there is no such file or folder, it cannot be read, has not the columns,
    or holds no case at all.
    """
    path = Path(source).expanduser().absolute()
    if path.is_dir():
        found = _collected(_folder_rows(path), path)
        advice = 'name files "ID_fixed" and "ID_moving", or make a folder for each case'
    elif path.exists():
        found = _from_csv(path)
        advice = "add rows"
    else:
        raise InputError(f"{path}: no such file or folder; check the path of the worklist")
    if not found.cases and not found.problems:
        raise InputError(f"{path}: holds no case; {advice}")
    return found


def _from_csv(path: Path) -> Manifest:
    columns, lines = read_rows(path)
    known = {name.lower() for name in columns}
    missing = [name for name in ("id", *REQUIRED) if name not in known]
    if missing:
        raise InputError(
            f"{path}: has no column {missing[0]}; its first line names the columns id, fixed, "
            "moving and, if wanted, transform and mask"
        )
    rows = (
        (f"{path.name}, line {line.number}", {k.lower(): v for k, v in line.cells.items()})
        for line in lines
    )
    return _collected(rows, path.parent)


def _folder_rows(folder: Path) -> Iterable[tuple[str, Mapping[str, str]]]:
    """Rows as a CSV would have them, from the names of files."""
    rows: dict[str, dict[str, str]] = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and _role(entry) is None:
            named = {_role(file): file for file in sorted(entry.iterdir(), reverse=True)}
            found = {role: str(file) for role, file in named.items() if role}
            if found:
                rows[entry.name] = {"id": entry.name, **found}
            continue
        matched = re.fullmatch(rf"(.+)[_-]({'|'.join(ROLES)})", _stem(entry), re.IGNORECASE)
        if matched:
            row = rows.setdefault(matched.group(1), {"id": matched.group(1)})
            row[matched.group(2).lower()] = str(entry)
    return [(f"{folder.name}, case {name}", row) for name, row in rows.items()]


def _role(entry: Path) -> str | None:
    stem = _stem(entry).lower()
    return stem if stem in ROLES else None


def _stem(entry: Path) -> str:
    return entry.name if entry.is_dir() else entry.name.split(".", 1)[0]


def _collected(rows: Iterable[tuple[str, Mapping[str, str]]], base: Path) -> Manifest:
    cases: dict[str, Case] = {}
    problems = []
    for place, row in rows:
        try:
            case = _case(row, base)
            known = cases.get(case.id.casefold())
            if known is not None:
                raise InputError(f"the id {case.id} is used twice; give every case its own")
            cases[case.id.casefold()] = case
        except InputError as error:
            problems.append(f"{place}: {error}; left out")
    return Manifest(tuple(cases.values()), tuple(problems))


def usable_id(name: str) -> str:
    """Return ``name``. Raises InputError when it is empty or cannot be the name of a folder."""
    if not name:
        raise InputError("has no id")
    if not USABLE_ID.fullmatch(name) or len(name) > MOST_LETTERS:
        raise InputError(
            f"the id {name[:40]!r} cannot be the name of a folder; use letters, digits, - and _"
        )
    return name


def _case(row: Mapping[str, str], base: Path) -> Case:
    name = usable_id(row.get("id", ""))
    paths: dict[str, Path] = {}
    for role in ROLES:
        text = row.get(role, "")
        if not text and role in REQUIRED:
            raise InputError(f"has no {role} image")
        if text:
            paths[role] = base / Path(text).expanduser()
            if not paths[role].exists():
                raise InputError(f"{role} {paths[role]} does not exist")
    return Case(name, **paths)
