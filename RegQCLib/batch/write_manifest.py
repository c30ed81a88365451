"""Writing a manifest that `pairs.read_pairs` reads."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from RegQCLib.batch.pairs import ROLES
from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file


def write_manifest(
    rows: Sequence[Mapping[str, str]], file: str | Path, *, overwrite: bool = False
) -> Path:
    """Write rows with ``id`` and absolute paths as CSV, or TSV by the suffix; returns the path.

    Paths below the manifest's folder become relative to it, so that both can move together.
    Raises InputError when the file exists, unless ``overwrite``, or cannot be written.
    """
    target = Path(file).expanduser().absolute()
    if target.exists() and not overwrite:
        raise InputError(f"{target}: exists; choose another name or pass --overwrite")
    present = list(dict.fromkeys(name for row in rows for name in row))
    first = [name for name in ("id", *ROLES) if name in present]
    columns = [*first, *(name for name in present if name not in first)]
    separator = "\t" if target.suffix.lower() == ".tsv" else ","
    with (
        atomic_file(target) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, columns, delimiter=separator, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: _shown(k, v, target.parent) for k, v in row.items()})
    return target


def _shown(name: str, value: str, folder: Path) -> str:
    path = Path(value)
    if name in ROLES and path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    return value
