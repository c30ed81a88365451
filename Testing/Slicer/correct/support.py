"""Pairs of small volumes with a known motion between them, and places in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer

from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCScene.parameters import RegQCParameters
from RegQCScene.transform_exchange import fixedToMoving, transformNodeFromRegQC
from RegQCScene.volume_exchange import nodeFromVolume, transformChain

MOTION = Affine.rigid(rotation_deg=(4, -3, 5), translation_mm=(3.0, -2.0, 4.0), center=(5, 6, 7))
"""Of the user's own transform: fixed to moving points."""

POINTS = np.array([[0.0, 0, 0], [11, -7, 5], [-8, 9, -4]])


def volumeNode(name: str, shape=(9, 12, 10), spacing=(3.0, 2.5, 4.0)) -> Any:
    """A volume around the origin, unequal axes, with different values in all voxels."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape[::-1]) - 1) / 2
    values = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    return nodeFromVolume(Volume(values, affine, name), name)


def newParameters(**values: Any) -> RegQCParameters:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "RegQC")
    parameters = RegQCParameters(node)
    for name, value in values.items():
        setattr(parameters, name, value)
    return parameters


def pairParameters(own: Affine | None = MOTION) -> RegQCParameters:
    """A pair; the moving volume lies under a transform of the user's own."""
    fixed, moving = volumeNode("fixed"), volumeNode("moving")
    parameters = newParameters(fixedVolume=fixed, movingVolume=moving)
    if own is not None:
        transform = transformNodeFromRegQC(own, "own")
        moving.SetAndObserveTransformNodeID(transform.GetID())
        parameters.transform = transform
    return parameters


def names(parameters: RegQCParameters) -> list[str]:
    """Roles, or names, of the transforms above the moving volume, the nearest first."""
    chain = transformChain(parameters.movingVolume)
    return [node.GetAttribute("RegQC.Role") or node.GetName() for node in chain]


def mapped(parameters: RegQCParameters, points=POINTS) -> np.ndarray:
    """Fixed points in the moving volume's own space, through all that is in the scene."""
    way = fixedToMoving(parameters.fixedVolume, parameters.movingVolume, parameters.transform)
    return way.apply(points)


def field(amplitude: float = 3.0) -> Any:
    """A displacement field that bends, on a grid around the small volumes."""
    from RegQCLib.geometry.fields import DisplacementField
    from RegQCLib.geometry.grid import Grid

    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -30
    grid = Grid((16, 16, 16), affine)
    x, y, z = np.moveaxis(grid.points(), -1, 0)
    bent = [np.sin(y / 12), np.cos(z / 15), np.sin(x / 10)]
    return DisplacementField(amplitude * np.stack(bent), grid.affine)
