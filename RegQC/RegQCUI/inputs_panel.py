"""Inputs: the pair, its transform, where to judge; and what is wrong with the choice, in words."""

from __future__ import annotations

from typing import Any

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from RegQCScene.input_advice import describeVolume, inputAdvice
from RegQCScene.parameters import AXES
from RegQCScene.working_transform import ownTransform
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath

ADVICE_DELAY_MS = 300
"""One look at the inputs after a burst of changes, such as a transform that is dragged: it takes as
long as drawing the views once."""


class InputsPanel(VTKObservationMixin):
    """Selectors follow the parameter node; this class finds the transform and gives advice."""

    title = _("Inputs")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        VTKObservationMixin.__init__(self)
        self.session = session
        self.widget = slicer.util.loadUI(uiPath("Inputs"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.notices = Notices(self.widget.layout())
        self._watched: list[Any] = []
        self._found: tuple[Any, Any] = (None, None)
        self._shown = False
        names = {
            "all": _("All planes"),
            "sagittal": _("Sagittal"),
            "coronal": _("Coronal"),
            "axial": _("Axial"),
        }
        for axis in AXES:
            self.ui.axisSelector.addItem(names[axis], axis)
        self.adviceTimer = qt.QTimer()
        self.adviceTimer.setSingleShot(True)
        self.adviceTimer.setInterval(ADVICE_DELAY_MS)
        links = self._links = Links()
        links.connect(self.adviceTimer, "timeout()", self.showAdvice)
        links.connect(self.ui.axisSelector, "currentIndexChanged(int)", self._onAxis)
        links.connect(self.ui.segmentSelector, "currentIndexChanged(int)", self._onSegment)
        links.listen(session.inputsChanged, self._onInputs)
        self._onInputs()

    def enter(self) -> None:
        """Look again: much may have changed in other modules."""
        self._shown = True
        self._onInputs()

    def exit(self) -> None:
        """Give no advice while nobody sees it."""
        self._shown = False
        self.adviceTimer.stop()

    def cleanup(self) -> None:
        """Let go of nodes and widgets."""
        self.exit()
        self.removeObservers()
        self._links.disconnect()

    def showAdvice(self) -> None:
        """Tell what is wrong or odd about the inputs."""
        advice = inputAdvice(self.session.parameters)
        self.notices.show((one.level, one.text) for one in advice)

    def _onInputs(self) -> None:
        parameters = self.session.parameters
        self._adoptTransform(parameters)
        self._watch(parameters)
        for role in ("fixed", "moving"):
            label = getattr(self.ui, f"{role}Description")
            label.setText(describeVolume(getattr(parameters, f"{role}Volume")))
            label.setVisible(bool(label.text))
        self._fillSegments(parameters)
        self._showAxis(parameters.axis)
        if self._shown:
            self.adviceTimer.start()

    def _showAxis(self, axis: str) -> None:
        """Show a choice that the parameter node holds; it holds none while a scene is closed."""
        blocked = self.ui.axisSelector.blockSignals(True)
        self.ui.axisSelector.setCurrentIndex(AXES.index(axis) if axis in AXES else 0)
        self.ui.axisSelector.blockSignals(blocked)

    # The transform

    def _adoptTransform(self, parameters: Any) -> None:
        """Choose the transform that the moving volume lies under, when that is another one.

        A user's own choice stands until then.
        """
        moving = parameters.movingVolume
        found = None if moving is None else ownTransform(moving, parameters.fixedVolume)
        before, self._found = self._found, (moving, found)
        if self._found == before or moving is None:
            return
        if found is not None or (before[0] is not None and parameters.transform is before[1]):
            parameters.transform = found

    def _onMovingTransform(self, _caller: Any, _event: Any) -> None:
        """The moving volume came under another transform, or the one above it changed."""
        self._adoptTransform(self.session.parameters)
        self._later()

    def _later(self, _caller: Any = None, _event: Any = None) -> None:
        if self._shown:
            self.adviceTimer.start()

    def _watch(self, parameters: Any) -> None:
        """Observe the chosen nodes, and no others."""
        volumes = [parameters.fixedVolume, parameters.movingVolume]
        nodes = [*volumes, parameters.transform, parameters.mask]
        if nodes == self._watched:
            return
        self.removeObservers()
        self._watched = nodes
        fixed, moving, transform, mask = nodes
        moved = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
        changed = vtk.vtkCommand.ModifiedEvent
        for node in filter(None, {fixed, moving}):
            self.addObserver(node, changed, self._later)
        for node, event, receiver in (
            (fixed, moved, self._later),
            (moving, moved, self._onMovingTransform),
            (transform, moved, self._later),
        ):
            if node is not None and not self.hasObserver(node, event, receiver):
                self.addObserver(node, event, receiver)
        if mask is not None and mask.IsA("vtkMRMLSegmentationNode"):
            for event in (
                slicer.vtkSegmentation.SegmentAdded,
                slicer.vtkSegmentation.SegmentRemoved,
            ):
                self.addObserver(mask.GetSegmentation(), event, self._onSegments)

    # The segments of the mask

    def _onSegments(self, _caller: Any, _event: Any) -> None:
        self._fillSegments(self.session.parameters)
        self._later()

    def _fillSegments(self, parameters: Any) -> None:
        mask, box = parameters.mask, self.ui.segmentSelector
        chosen = parameters.maskSegment
        choices = [("", _("All segments"))]
        if mask is not None and mask.IsA("vtkMRMLSegmentationNode"):
            segmentation = mask.GetSegmentation()
            ids = [
                segmentation.GetNthSegmentID(n) for n in range(segmentation.GetNumberOfSegments())
            ]
            choices += [(one, segmentation.GetSegment(one).GetName()) for one in ids]
        blocked = box.blockSignals(True)
        box.clear()
        for segmentId, name in choices:
            box.addItem(name, segmentId)
        known = [segmentId for segmentId, _name in choices]
        box.setCurrentIndex(known.index(chosen) if chosen in known else 0)
        box.blockSignals(blocked)
        box.setVisible(len(choices) > 1)
        if chosen not in known:
            parameters.maskSegment = ""

    def _onSegment(self, index: int) -> None:
        self.session.parameters.maskSegment = self.ui.segmentSelector.itemData(index) or ""

    def _onAxis(self, index: int) -> None:
        self.session.parameters.axis = AXES[index]
