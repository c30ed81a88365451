"""What a user has chosen and what was made from it, kept in the scene by a parameter node."""

# Annotations stay objects here: the wrapper reads the types when the class is made.
from typing import Annotated

from slicer import (
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLMarkupsROINode,
    vtkMRMLNode,
    vtkMRMLPlotChartNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
    vtkMRMLTextNode,
    vtkMRMLTransformNode,
)
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

AXES = ("all", "sagittal", "coronal", "axial")
"""What ``RegQCParameters.axis`` may be."""

TOLERANCE_MM = 1.5
"""That of the shipped calibration, so that a new scene judges as the command line does."""


@parameterNodeWrapper
class RegQCParameters:
    """Parameters of the module; saved with the scene.

    fixedVolume, movingVolume: the pair. transform: the user's own, under which the moving volume
    lies or is to be judged; None where it sits under none. mask: label map or segmentation, where
    to judge; maskSegment: ID of a segment of it. axis: slices to show, see `AXES`. toleranceMm:
    mean error above which the pair counts as misaligned.
    """

    fixedVolume: vtkMRMLScalarVolumeNode
    movingVolume: vtkMRMLScalarVolumeNode
    transform: vtkMRMLTransformNode
    mask: vtkMRMLNode
    maskSegment: str
    axis: str = "all"
    toleranceMm: Annotated[float, WithinRange(0.1, 50.0)] = TOLERANCE_MM
    betweenPeople: bool = False

    # Check: its results, all in one folder of the subject hierarchy.
    errorMap: vtkMRMLScalarVolumeNode
    flaggedSlices: vtkMRMLSegmentationNode
    sliceTable: vtkMRMLTableNode
    slicePlot: vtkMRMLPlotChartNode
    reportText: vtkMRMLTextNode
    showErrorMap: bool = True
    showFlaggedSlices: bool = False

    # Inspect
    inspectOpacity: Annotated[float, WithinRange(0.0, 1.0)] = 0.5
    inspectEdgeShare: Annotated[float, WithinRange(2.0, 50.0)] = 15.0
    inspectFlickerRate: Annotated[float, WithinRange(0.5, 8.0)] = 2.0
    inspectSquareMm: Annotated[float, WithinRange(2.0, 100.0)] = 20.0
    inspectMatchWindows: bool = False
    fieldMap: vtkMRMLScalarVolumeNode

    # Correct
    workingTransform: vtkMRMLTransformNode
    previewTransform: vtkMRMLTransformNode
    nudgeMm: Annotated[float, WithinRange(0.01, 50.0)] = 1.0
    nudgeDegrees: Annotated[float, WithinRange(0.01, 45.0)] = 1.0
    checkCorrections: bool = True
    registerInRoi: bool = False
    registerWithLandmarks: bool = False
    fixOnlyFlagged: bool = True
    fixWithWitness: bool = True
    fixedLandmarks: vtkMRMLMarkupsFiducialNode
    movingLandmarks: vtkMRMLMarkupsFiducialNode
    roi: vtkMRMLMarkupsROINode

    # Record
    decisionsText: vtkMRMLTextNode
    reviewer: str
