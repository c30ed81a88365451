"""Notes for the user on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def print_notes(texts: Iterable[str]) -> None:
    """Print ``note: ...`` lines on stderr; stdout belongs to the result."""
    for text in texts:
        print(f"note: {text}", file=sys.stderr)  # noqa: T201
