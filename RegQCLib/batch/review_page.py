"""The page to review a run: one file that opens from disk, offline, with thousands of cases.

Its parts are in ``page/``. Everything comes from the rows; pictures are named by relative paths and
loaded when they come into view. A content security policy allows this script and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from RegQCLib.batch.case_folder import CHECK_FOLDER
from RegQCLib.batch.outliers import CUT_OFF, outlier_scores
from RegQCLib.batch.reviews import ABOUT, CASES_FOLDER, FORMAT, SCHEMA_VERSION
from RegQCLib.batch.table import COLUMNS, PENDING
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.qc.alignment_report import VERDICTS, plain
from RegQCLib.report.colors import VERDICT_COLORS

PAGE_FILE, THUMBNAIL_FILE, REPORT_FILE = "review.html", "thumbnail.png", "report.html"
PARTS = Path(__file__).parent / "page"
SCRIPTS = ("cases.js", "decisions.js", "plots.js", "table.js", "case.js", "main.js")
"""In order: each uses those before it."""
REASONS = ("Shift", "Rotation", "Scaling", "Wrong deformation", "Slice moved alone", "Artifact",
           "Not in the field of view", "Wrong pair of images")  # fmt: skip


def write_review_page(rows: Sequence[Mapping[str, Any]], folder: Path, *, title: str) -> Path:
    """Write ``review.html`` into a run's folder, complete or not at all; returns its path.

    rows: one a case, with `RegQCLib.batch.table.COLUMNS` and any further ones, the same in all;
    what is absent or None is shown as missing. Thumbnails (``cases/ID/thumbnail.png``) and reports
    (``cases/ID/check/report.html``) are named where they exist now.
    Raises InputError when the folder cannot be written.
    """
    file = Path(folder) / PAGE_FILE
    text = render(rows, Path(folder), title=title)
    with atomic_file(file) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    return file


def render(rows: Sequence[Mapping[str, Any]], folder: Path, *, title: str) -> str:
    """Return the text of the page, see `write_review_page`."""
    parts = "\n".join((PARTS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{parts}}})();\n'
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return _template().render(
        title=title,
        colors=VERDICT_COLORS,
        style=(PARTS / "page.css").read_text(encoding="utf-8"),
        script=script,
        digest=digest,
        data=embedded(page_data(rows, folder, title=title)),
    )


def page_data(rows: Sequence[Mapping[str, Any]], folder: Path, *, title: str) -> dict[str, Any]:
    """Return what the script reads: names of columns once, then a list of values a case."""
    found = [
        {
            **plain(row),
            "outlier": None if row.get("status") == PENDING else round(score, 2),
            "outlier_by": words,
            **_links(folder, str(row["id"])),
        }
        for row, (score, words) in zip(rows, outlier_scores(rows), strict=True)
    ]
    columns = list(dict.fromkeys(k for row in found for k, value in row.items() if value != ""))
    columns = [name for name in columns if any(row.get(name) is not None for row in found)]
    own = [name for row in rows[:1] for name in row if name not in COLUMNS and name in columns]
    return {
        "title": title,
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "about": ABOUT,
        "verdicts": VERDICTS,
        "reasons": REASONS,
        "cut_off": CUT_OFF,
        "own": own,
        "columns": columns,
        "rows": [[row.get(name) for name in columns] for row in found],
    }


def embedded(data: Any) -> str:
    """Return JSON that no parser of HTML can take for the end of its element, in ASCII."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _links(folder: Path, name: str) -> dict[str, str | None]:
    """Return relative addresses of a case's picture and report; None where there is none."""
    case = f"{CASES_FOLDER}/{quote(name, safe='', errors='surrogateescape')}"
    place = folder / CASES_FOLDER / name
    report = (place / CHECK_FOLDER / REPORT_FILE).exists()
    return {
        "thumbnail": f"{case}/{THUMBNAIL_FILE}" if (place / THUMBNAIL_FILE).exists() else None,
        "report": f"{case}/{CHECK_FOLDER}/{REPORT_FILE}" if report else None,
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(PARTS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
