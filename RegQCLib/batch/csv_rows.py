"""Rows of a table that a spreadsheet or a program wrote, with their line numbers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from RegQCLib.errors import InputError

SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class Line:
    """One row. number: of the line in the file, from 1. cells: text by name of the column."""

    number: int
    cells: dict[str, str]


def read_rows(path: Path, *, errors: str = "strict") -> tuple[list[str], list[Line]]:
    """Return the names of the columns and the rows that are not empty.

    Commas, semicolons or tabs part the cells; blanks around them go. errors: as in `bytes.decode`;
    "surrogateescape" leaves rows that are not UTF-8 in the list, for the caller to refuse.
    Raises InputError when the file cannot be read as text.
    """
    advice = "cannot be read as text; save it as CSV in UTF-8"
    try:
        text = path.read_bytes().decode("utf-8-sig", errors)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {advice}") from error
    if "\x00" in text:  # UTF-16, or no text at all
        raise InputError(f"{path}: {advice}")
    lines = text.splitlines()
    header = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=header.count)
    reader = csv.DictReader(lines, delimiter=separator, skipinitialspace=True)
    columns = [(name or "").strip() for name in reader.fieldnames or ()]
    reader.fieldnames = columns
    rows = [
        Line(
            reader.line_num,
            {k: (v or "").strip() for k, v in row.items() if k and not isinstance(v, list)},
        )
        for row in reader
    ]
    return [name for name in columns if name], [row for row in rows if any(row.cells.values())]
