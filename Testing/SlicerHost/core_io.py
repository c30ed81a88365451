"""`slicer.app.coreIOManager()`: reads and writes nodes for slicer.util.loadVolume and the like."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import slicer
import vtk

if TYPE_CHECKING:
    from SlicerHost.core import Core

# Slicer's file type -> endings; the first that fits decides, anything else is taken for a volume.
FILE_TYPES = {
    "SceneFile": (".mrb", ".mrml"),
    "SegmentationFile": (".seg.nrrd", ".seg.nhdr"),
    "SequenceFile": (".seq.nrrd", ".seq.mrb"),
    "MarkupsFile": (".mrk.json", ".fcsv"),
    "TransformFile": (".h5", ".tfm", ".mat", ".txt"),
    "TableFile": (".tsv", ".csv"),
    "ModelFile": (".vtk", ".vtp", ".stl", ".obj", ".ply"),
    "ColorTableFile": (".ctbl",),
}


class CoreIOManager:
    """The methods of qSlicerCoreIOManager that slicer.util calls."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def fileType(self, path: object) -> str:
        name = str(path).lower()
        for fileType, endings in FILE_TYPES.items():
            if name.endswith(endings):
                return fileType
        return "VolumeFile"

    def registeredFileReaderCount(self, fileType: str) -> int:
        return int(hasattr(self, f"_read{fileType}"))

    def loadNodes(
        self, fileType: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None
    ) -> bool:
        """Read a file into the scene; the new nodes are added to the collection `loaded`."""
        path = str(properties["fileName"])
        reader = getattr(self, f"_read{fileType}", None)
        nodes = reader(path, properties) if reader and Path(path).exists() else None
        if nodes is None:
            if messages is not None:
                messages.AddMessage(vtk.vtkCommand.ErrorEvent, f"Cannot read {path}")
            return False
        if loaded is not None:
            for node in nodes:
                loaded.AddItem(node)
        return True

    def saveNodes(self, fileType: str, properties: dict[str, Any], messages: Any = None) -> bool:
        """Write a node with its own storage node, or the whole scene."""
        path = str(properties["fileName"])
        if fileType == "SceneFile":
            return self._writeScene(path)
        node = self._core.scene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode()
        if storage is None:
            storage = self._core.scene.AddNode(node.CreateDefaultStorageNode())
            node.SetAndObserveStorageNodeID(storage.GetID())
        return self._writeNode(node, storage, path, properties)

    def exportNodes(
        self,
        nodeIDs: Iterable[str],
        paths: Iterable[str],
        properties: dict[str, Any],
        hardenTransforms: bool = False,
        messages: Any = None,
    ) -> bool:
        """Write nodes without leaving a trace in the scene; in world coordinates on request."""
        written = [
            self._export(
                self._core.scene.GetNodeByID(nodeID), str(path), properties, hardenTransforms
            )
            for nodeID, path in zip(nodeIDs, paths, strict=True)
        ]
        return all(written)

    def fileWriterFileType(self, node: Any) -> str:
        return "SceneFile" if node is None else "NodeFile"

    def fileWriterExtensions(self, node: Any) -> list[str]:
        """Formats that the node can be written in, such as "NRRD (.nrrd)"."""
        storage = node.CreateDefaultStorageNode()
        storage.SetScene(self._core.scene)
        types = storage.GetSupportedWriteFileTypes()
        return [types.GetValue(i) for i in range(types.GetNumberOfValues())]

    def extractKnownExtension(self, path: object, node: Any) -> str:
        """The longest ending of `path` that the node can be written with, else an empty text."""
        endings = [
            slicer.vtkDataFileFormatHelper.GetFileExtensionFromFormatString(text)
            for text in self.fileWriterExtensions(node)
        ]
        name = str(path).lower()
        return max((end for end in endings if name.endswith(end.lower())), key=len, default="")

    def _export(self, node: Any, path: str, properties: dict[str, Any], harden: bool) -> bool:
        scene = self._core.scene
        copy = None
        if harden and node.GetParentTransformNode() is not None:
            copy = scene.AddNode(slicer.vtkMRMLNode.SafeDownCast(node.CreateNodeInstance()))
            copy.CopyContent(node)
            copy.SetAndObserveTransformNodeID(node.GetTransformNodeID())
            copy.HardenTransform()
        storage = scene.AddNode(node.CreateDefaultStorageNode())
        try:
            return self._writeNode(copy or node, storage, path, properties)
        finally:
            scene.RemoveNode(storage)
            if copy is not None:
                scene.RemoveNode(copy)

    @staticmethod
    def _writeNode(node: Any, storage: Any, path: str, properties: dict[str, Any]) -> bool:
        storage.SetFileName(path)
        if "useCompression" in properties:
            storage.SetUseCompression(int(properties["useCompression"]))
        return bool(storage.WriteData(node))

    def _writeScene(self, path: str) -> bool:
        scene = self._core.scene
        if path.endswith(".mrb"):
            return bool(scene.WriteToMRB(path, None))
        if path.endswith(".mrml"):
            scene.SetURL(path)
            return bool(scene.Commit(path))
        return bool(self._core.applicationLogic.SaveSceneToSlicerDataBundleDirectory(path, None))

    def _readSceneFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        scene = self._core.scene
        clear = bool(properties.get("clear", True))
        if path.endswith(".mrb"):
            return [] if scene.ReadFromMRB(path, clear, None) else None
        scene.SetURL(path)
        return [] if (scene.Connect() if clear else scene.Import()) else None

    def _readVolumeFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        # Bits as vtkSlicerVolumesLogic's LoadingOptions: label map, center, single file, window.
        options = (
            1 * bool(properties.get("labelmap"))
            + 2 * bool(properties.get("center"))
            + 4 * bool(properties.get("singleFile"))
            + 8 * bool(properties.get("autoWindowLevel", True))
            + 16 * bool(properties.get("discardOrientation"))
        )
        node = self._core.logics["Volumes"].AddArchetypeVolume(
            path, self._name(path, properties), options
        )
        if node is not None and properties.get("show", True):
            self._show(node)
        return _listed(node)

    def _readTransformFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        return _listed(self._core.logics["Transforms"].AddTransform(path, self._core.scene))

    def _readTableFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        return _listed(self._core.logics["Tables"].AddTable(path, self._name(path, properties)))

    def _readSegmentationFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        logic = self._core.logics["Segmentations"]
        return _listed(logic.LoadSegmentationFromFile(path, True, properties.get("name", "")))

    def _readMarkupsFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        nodeID = self._core.logics["Markups"].LoadMarkups(path, properties.get("name", ""))
        return _listed(self._core.scene.GetNodeByID(nodeID) if nodeID else None)

    def _readModelFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        return _listed(self._core.logics["Models"].AddModel(path))

    def _readTextFile(self, path: str, properties: dict[str, Any]) -> list[Any] | None:
        node = self._core.scene.AddNewNodeByClass("vtkMRMLTextNode", self._name(path, properties))
        node.SetText(Path(path).read_text(encoding="utf-8"))
        return [node]

    @staticmethod
    def _name(path: str, properties: dict[str, Any]) -> str:
        return properties.get("name") or Path(path).name.split(".")[0]

    def _show(self, volume: Any) -> None:
        """Slicer shows what was loaded last in every slice view."""
        selection = self._core.applicationLogic.GetSelectionNode()
        if volume.IsA("vtkMRMLLabelMapVolumeNode"):
            selection.SetActiveLabelVolumeID(volume.GetID())
        else:
            selection.SetActiveVolumeID(volume.GetID())
        self._core.applicationLogic.PropagateVolumeSelection()


def _listed(node: Any) -> list[Any] | None:
    return None if node is None else [node]
