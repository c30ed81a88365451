"""Figures of a benchmark as a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from RegQCLib.qc.alignment_report import plain


def write_results(path: Path, result: dict[str, Any]) -> None:
    """Write ``result`` as JSON, numbers that are not finite as null; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain(result), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
