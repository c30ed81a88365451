"""The part of Inspect that shows the original moving image beside, linked by the mouse."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from RegQCScene.display.linked_crosshair import LinkedCrosshair, Point
from RegQCScene.display.slice_view import layoutViews
from RegQCScene.signal import Signal

ORIGINAL_VIEWS = ("Red+", "Yellow+", "Green+")
"""The second row of Slicer's layout "Three over three"."""


class InspectLink:
    """The check box, the layout with a second row of views, and the line with both points.

    changed: emitted when views were linked or set free. viewNames: of the original moving image.
    """

    def __init__(self, session: Any, ui: Any) -> None:
        self.session, self.ui = session, ui
        self.changed = Signal()
        self.crosshair = LinkedCrosshair()
        self.viewNames: tuple[str, ...] = ()
        self._layoutBefore: int | None = None
        ui.originalCheckBox.connect("toggled(bool)", self._onToggled)
        self.crosshair.moved.connect(self._showPoints)
        ui.originalText.hide()

    def setPair(self, ready: bool, reason: str) -> None:
        """Start anew with the session's pair; reason: why there is nothing to link."""
        box = self.ui.originalCheckBox
        box.enabled = ready
        if reason:
            self.stop()
        elif self.viewNames:
            self._start()

    def stop(self) -> None:
        """Put views and layout back."""
        self.ui.originalCheckBox.setChecked(False)

    def cleanup(self) -> None:
        """Let go of nodes and widgets."""
        self.stop()
        self.ui.originalCheckBox.disconnect("toggled(bool)", self._onToggled)
        self.crosshair.close()

    def _onToggled(self, on: bool) -> None:
        manager = slicer.app.layoutManager()
        self.ui.originalText.setVisible(on)
        if on:
            self._layoutBefore = manager.layout
            self.viewNames = ORIGINAL_VIEWS
            manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutThreeOverThreeView)
            self._start()
        else:
            self.crosshair.stop()
            self.viewNames = ()
            if self._layoutBefore is not None:
                manager.setLayout(self._layoutBefore)
            self._layoutBefore = None
        self.changed.emit()

    def _start(self) -> None:
        parameters = self.session.parameters
        pair = parameters.fixedVolume, parameters.movingVolume, parameters.transform
        views = layoutViews()
        self.crosshair.start(
            pair,
            [view for view in views if view.name not in ORIGINAL_VIEWS],
            [view for view in views if view.name in ORIGINAL_VIEWS],
        )
        self.ui.originalText.setText(_("Move the mouse over an image."))

    def _showPoints(self, fixedPoint: Point, movingPoint: Point) -> None:
        text = _("Fixed {fixed} mm, original moving {moving} mm (R, A, S).")
        self.ui.originalText.setText(
            text.format(fixed=_words(fixedPoint), moving=_words(movingPoint))
        )


def _words(point: Point) -> str:
    return ", ".join(f"{number:.1f}" for number in np.asarray(point))
