"""Stand-ins for Slicer's number widgets that know units of the scene."""

from __future__ import annotations

from typing import Any

from SlicerHost.ctk_ranges import ctkRangeWidget
from SlicerHost.ctk_sliders import ctkSliderWidget
from SlicerHost.ctk_spin_boxes import ctkDoubleSpinBox
from SlicerHost.stand_in import standIn, stored


class _Units:
    """Takes suffix and decimals from the scene's unit of `quantity`, once it has a scene."""

    quantity = stored(str, "quantity", "", "_showUnit")
    # Prefix | Suffix | Precision | Scaling: all but the limits, as in Slicer.
    unitAwareProperties = stored(int, "unitAwareProperties", 0x27)
    _scene: Any = None

    def mrmlScene(self) -> Any:
        return self._scene

    def setMRMLScene(self, scene: Any) -> None:
        self._scene = scene
        self._showUnit()

    def _showUnit(self) -> None:
        name = self.quantity
        selection = self._scene and self._scene.GetFirstNodeByClass("vtkMRMLSelectionNode")
        unit = selection.GetUnitNode(name) if selection and name else None
        if unit is None:
            return
        widget: Any = self
        widget.suffix = unit.GetSuffix() or ""
        widget.prefix = unit.GetPrefix() or ""
        widget.decimals = unit.GetPrecision()


@standIn
class qMRMLSliderWidget(_Units, ctkSliderWidget):
    """A ctkSliderWidget in the scene's units."""


@standIn
class qMRMLSpinBox(_Units, ctkDoubleSpinBox):
    """A ctkDoubleSpinBox in the scene's units."""


@standIn
class qMRMLRangeWidget(_Units, ctkRangeWidget):
    """A ctkRangeWidget in the scene's units."""
