"""How long the Slicer module's window stands still while work on large volumes runs.

python -m Testing.Benchmarks.slicer_stalls --out Testing/Benchmarks/results/slicer_stalls.json

Opens the module in the test host (Testing/SlicerHost), off-screen, with the sample on
512 x 512 x 300 voxels as a worklist of two cases: opens one, checks it with its child process until
the result is shown and saved, goes on to the next, and comes back. A timer that should tick every
5 ms tells how long the GUI thread was away, and how much of that it worked itself. Slicer's own
reading of an image file, which no module can divide, is measured beside it.
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
QUIET_TURNS = 100
"""Without anything running for so many turns of the events, nothing more is to come."""


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
        self.found: dict[str, dict[str, float]] = {}
        self.said: list[str] = []
        self.session.message.connect(lambda text, _level: self.said.append(text))

    def run(self, shape: tuple[int, int, int] | None, folder: Path) -> dict[str, Any]:
        """Walk through a worklist of two cases, and check one."""
        import slicer

        names = ("flair", "t1w")
        volumes = [sample_volume(name, shape) for name in names]
        for name, node in zip(names, volumes, strict=True):
            slicer.util.saveNode(node, str(folder / f"{name}.nrrd"), {"useCompression": 0})
        self._timed("read_one_image", lambda: slicer.util.loadVolume(f"{folder}/t1w.nrrd"))
        slicer.mrmlScene.Clear()
        rows = "".join(f"{case},flair.nrrd,t1w.nrrd\n" for case in "ab")
        (folder / "cases.csv").write_text("id,fixed,moving\n" + rows)
        worklist = self.panels["WorklistPanel"].ui
        worklist.sourceEdit.setCurrentPath(str(folder / "cases.csv"))
        worklist.outputEdit.setCurrentPath(str(folder / "out"))
        self._timed("open_the_list", worklist.openButton.click)
        self._timed("open_a_case", worklist.nextButton.click)
        self._timed("check", self.panels["CheckPanel"].ui.checkButton.click)
        self._require_result()
        self._timed("save_it_and_open_the_next", worklist.nextButton.click)
        self._timed("come_back", worklist.previousButton.click)
        self._require_result()
        self.host.unload(self.module)
        return self.found

    def _require_result(self) -> None:
        if self.session.result is None:
            raise SystemExit(f"there is no result: {self.said}")

    def _timed(self, name: str, action: Callable[[], Any]) -> None:
        """Start, wait until all is quiet again; keep stalls and the whole time."""
        beat, start = Heartbeat(), time.perf_counter()
        action()
        last_busy, quiet = start, 0
        while quiet < QUIET_TURNS:
            self.host.app.processEvents()
            time.sleep(0.005)
            quiet += 1
            if self.session.busy:
                last_busy, quiet = time.perf_counter(), 0
            if last_busy - start > PATIENCE_S:
                raise SystemExit(f"it takes too long: {self.session.busy}")
        row = {**beat.stop(), "seconds": round(last_busy - start, 1)}
        self.found[name] = row
        print(name, row, flush=True)


if __name__ == "__main__":
    main()
