"""A progress bar beside a button that cancels."""

from __future__ import annotations

from typing import Any

STEPS = 1000
"""Maximum of the bars, as in the forms."""


class ProgressRow:
    """Both are seen while something runs."""

    def __init__(self, bar: Any, cancelButton: Any) -> None:
        self._bar, self._button = bar, cancelButton

    def begin(self, what: str) -> None:
        """Show what is done; an empty text hides the row."""
        self._bar.setVisible(bool(what))
        self._button.setVisible(bool(what))
        self._bar.setValue(0)
        self._bar.setFormat(what)

    def advance(self, fraction: float, text: str = "") -> None:
        """Show how far it is, 0 to 1, and, if given, another text."""
        self._bar.setValue(round(STEPS * fraction))
        if text:
            self._bar.setFormat(text)
