"""Inspect: see for oneself how the pair lies, where the transform leads, and what was acquired."""

from __future__ import annotations

from functools import partial
from typing import Any

import qt
import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCScene.display.comparison import Comparison, Mode
from RegQCScene.display.slice_view import SliceView, layoutViews
from RegQCScene.volume_exchange import requireImage, transformChain
from RegQCUI.inspect_field import InspectField
from RegQCUI.inspect_link import InspectLink
from RegQCUI.links import Links
from RegQCUI.notices import Notices
from RegQCUI.paths import uiPath
from RegQCUI.shortcuts import Shortcuts

KEYS = {
    Mode.OPACITY: "O",
    Mode.EDGES: "E",
    Mode.COLORS: "C",
    Mode.FLICKER: "X",
    Mode.CHECKERBOARD: "K",
    Mode.DIFFERENCE: "D",
}
"""None of them is one of Slicer's own keys for slice views."""

SETTINGS = {
    Mode.OPACITY: "opacityRow",
    Mode.EDGES: "edgeRow",
    Mode.FLICKER: "rateRow",
    Mode.CHECKERBOARD: "squareRow",
}


class InspectPanel:
    """Buttons and keys for `Comparison`; `InspectField` and `InspectLink` take care of the rest."""

    title = _("Inspect")

    def __init__(self, session: Any, parent: Any = None) -> None:  # noqa: ARG002
        self.session = session
        self.widget = slicer.util.loadUI(uiPath("Inspect"))
        self.ui = slicer.util.childWidgetVariables(self.widget)
        self.notices = Notices(self.widget.layout())
        self.comparison = Comparison(self._views)
        self.comparison.suspend()  # until the module is shown
        self.field = InspectField(session, self.ui)
        self.link = InspectLink(session, self.ui)
        self._shortcuts = Shortcuts()
        self._flicker = qt.QTimer()
        ui = self.ui
        self.buttons = {mode: getattr(ui, f"{mode.value}Button") for mode in KEYS}
        links = self._links = Links()
        for mode, button in self.buttons.items():
            links.connect(button, "clicked(bool)", partial(self._onButton, mode))
        links.connect(ui.opacitySlider, "valueChanged(double)", self._onOpacity)
        links.connect(ui.edgeSlider, "valueChanged(double)", self._onOption)
        links.connect(ui.squareSlider, "valueChanged(double)", self._onOption)
        links.connect(ui.rateSlider, "valueChanged(double)", self._onRate)
        links.connect(ui.matchCheckBox, "toggled(bool)", self._onMatch)
        links.connect(self._flicker, "timeout()", self.comparison.flip)
        links.connect(slicer.app.layoutManager(), "layoutChanged(int)", self._onLayout)
        links.listen(self.comparison.changed, self._onMode)
        links.listen(self.link.changed, self.comparison.refresh)
        links.listen(session.inputsChanged, self._onInputs)
        self._onInputs()
        self._onMode()

    def enter(self) -> None:
        """Take the keys, and go on comparing."""
        self._takeOptions()
        self.comparison.resume()
        self.field.resume()
        self._shortcuts.take(
            {key: partial(self.comparison.toggle, mode) for mode, key in KEYS.items()}
        )
        self._onMode()
        self._onInputs()

    def exit(self) -> None:
        """Give the keys back and put the views back, while another module is used."""
        self._shortcuts.release()
        self._flicker.stop()
        self.link.stop()
        self.field.suspend()
        self.comparison.suspend()

    def cleanup(self) -> None:
        """Let go of nodes, views and widgets."""
        self.exit()
        self._links.disconnect()
        self.link.cleanup()
        self.field.cleanup()
        self.comparison.close()

    def _views(self) -> list[SliceView]:
        """Return the views of the fixed image: all but those of the original moving image."""
        return [view for view in layoutViews() if view.name not in self.link.viewNames]

    # What the session tells

    def _onInputs(self) -> None:
        parameters = self.session.parameters
        fixed, moving = parameters.fixedVolume, parameters.movingVolume
        reason = _whyNot(fixed, moving)
        for button in self.buttons.values():
            button.enabled = not reason
        self.comparison.setVolumes(*((None, None) if reason else (fixed, moving)))
        self.field.setPair(not reason, reason)
        self.link.setPair(not reason, reason)
        self._showAdvice(reason)

    def _showAdvice(self, reason: str) -> None:
        parameters = self.session.parameters
        chosen, moving = parameters.transform, parameters.movingVolume
        advice = []
        if reason and parameters.fixedVolume is not None and moving is not None:
            advice.append(("warning", reason))
        elif not reason and chosen is not None and chosen not in transformChain(moving):
            text = _("The views show {moving} where it lies; it does not lie under {transform}.")
            names = {"moving": moving.GetName(), "transform": chosen.GetName()}
            advice.append(("warning", text.format(**names)))
        self.notices.show(advice)

    # Ways of comparing

    def _onButton(self, mode: Mode, _checked: bool = False) -> None:
        self.comparison.toggle(mode)

    def _onMode(self) -> None:
        mode = self.comparison.mode
        for one, button in self.buttons.items():
            button.setChecked(one is mode)
        for one, row in SETTINGS.items():
            getattr(self.ui, row).setVisible(one is mode)
        if mode is Mode.FLICKER and self._shortcuts.taken:
            self._onRate()
            self._flicker.start()
        else:
            self._flicker.stop()

    def _takeOptions(self) -> None:
        options, ui = self.comparison.options, self.ui
        options.opacity = ui.opacitySlider.value
        options.edgePercent = 100 - ui.edgeSlider.value
        options.squareMm = ui.squareSlider.value
        options.matchWindows = ui.matchCheckBox.checked

    def _onOpacity(self, opacity: float) -> None:
        self.comparison.setOpacity(opacity)

    def _onOption(self, _value: float) -> None:
        self._takeOptions()
        self.comparison.refresh()

    def _onMatch(self, _checked: bool) -> None:
        self._onOption(0.0)

    def _onRate(self, _value: float = 0.0) -> None:
        self._flicker.setInterval(round(1000 / self.ui.rateSlider.value))

    def _onLayout(self, _layout: int) -> None:
        self.comparison.refresh()
        self.field.fillViews()


def _whyNot(fixed: Any, moving: Any) -> str:
    """Return why the two cannot be compared, in words, or an empty text."""
    try:
        requireImage(fixed, _("fixed volume"))
        requireImage(moving, _("moving volume"))
    except InputError as error:
        return str(error)
    return _("Choose two different volumes") if fixed is moving else ""
