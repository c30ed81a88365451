"""The nodes of one case of a worklist: loaded from its files, and taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.batch.manifest import Case
from RegQCLib.errors import InputError
from RegQCScene.result_nodes import removeResult
from RegQCScene.transform_exchange import transformNodeFromRegQC
from RegQCScene.volume_exchange import gridFromNode, nodeFromVolume
from RegQCScene.working_transform import removeWorking

SEGMENTATIONS = (".seg.nrrd", ".seg.nhdr", ".seg.vtm")


class CaseNodes:
    """Loads the files of a case. parameters: `RegQCParameters` that the pair is chosen in."""

    def __init__(self, parameters: Any, case: Case) -> None:
        self._parameters, self._case = parameters, case
        self._ids: list[str] = []

    def loadSteps(self) -> Iterator[str]:
        """Load one file after the other, and choose them; yields what comes next.

        Raises InputError for a file that cannot be read; what was loaded is removed again.
        """
        case = self._case
        nodes: dict[str, Any] = {}
        try:
            for role, path in case.inputs.items():
                yield _("reading {name}").format(name=path.name)
                nodes[role] = self._load(role, path, nodes)
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
                removeWorking(parameters)
            for node in nodes:
                if node is not None:
                    scene.RemoveNode(node)
        self._ids = []

    def _load(self, role: str, path: Path, nodes: dict[str, Any]) -> Any:
        name = f"{self._case.id} {role}"
        if role == "transform":
            from RegQCLib.geometry.transform_io import load_transform

            return transformNodeFromRegQC(load_transform(path), name, gridFromNode(nodes["fixed"]))
        if path.is_dir() or path.suffix.lower() in {".mgz", ".dcm"}:
            from RegQCLib.geometry.image_io import load_volume

            kind = "vtkMRMLLabelMapVolumeNode" if role == "mask" else "vtkMRMLScalarVolumeNode"
            return nodeFromVolume(load_volume(path), name, kind)
        try:
            if path.name.lower().endswith(SEGMENTATIONS):
                node = slicer.util.loadSegmentation(str(path))
            elif role == "mask":
                node = slicer.util.loadLabelVolume(str(path))
            else:
                node = slicer.util.loadVolume(str(path), {"show": False})
        except RuntimeError as error:
            raise InputError(
                _("{path}: cannot be read as a {role} image; check the file").format(
                    path=path, role=role
                )
            ) from error
        node.SetName(name)
        return node
