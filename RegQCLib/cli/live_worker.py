"""Scores of three slices for another process that must not wait: one JSON line a question.

``python -m RegQCLib.cli.live_worker PAIR.json`` prepares the pair and then answers lines on stdin
until stdin ends. PAIR.json: ``{"fixed": IMAGE, "moving": IMAGE, "transform": PARTS,
"tolerance_mm": number or null}`` with IMAGE ``{"array": FILE.npy, "affine": 4 x 4, "name": text}``.
PARTS: what points go through, in order, RAS mm: ``{"matrix": 4 x 4}``, ``{"array": FILE.npy (3, D,
H, W), "affine": 4 x 4}`` of a displacement field, or ``{"file": FILE}`` as other programs write it.

- question ``{"number": 7, "index": [k, j, i], "matrix": 4 x 4 or null}``: the slices through a
  fixed voxel, where fixed points first go through the matrix (RAS mm), then through the transform
- question ``{"transform": PARTS}``: use another transform from now on; it has no answer
- answers ``{"event": "ready"}``, ``{"event": "scores", "number": 7, "planes": [{"name": "axial",
  "probability_misaligned": ..., "error_mm": ..., "flagged": ...}, ...]}``,
  ``{"event": "error", "message": ..., "number": 7}``; the last without number when it is the end
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from RegQCLib.errors import RegQCError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transform_io import load_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.inference import OpenVINOEngine
from RegQCLib.qc.live import SliceProbe
from RegQCLib.registration.iterative.affine_images import block_factors, block_means, blocks_grid

FINEST_MM = 1.0
"""Finer voxels are averaged up to this size: slices are judged on coarser pixels than that, and
images of half a gigabyte are ready, and resampled, many times sooner."""

THREADS = 1
"""Of inference: slices are small, and the other processors draw the views meanwhile. Two threads on
two processors that are busy drawing take twice as long as one."""


class LiveScores:
    """Answers questions about one pair.

    fixed, moving: the pair. transform: fixed to moving points. folder: of files that questions
    name. tolerance_mm: as in `RegQCLib.check`. Raises InputError for images that cannot be judged.
    """

    def __init__(
        self,
        fixed: Volume,
        moving: Volume,
        transform: Transform,
        folder: Path,
        tolerance_mm: float | None = None,
    ) -> None:
        self._folder = folder
        self._factors = np.array(block_factors(fixed.grid, FINEST_MM))
        self._shape = np.array(fixed.shape)
        fixed, moving = coarser(fixed), coarser(moving)
        self._last = np.array(fixed.shape) - 1
        engine = OpenVINOEngine(threads=THREADS)
        self._probe = SliceProbe(fixed, moving, tolerance_mm=tolerance_mm, engine=engine)
        self._transform = transform

    def answer(self, question: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer to one question, None where there is nothing to say."""
        try:
            if "index" not in question:
                self._transform = read_transform(question["transform"], self._folder)
                return None
            planes = self._scores(question["index"], question.get("matrix"))
        except RegQCError as error:
            return {"event": "error", "message": str(error), "number": question.get("number", -1)}
        return {"event": "scores", "number": question["number"], "planes": planes}

    def _scores(self, index: list[int], matrix: list[list[float]] | None) -> list[dict[str, Any]]:
        place = np.array(index)
        if (place >= 0).all() and (place < self._shape).all():
            # whole blocks only: the last voxels may lie beyond the last block
            place = np.minimum(place // self._factors, self._last)
        k, j, i = place.tolist()
        transform = self._transform
        if matrix is not None:
            transform = simplified(Composite([Affine(np.array(matrix)), transform]))
        axes = self._probe.score((k, j, i), transform)
        return [
            {
                "name": axis.name,
                "probability_misaligned": axis.slices[0].probability_misaligned,
                "error_mm": axis.slices[0].error_mm,
                "flagged": axis.slices[0].flagged,
            }
            for axis in axes
        ]


def coarser(volume: Volume) -> Volume:
    """Average voxels finer than `FINEST_MM` up to about that size; others stay as they are."""
    factors = block_factors(volume.grid, FINEST_MM)
    if max(factors) == 1:
        return volume
    means = block_means(volume.array, factors)
    return Volume(means, blocks_grid(volume.grid, factors).affine, volume.name)


def read_pair(path: Path) -> LiveScores:
    """Prepare the pair that a PAIR.json describes; arrays are mapped, not read at once."""
    pair, folder = json.loads(path.read_text(encoding="utf-8")), path.parent

    def image(name: str) -> Volume:
        entry = pair[name]
        return Volume(mapped(folder, entry), np.array(entry["affine"]), entry["name"])

    transform = read_transform(pair["transform"], folder)
    return LiveScores(
        image("fixed"), image("moving"), transform, folder, tolerance_mm=pair.get("tolerance_mm")
    )


def read_transform(parts: list[dict[str, Any]], folder: Path) -> Transform:
    """One transform from its PARTS."""
    steps: list[Transform] = []
    for part in parts:
        if "matrix" in part:
            steps.append(Affine(np.array(part["matrix"])))
        elif "array" in part:
            steps.append(DisplacementField(mapped(folder, part), np.array(part["affine"])))
        else:
            steps.append(load_transform(folder / part["file"]))
    return simplified(Composite(steps))


def mapped(folder: Path, entry: dict[str, Any]) -> NDArray[Any]:
    """Return the array of an entry, mapped from its file."""
    array: NDArray[Any] = np.load(folder / entry["array"], mmap_mode="r", allow_pickle=False)
    return array


def answers(path: Path, questions: TextIO) -> Iterator[dict[str, Any]]:
    """Yield what is to be said, until ``questions`` end."""
    try:
        scores = read_pair(path)
    except RegQCError as error:
        yield {"event": "error", "message": str(error)}
        return
    yield {"event": "ready"}
    for line in questions:
        said = scores.answer(json.loads(line))
        if said is not None:
            yield said


def main() -> None:
    """Serve the process that started this one; its end closes stdin, and this process ends."""
    for said in answers(Path(sys.argv[1]), sys.stdin):
        sys.stdout.write(json.dumps(said, allow_nan=False) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
