"""What a training run says of itself while it runs."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from RegQCLib.geometry.atomic_file import atomic_file

LOG_EVERY = 20


class TrainingLog:
    """Means of the logged values every LOG_EVERY steps and at every flush, as CSV.

    keep_until: the last step of which rows of an earlier run are kept.
    """

    def __init__(self, path: Path, *, keep_until: int) -> None:
        self.path, self.started = path, time.perf_counter()
        self.pending: list[dict[str, float]] = []
        self.rows: list[dict[str, float]] = []
        if keep_until and path.exists():
            with path.open(newline="", encoding="utf-8") as stream:
                rows = [
                    {**{k: float(v) for k, v in row.items()}, "step": int(row["step"])}
                    for row in csv.DictReader(stream)
                ]
            self.rows = [row for row in rows if row["step"] <= keep_until]
        self.before = self.rows[-1]["seconds"] if self.rows else 0.0

    def add(self, step: int, values: dict[str, float]) -> None:
        """Take the values of ``step``, counted from 0."""
        self.pending.append(values)
        if (step + 1) % LOG_EVERY == 0:
            self._close(step + 1)

    def flush(self, step: int) -> None:
        """Write the file; ``step`` steps are done."""
        if self.pending:  # a resumed run must not miss them
            self._close(step)
        with (
            atomic_file(self.path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as stream,
        ):
            writer = csv.DictWriter(stream, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)

    def _close(self, step: int) -> None:
        names = self.pending[0]
        mean = {k: sum(v[k] for v in self.pending) / len(self.pending) for k in names}
        seconds = self.before + time.perf_counter() - self.started
        self.rows.append({"step": step, "seconds": round(seconds, 1), **mean})
        self.pending = []
