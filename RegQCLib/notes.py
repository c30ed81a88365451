"""Notes for the user: what reading the inputs assumed, such as an orientation no header gives."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class _Collector(logging.Handler):
    """Keeps the text of warnings, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        if text not in self.texts:
            self.texts.append(text)


@contextmanager
def collected_notes() -> Iterator[list[str]]:
    """Yield a list that RegQC's logged warnings are added to, one line each, while it is open."""
    logger = logging.getLogger("RegQCLib")
    collector = _Collector()
    logger.addHandler(collector)
    try:
        yield collector.texts
    finally:
        logger.removeHandler(collector)
