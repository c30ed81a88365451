"""Transform files as nodes, in steps: large ones are read by a child process."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import slicer
import vtk
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transforms import Affine, Composite, Transform, simplified
from RegQCScene.job import Event
from RegQCScene.stepped_job import PAUSE, childSteps
from RegQCScene.transform_exchange import MAX_POINTS, transformNodeFromRegQC
from RegQCScene.transform_parts import flattened, samplingGrid

SMALL_FILE_BYTES = 2**18
"""A file up to this size holds no dense field and is read at once."""


def transformFileSteps(
    path: Path, name: str, grid: Grid, folder: Path, span: tuple[float, float]
) -> Generator[Event | None, None, Any]:
    """Add a transform node from any file that RegQC reads; returns it.

    The node is as `transformNodeFromRegQC` makes it. grid: of the fixed image, where to sample what
    is neither linear nor a field. folder: for temporary files. span: of the progress.
    Raises InputError for files that cannot be read.
    """
    if path.stat().st_size <= SMALL_FILE_BYTES:
        # needs nibabel, which Slicer lacks at first
        from RegQCLib.geometry.transform_io import load_transform

        transform = simplified(load_transform(path))
        if _isQuick(transform):
            return transformNodeFromRegQC(transform, name, grid)
    folder.mkdir(parents=True, exist_ok=True)
    places = samplingGrid(0.0, grid, MAX_POINTS)
    content = {"shape": places.shape, "affine": places.affine.tolist()}
    (folder / "grid.json").write_text(json.dumps(content), encoding="utf-8")
    arguments = ["transform", str(path), "--grid", str(folder / "grid.json"), "--out", str(folder)]
    facts = yield from childSteps(arguments, folder, span, "RegQCLib.cli.read_worker")
    whole = vtk.vtkGeneralTransform()
    whole.PostMultiply()
    parts = []
    for file in facts["files"]:
        yield Event("progress", _("reading {name}").format(name=path.name), span[1])
        yield PAUSE
        parts.append(_vtkTransform(folder / file))
        whole.Concatenate(parts[-1])
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", name)
    node.SetAndObserveTransformFromParent(parts[0] if len(parts) == 1 else whole)
    return node


def fileTransform(path: Path) -> Any:
    """Let Slicer read a transform; returns it from its parent, fields linear between voxels.

    Raises InputError for a file that it cannot read.
    """
    try:
        node = slicer.util.loadTransform(str(path))
    except RuntimeError as error:
        raise InputError(f"{path}: is damaged; move it away to go without") from error
    transform = node.GetTransformFromParent()
    for part in flattened(transform):
        if part.IsA("vtkGridTransform"):  # Slicer reads fields as cubic; ours are linear
            part.SetInterpolationModeToLinear()
    slicer.mrmlScene.RemoveNode(node)
    return transform


def _isQuick(transform: Transform) -> bool:
    parts = transform.transforms if isinstance(transform, Composite) else (transform,)
    return all(isinstance(part, Affine | DisplacementField) for part in parts)


def _vtkTransform(file: Path) -> Any:
    transform = fileTransform(file)
    parts = flattened(transform)
    return parts[0] if len(parts) == 1 else transform
