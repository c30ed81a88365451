"""The pairs of a batch: every row of its manifest becomes one, those that cannot be used, too.

Columns (any order, any case): ``fixed``, ``moving``, ``transform``, ``mask``, ``labels``,
``landmarks``, ``id``. Labels and landmarks are two files each, fixed and moving, in one cell parted
by ``|`` or in columns of their own (``fixed_labels``, ``moving_labels`` and so on). Paths are
relative to the manifest. Other columns are kept for the tables.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from RegQCLib.batch.csv_rows import Line, read_rows
from RegQCLib.batch.manifest import usable_id
from RegQCLib.errors import InputError

SINGLE = ("fixed", "moving", "transform", "mask")
DOUBLE = ("labels", "landmarks")
SIDES = ("fixed", "moving")
ROLES = (*SINGLE, *(f"{side}_{role}" for role in DOUBLE for side in SIDES))
BETWEEN = "|"
NO_IMAGES = (".tfm", ".xfm", ".mat", ".lta", ".txt", ".csv", ".tsv", ".json")
"""Suffixes of transforms, landmarks and tables: their columns stand in each other's place."""


@dataclass(frozen=True)
class Pair:
    """One row. id: unique. inputs: absolute paths by role, see `ROLES`; they may not exist.

    columns: the row as it stands in the manifest. problem: why it cannot be used, one line; its id
    is then good for no folder.
    """

    id: str
    inputs: Mapping[str, Path] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Pairs:
    """All pairs in the order of the manifest, and the names of its columns."""

    pairs: tuple[Pair, ...]
    columns: tuple[str, ...]


def read_pairs(manifest: str | Path, *, root: str | Path | None = None) -> Pairs:
    """Read a manifest (CSV or TSV).

    root: what relative paths begin at, and may not lead out of; the manifest's folder by default.
    Rows without an ``id`` column are named after their number.
    Raises InputError when there is no such file, it is no text, or has no column for the images.
    """
    path = Path(manifest).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"{path}: no such manifest; check the path")
    base = path.parent if root is None else Path(root).expanduser().absolute()
    columns, lines = read_rows(path, errors="surrogateescape")
    known = {name.lower() for name in columns}
    if not known & set(ROLES) | known & set(DOUBLE):
        raise InputError(
            f"{path}: its first line names no column of images; it needs fixed and moving, and may "
            "have transform, mask, labels, landmarks and id"
        )
    if not lines:
        raise InputError(f"{path}: has no rows; add some")
    taken: dict[str, int] = {}
    pairs = [_pair(line, base, taken, numbered="id" not in known) for line in lines]
    return Pairs(tuple(pairs), tuple(_readable(name) for name in columns))


def _pair(line: Line, base: Path, taken: dict[str, int], *, numbered: bool) -> Pair:
    columns = {_readable(name): _readable(text) for name, text in line.cells.items()}
    cells = {name.lower(): text for name, text in line.cells.items()}
    name = f"row{line.number - 1:05d}" if numbered else cells.get("id", "")
    place = f"line {line.number}"
    try:
        if any(_readable(text) != text for text in line.cells.values()):
            raise InputError("is not UTF-8; save the manifest as UTF-8")
        usable_id(name)
        earlier = taken.setdefault(name.casefold(), line.number)
        if earlier != line.number:
            raise InputError(f"the id {name} is used in line {earlier}, too; give it its own")
        return Pair(name, _paths(cells, base), columns)
    except InputError as error:
        shown = f"{_readable(name)} ({place})" if name else place
        return Pair(shown, {}, columns, f"{place} of the manifest: {error}")


def _paths(cells: Mapping[str, str], base: Path) -> dict[str, Path]:
    texts = {role: cells[role] for role in ROLES if cells.get(role)}
    for role in DOUBLE:
        if cells.get(role):
            files = [part.strip() for part in cells[role].split(BETWEEN)]
            if len(files) != 2 or not all(files):
                raise InputError(f"{role} are two files, FIXED{BETWEEN}MOVING; got {cells[role]}")
            texts |= {f"{side}_{role}": file for side, file in zip(SIDES, files, strict=True)}
        one, other = (f"{side}_{role}" for side in SIDES)
        if (one in texts) != (other in texts):
            raise InputError(f"{one} and {other} belong together; give both")
    for role in SIDES:
        if texts.get(role, "").lower().endswith(NO_IMAGES):
            raise InputError(
                f"{role} is {texts[role]}, which is no image; check the columns' order"
            )
    return {role: _path(role, text, base) for role, text in texts.items()}


def _path(role: str, text: str, base: Path) -> Path:
    """Return the path in a cell; relative ones stay below ``base``, where a study is looked for."""
    path = Path(text).expanduser()
    if path.is_absolute():
        return path
    found = Path(os.path.normpath(base / path))
    if not found.is_relative_to(base):
        raise InputError(
            f"{role} {text} lies outside {base}; give its full path, or --root a folder above it"
        )
    return found


def _readable(text: str) -> str:
    """Return text in which bytes that are not UTF-8 became question marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
