"""What a worker is given and what it gives back. Workers know nothing of RegQC.

They are run by path, perhaps by another Python: ``python run_ants.py FOLDER``. FOLDER holds
``job.json`` and the images; the worker writes transform files and ``result.json``:

seconds     of the registration alone: no import, no reading of images where the tool takes them
cpu_seconds of the same, over all threads
forward     files that lead from fixed to moving points; a point goes through the first one first
backward    the same the other way round, empty where the tool offers none
Every file comes with whether it is meant inverted.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Files = Sequence[tuple[str, bool]]


@dataclass
class Job:
    """kind: rigid, affine or deformable. same_contrast, far: what a user would know.

    far: the images may lie far apart, so that the tool's own search is worth its time.
    """

    folder: Path
    fixed: str
    moving: str
    kind: str
    same_contrast: bool
    far: bool
    threads: int
    seed: int
    variant: str = ""
    seconds: float = field(default=0.0)
    cpu_seconds: float = field(default=0.0)

    @classmethod
    def from_arguments(cls) -> Job:
        """The job in the folder named on the command line."""
        folder = Path(sys.argv[1])
        given: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        return cls(folder=folder, **given)

    def path(self, name: str) -> str:
        """A file in the job's folder."""
        return str(self.folder / name)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time inside as registration."""
        started, busy = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - started
        self.cpu_seconds += time.process_time() - busy

    def done(self, forward: Files, backward: Files = ()) -> None:
        """Write the result."""
        result = {
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "forward": forward,
            "backward": backward,
        }
        (self.folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
