"""Scores of the visible slices while a transform is dragged, computed in a child process.

Preparing a pair takes seconds and scoring three slices some 50 ms, too long for the thread that
draws the views; and Slicer's Python runs other threads only when that thread lets go. So the child
(`RegQCLib.cli.live_worker`) does both. Voxels reach it through files that it maps, questions
through its stdin, answers through a file: nothing here waits.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from RegQCLib.errors import RegQCError
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCScene.process_tree import endTree, newGroup
from RegQCScene.python_for_jobs import environmentForJobs, pythonForJobs
from RegQCScene.stepped_job import BUDGET_S
from RegQCScene.transform_exchange import fixedToMovingSteps
from RegQCScene.volume_exchange import volumeFromNode

Steps = Generator[Any, None, Any]
Matrix = NDArray[np.float64]

CHILD = "RegQCLib.cli.live_worker"
STEP_BYTES = 4 * 2**20
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Products of small matrices take longer with threads that wait for a busy processor."""


@dataclass(frozen=True)
class LiveScore:
    """A visible slice. probability, errorMm: None where it holds no evidence."""

    plane: str
    probability: float | None
    errorMm: float | None
    flagged: bool


class LiveProbe:
    """Scores slices of one pair; call `poll` from a timer, `close` at the end.

    ready: it can be asked. busy: a question is open. failure: why it cannot be used, or "".
    """

    def __init__(
        self,
        fixedNode: Any,
        movingNode: Any,
        working: Any,
        toleranceMm: float | None = None,
    ) -> None:
        """Begin to prepare a pair of volume nodes.

        working: their working transform; scores follow its matrix without anything new being
        prepared. Raises InputError for nodes that cannot be compared.
        """
        self._nodes = (fixedNode, movingNode)
        self._workingNode = working
        self._prepared: Matrix | None = None
        self.fixed = volumeFromNode(fixedNode, role="fixed volume")
        self.moving = volumeFromNode(movingNode, world=False, role="moving volume")
        self.ready = self.busy = False
        self.failure = ""
        self._number = self._field = 0
        self._rest = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: Any = None
        self._folder = Path(tempfile.mkdtemp(prefix="regqc-live-"))
        self._steps: Steps | None = self._starting(toleranceMm)

    @property
    def working(self) -> bool:
        """Whether `poll` has something left to prepare."""
        return self._steps is not None

    @property
    def pose(self) -> Matrix | None:
        """(4, 4) from world points to the moving volume's own as it lies now; None where it bends.

        `ask` can be told one of before.
        """
        parent = self._nodes[1].GetParentTransformNode()
        if parent is None:
            return np.eye(4)
        return _fromWorld(parent) if parent.IsTransformToWorldLinear() else None

    @property
    def looksBack(self) -> bool:
        """Whether `ask` takes a pose: not while what is prepared bends."""
        return self._prepared is not None

    def refresh(self) -> None:
        """Take over what else than the working transform's matrix has changed above the volume."""
        if self._process is not None:
            self._steps = self._newTransform()

    def poll(self) -> list[LiveScore] | None:
        """Do or read a little; returns the answer to the last question once it is there."""
        try:
            self._work()
        except RegQCError as error:
            self._fail(str(error))
        except OSError as error:
            self._fail(f"live scores could not be prepared: {error.strerror}")
        return self._read()

    def ask(self, index: Sequence[int], pose: Matrix | None = None) -> bool:
        """Ask for the slices through a fixed voxel (k, j, i); returns whether that was possible.

        pose: where the moving volume is to lie, see `pose`; by default where it lies now.
        """
        if not self.ready or self.busy or self._steps is not None:
            return False
        if pose is None:
            motion = self._motion()
        elif self._prepared is not None:
            motion = np.linalg.inv(self._prepared) @ pose
        else:
            return False
        self._number += 1
        self.busy = True
        index = list(map(int, index))
        self._say({"number": self._number, "index": index, "matrix": motion.tolist()})
        return True

    def close(self) -> None:
        """End the child and remove its files."""
        self.ready = self.busy = False
        if self._steps is not None:
            self._steps = None
        if self._process is not None:
            self._process.stdin.close()  # type: ignore[union-attr]
            endTree(self._process)
            self._answers.close()
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self) -> None:
        limit = time.monotonic() + BUDGET_S
        while self._steps is not None and time.monotonic() < limit:
            try:
                next(self._steps)
            except StopIteration:
                self._steps = None

    def _starting(self, toleranceMm: float | None) -> Steps:
        pair: dict[str, Any] = {"tolerance_mm": toleranceMm}
        for name, volume in (("fixed", self.fixed), ("moving", self.moving)):
            yield from self._written(volume.array, f"{name}.npy")
            affine = volume.affine.tolist()
            pair[name] = {"array": f"{name}.npy", "affine": affine, "name": volume.name}
        pair["transform"] = yield from self._parts()
        (self._folder / "pair.json").write_text(json.dumps(pair), encoding="utf-8")
        self._start()

    def _newTransform(self) -> Steps:
        parts = yield from self._parts()
        self._say({"transform": parts})

    def _parts(self) -> Steps:
        """Yield until the present transform is written; returns what the child is to be told."""
        self._before, self._prepared = _fromWorld(self._workingNode), self.pose
        transform = yield from fixedToMovingSteps(*self._nodes)
        whole: Any = transform.transforms if isinstance(transform, Composite) else (transform,)
        parts: list[dict[str, Any]] = []
        for part in whole:
            if isinstance(part, Affine):
                parts.append({"matrix": part.matrix.tolist()})
                continue
            self._field += 1
            name = f"field{self._field}.npy"
            yield from self._written(part.array, name)
            parts.append({"array": name, "affine": part.affine.tolist()})
        return parts

    def _written(self, array: NDArray[Any], name: str) -> Steps:
        """Copy an array into a file, a few megabytes at a time."""
        target = np.lib.format.open_memmap(
            self._folder / name, mode="w+", dtype=array.dtype, shape=array.shape
        )
        layers = array.reshape(-1, *array.shape[-2:]) if array.flags.c_contiguous else None
        if layers is None:
            for place in np.ndindex(*array.shape[:-2]):
                target[place] = array[place]
                yield
            return
        flat = target.reshape(layers.shape)
        step = max(1, STEP_BYTES // max(1, layers[0].nbytes))
        for first in range(0, len(layers), step):
            flat[first : first + step] = layers[first : first + step]
            yield

    def _start(self) -> None:
        answers = self._folder / "answers.jsonl"
        environment = {**environmentForJobs(self._folder), **ONE_THREAD}
        with answers.open("wb") as said, (self._folder / "errors.txt").open("wb") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                [pythonForJobs(), "-m", CHILD, str(self._folder / "pair.json")],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=errors,
                cwd=self._folder,
                env=environment,
                **newGroup(),
            )
        self._answers = answers.open("rb")

    def _say(self, question: dict[str, Any]) -> None:
        """Write one line; it fits the pipe's buffer, as one question is open at a time."""
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(question).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self._fail("the process that scores the slices has ended")

    def _read(self) -> list[LiveScore] | None:
        if self._process is None or self.failure:
            return None
        ended = self._process.poll() is not None
        self._rest += self._answers.read()
        *lines, self._rest = self._rest.split(b"\n")
        scores = None
        for line in lines:
            heard = self._heard(json.loads(line))
            scores = scores if heard is None else heard
        if ended and not self.failure:
            self._fail("the process that scores the slices has ended")
        return scores

    def _heard(self, said: dict[str, Any]) -> list[LiveScore] | None:
        if said["event"] == "ready":
            self.ready = True
            return None
        if said["event"] == "error" and said.get("number") is None:
            self._fail(said["message"])
            return None
        self.busy = self.busy and said["number"] != self._number
        return [
            LiveScore(one["name"], one["probability_misaligned"], one["error_mm"], one["flagged"])
            for one in said.get("planes", ())
        ]

    def _motion(self) -> NDArray[np.float64]:
        """(4, 4) by which the working transform has changed what fixed points go through."""
        return np.linalg.inv(self._before) @ _fromWorld(self._workingNode)

    def _fail(self, reason: str) -> None:
        self.close()
        self.failure = reason


def _fromWorld(node: Any) -> NDArray[np.float64]:
    """(4, 4) from world points to those below a linear transform node."""
    matrix = vtk.vtkMatrix4x4()
    node.GetMatrixTransformToWorld(matrix)
    matrix.Invert()
    return np.asarray(slicer.util.arrayFromVTKMatrix(matrix), dtype=np.float64)
