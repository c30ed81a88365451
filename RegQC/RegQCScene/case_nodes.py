"""The nodes of one case of a worklist: loaded from its files, and taken out again."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.batch.manifest import Case
from RegQCLib.errors import InputError
from RegQCScene.case_markups import forgetMarkups, removeMarkups
from RegQCScene.job import Event
from RegQCScene.result_nodes import removeResult
from RegQCScene.slice_views import showPair
from RegQCScene.stepped_job import PAUSE, childSteps
from RegQCScene.transform_file import transformFileSteps
from RegQCScene.volume_exchange import gridFromNode
from RegQCScene.working_transform import removeWorking

SEGMENTATIONS = (".seg.nrrd", ".seg.nhdr", ".seg.vtm")
FELT_BYTES = 8 * 2**20
"""Larger files take Slicer a good part of a second."""
OURS = (".mgz", ".dcm")
"""What RegQC reads and Slicer's volume reader does not; so are folders of DICOM files."""


class CaseNodes:
    """Loads the files of a case. parameters: `RegQCParameters` that the pair is chosen in."""

    def __init__(self, parameters: Any, case: Case) -> None:
        self._parameters, self._case = parameters, case
        self._ids: list[str] = []

    def loadSteps(self, folder: Path, start: float, stop: float) -> Iterator[Event | None]:
        """Load one file after the other, and choose them; yields progress from start to stop.

        folder: for temporary files. The one long step is Slicer's own reading of an image; what it
        reads is said before, with a pause to show it.
        Raises InputError for a file that cannot be read; what was loaded is removed again.
        """
        inputs = self._case.inputs
        nodes: dict[str, Any] = {}
        step = (stop - start) / len(inputs)
        try:
            for number, (role, path) in enumerate(inputs.items()):
                span = (start + number * step, start + (number + 1) * step)
                text = _("reading {name}").format(name=path.name)
                yield Event("progress", _warned(text, path), span[0])
                yield PAUSE
                nodes[role] = yield from self._load(role, path, nodes, folder / role, span)
                self._ids.append(nodes[role].GetID())
        except BaseException:
            self.remove()
            raise
        if "transform" in nodes:
            nodes["moving"].SetAndObserveTransformNodeID(nodes["transform"].GetID())
        parameters = self._parameters
        with slicer.util.NodeModify(parameters.parameterNode):
            parameters.fixedVolume, parameters.movingVolume = nodes["fixed"], nodes["moving"]
            parameters.transform, parameters.mask = nodes.get("transform"), nodes.get("mask")
            parameters.maskSegment = ""
            forgetMarkups(parameters)  # they belong to another pair
        yield Event("progress", _warned(_("showing the images"), *inputs.values()), stop)
        yield PAUSE
        with slicer.util.RenderBlocker():
            showPair(nodes["fixed"], nodes["moving"])
            slicer.util.resetSliceViews()

    @property
    def present(self) -> bool:
        """Whether the pair is still in the scene, and is the one that is chosen."""
        nodes = [slicer.mrmlScene.GetNodeByID(one) for one in self._ids[:2]]
        parameters = self._parameters
        return nodes == [parameters.fixedVolume, parameters.movingVolume] and None not in nodes

    def remove(self) -> None:
        """Take the case's nodes, its results and corrections out of the scene."""
        parameters, scene = self._parameters, slicer.mrmlScene
        nodes = [scene.GetNodeByID(one) for one in self._ids]
        pair = (parameters.fixedVolume, parameters.movingVolume)
        with slicer.util.RenderBlocker():
            if all(node is not None and node in nodes for node in pair):
                removeResult(*pair)
                removeMarkups(parameters)
                removeWorking(parameters)
            for node in nodes:
                if node is not None:
                    scene.RemoveNode(node)
        self._ids = []

    def _load(
        self, role: str, path: Path, nodes: dict[str, Any], folder: Path, span: tuple[float, float]
    ) -> Generator[Event | None, None, Any]:
        name = f"{self._case.id} {role}"
        if role == "transform":
            grid = gridFromNode(nodes["fixed"])
            return (yield from transformFileSteps(path, name, grid, folder, span))
        if not path.is_dir() and path.suffix.lower() not in OURS:
            return _loaded(role, path, path, name)
        arguments = ["image", str(path), "--out", str(folder)]
        facts = yield from childSteps(arguments, folder, span, "RegQCLib.cli.read_worker")
        node = _loaded(role, folder / facts["files"][0], path, name)
        slicer.mrmlScene.RemoveNode(node.GetStorageNode())  # of a file that will be gone
        return node


def _warned(text: str, *paths: Path) -> str:
    """Say beforehand where Slicer's own reading or drawing of large files will be felt."""
    if any(path.is_file() and path.stat().st_size > FELT_BYTES for path in paths):
        return _("{text}; the window stands still for a moment").format(text=text)
    return text


def _loaded(role: str, file: Path, path: Path, name: str) -> Any:
    """Let Slicer read a file. path: what to call it for a user."""
    try:
        if file.name.lower().endswith(SEGMENTATIONS):
            node = slicer.util.loadSegmentation(str(file))
        elif role == "mask":
            node = slicer.util.loadLabelVolume(str(file))
        else:
            node = slicer.util.loadVolume(str(file), {"show": False})
    except RuntimeError as error:
        raise InputError(
            _("{path}: cannot be read as a {role} image; check the file").format(
                path=path, role=role
            )
        ) from error
    node.SetName(name)
    return node
