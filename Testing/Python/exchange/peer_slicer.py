"""3D Slicer (slicer-core) on every job: see support.py. Knows nothing of RegQC.

The moving volume is put under the transform and resampled as slice views do it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import slicer
import vtk

scene = slicer.vtkMRMLScene()
logic = slicer.vtkSlicerTransformLogic()
logic.SetMRMLScene(scene)


def loaded(node: Any, storage: Any, file: str) -> Any:
    """Put a node with the content of a file into the scene."""
    scene.AddNode(node)
    storage.SetFileName(file)
    scene.AddNode(storage)
    assert storage.ReadData(node), file
    return node


def volume(file: str) -> Any:
    """Load a scalar volume."""
    return loaded(
        slicer.vtkMRMLScalarVolumeNode(), slicer.vtkMRMLVolumeArchetypeStorageNode(), file
    )


def save(node: Any, storage: Any, file: str) -> None:
    """Write a node."""
    storage.SetFileName(file)
    scene.AddNode(storage)
    assert storage.WriteData(node), file


def resampled(fixed: Any, moving: Any) -> Any:
    """The moving volume, wherever its transform puts it, on the voxels of the fixed one."""
    ijk_to_ras, ras_to_ijk = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    fixed.GetIJKToRASMatrix(ijk_to_ras)
    moving.GetRASToIJKMatrix(ras_to_ijk)
    from_world = vtk.vtkGeneralTransform()
    moving.GetParentTransformNode().GetTransformFromWorld(from_world)
    way = vtk.vtkGeneralTransform()
    way.PostMultiply()
    for step in (ijk_to_ras, from_world, ras_to_ijk):
        way.Concatenate(step)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputConnection(moving.GetImageDataConnection())
    reslice.SetResliceTransform(way)
    reslice.SetInterpolationModeToLinear()
    reslice.SetOutputExtent(fixed.GetImageData().GetExtent())
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(1, 1, 1)
    reslice.Update()
    result = slicer.vtkMRMLScalarVolumeNode()
    scene.AddNode(result)
    result.SetIJKToRASMatrix(ijk_to_ras)
    result.SetAndObserveImageData(reslice.GetOutput())
    return result


for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    fixed, moving = volume(job["fixed"]), volume(job["moving"])
    transform = loaded(
        slicer.vtkMRMLTransformNode(), slicer.vtkMRMLTransformStorageNode(), job["transform"]
    )
    moving.SetAndObserveTransformNodeID(transform.GetID())
    moved = resampled(fixed, moving)
    save(moved, slicer.vtkMRMLVolumeArchetypeStorageNode(), job["moved"])
    field = logic.ConvertToGridTransform(transform, fixed)
    save(field, slicer.vtkMRMLTransformStorageNode(), job["field"])
    scene.Clear(1)
