"""How long the Slicer module's window stands still while work on large volumes runs.

python -m Testing.Benchmarks.slicer_stalls --out Testing/Benchmarks/results/slicer_stalls.json

Opens the module in the test host (Testing/SlicerHost), off-screen, with the sample on
512 x 512 x 300 voxels: a check with its child process until the result is shown, then a worklist
of two such cases (open, go on, come back). A timer that should tick every 5 ms tells how long the
GUI thread was away, and how much of that it worked itself. Slicer's own reading of an image file,
which no module can divide, is measured beside it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from Testing.Benchmarks.heartbeat import Heartbeat
from Testing.Benchmarks.sample_volumes import LARGE, sample_volume

PATIENCE_S = 1800


def main() -> None:
    """Measure and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--small", action="store_true", help="the sample as it is")
    options = parser.parse_args()
    from SlicerHost.host import startHost

    from Testing.Benchmarks.results_file import write_results

    host = startHost()
    shape = None if options.small else LARGE
    result: dict[str, Any] = {"processors": os.cpu_count(), "voxels": shape and list(shape[::-1])}
    with tempfile.TemporaryDirectory() as folder:
        result |= Bench(host).run(shape, Path(folder))
    write_results(options.out, result)
    if host.problems():
        raise SystemExit("\n".join(host.problems()))


class Bench:
    """The module in its host."""

    def __init__(self, host: Any) -> None:
        import slicer

        slicer.mrmlScene.Clear()
        self.host = host
        self.module = host.load()
        shell = self.module.widgetRepresentation().self().shell
        for section in shell.sections:
            section.collapsed = False
        self.panels = {type(panel).__name__: panel for panel in shell.panels}
        self.session = self.panels["CheckPanel"].session

    def run(self, shape: tuple[int, int, int] | None, folder: Path) -> dict[str, Any]:
        """Check one pair by the button; then walk through a worklist."""
        import slicer

        names = ("flair", "t1w")
        volumes = [sample_volume(name, shape) for name in names]
        for name, node in zip(names, volumes, strict=True):
            slicer.util.saveNode(node, str(folder / f"{name}.nrrd"), {"useCompression": 0})
        found = {
            "read_one_image": self._timed(lambda: slicer.util.loadVolume(f"{folder}/t1w.nrrd"))
        }
        slicer.mrmlScene.Clear()
        rows = "".join(f"{case},flair.nrrd,t1w.nrrd\n" for case in "ab")
        (folder / "cases.csv").write_text("id,fixed,moving\n" + rows)
        worklist = self.panels["WorklistPanel"]
        worklist.ui.sourceEdit.setCurrentPath(str(folder / "cases.csv"))
        worklist.ui.outputEdit.setCurrentPath(str(folder / "out"))
        found["open_a_case"] = self._timed(worklist.ui.openButton.click)
        found["check"] = self._timed(self.panels["CheckPanel"].ui.checkButton.click)
        assert self.session.result is not None
        found["save_it_and_open_the_next"] = self._timed(worklist.ui.nextButton.click)
        found["come_back"] = self._timed(worklist.ui.previousButton.click)
        assert self.session.result is not None
        self.host.unload(self.module)
        return found

    def _timed(self, action: Callable[[], Any]) -> dict[str, float]:
        """Start, wait until all is quiet again; return stalls and the whole time."""
        beat, start = Heartbeat(), time.perf_counter()
        action()
        self.host.app.processEvents()
        while self.session.busy:
            self.host.app.processEvents()
            time.sleep(0.001)
            if time.perf_counter() - start > PATIENCE_S:
                raise SystemExit(f"it takes too long: {self.session.busy}")
        self.host.app.processEvents()
        seconds = time.perf_counter() - start
        row = {**beat.stop(), "seconds": round(seconds, 1)}
        print(action, row, flush=True)
        return row


if __name__ == "__main__":
    main()
