"""Ways to compare the fixed and the moving image in the slice views, one at a time.

All of them follow the moving volume while its transform changes, because they only arrange what the
slice views compute anyway. Leaving a way of comparing, saving the scene or removing a volume puts
the views and the inputs' display back as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from RegQCScene.display.composite_memory import CompositeMemory
from RegQCScene.display.edges import EdgeLines
from RegQCScene.display.gray_look import GrayLook, grayLook
from RegQCScene.display.mixed_pixels import Checkerboard, ComplementaryColors, Difference
from RegQCScene.display.overlay import Overlay, Picture
from RegQCScene.display.scene_guard import SceneGuard
from RegQCScene.display.slice_view import SliceView, layoutViews
from RegQCScene.display.temporary_display import TemporaryDisplay
from RegQCScene.signal import Signal


class Mode(Enum):
    """A way of comparing."""

    NONE = "none"
    OPACITY = "opacity"
    EDGES = "edges"
    COLORS = "colors"
    FLICKER = "flicker"
    CHECKERBOARD = "checkerboard"
    DIFFERENCE = "difference"


ALWAYS_MATCHED = frozenset({Mode.COLORS, Mode.DIFFERENCE})
"""These compare gray values, so both volumes need windows of the same meaning."""


@dataclass
class Options:
    """Settings of the ways of comparing.

    opacity: of the moving image, 0 to 1. edgePercent: share of the body without edges. squareMm: of
    the checkerboard. matchWindows: give both volumes windows of the same meaning in every mode.
    """

    opacity: float = 0.5
    edgePercent: float = 85.0
    squareMm: float = 20.0
    matchWindows: bool = False


class Comparison:
    """Shows a pair in the slice views in the chosen way.

    views: returns the views to use. changed: emitted when the mode was changed, by whomever.
    """

    def __init__(self, views: Callable[[], Sequence[SliceView]] = layoutViews) -> None:
        self.options = Options()
        self.changed = Signal()
        self.mode = Mode.NONE
        self._views = views
        self._fixed: Any = None
        self._moving: Any = None
        self._movingOnTop = True
        self._memory = CompositeMemory()
        self._displays: list[TemporaryDisplay] = []
        self._overlays: list[Overlay] = []
        self._looks: dict[tuple[str, int], GrayLook] = {}
        self._suspended = False
        self._guard = SceneGuard(
            lambda: [self._fixed, self._moving],
            suspend=self.suspend,
            resume=self.resume,
            end=lambda: self.setVolumes(None, None),
        )

    def setVolumes(self, fixed: Any, moving: Any) -> None:
        """Compare these volume nodes from now on; None where none is chosen."""
        if fixed is self._fixed and moving is self._moving:
            return
        mode = self.mode
        self._leave()
        self._fixed, self._moving = fixed, moving
        self.setMode(mode)

    @property
    def ready(self) -> bool:
        """Whether there are two volumes with voxels to compare."""
        return all(v is not None and v.GetImageData() for v in (self._fixed, self._moving))

    def setMode(self, mode: Mode) -> None:
        """Compare in another way; without two volumes there is none."""
        self._leave()
        self.mode = mode if self.ready else Mode.NONE
        self._enter()
        self.changed.emit()

    def toggle(self, mode: Mode) -> None:
        """Turn a way of comparing on, or off when it is on."""
        self.setMode(Mode.NONE if self.mode is mode else mode)

    def setOpacity(self, opacity: float) -> None:
        """Change the opacity of the moving image, as a slider does."""
        self.options.opacity = opacity
        if self.mode is Mode.OPACITY and not self._suspended:
            self._showVolumes()

    def flip(self) -> None:
        """Show the other of the two images, while they flicker."""
        self._movingOnTop = not self._movingOnTop
        if self.mode is Mode.FLICKER and not self._suspended:
            self._showVolumes()

    def refresh(self) -> None:
        """Take over changed options, views that came or went, and changed voxels."""
        self._leave()
        self._enter()

    def suspend(self) -> None:
        """Put everything back for a while, such as while another module is used."""
        self._leave()
        self._suspended = True

    def resume(self) -> None:
        """Go on after `suspend`."""
        self._suspended = False
        self.refresh()

    def close(self) -> None:
        """Put everything back for good."""
        self._leave()
        self.mode = Mode.NONE
        self._guard.close()

    def _enter(self) -> None:
        if self.mode is Mode.NONE or self._suspended:
            return
        if self.mode in ALWAYS_MATCHED or self.options.matchWindows:
            pair = self._fixed, self._moving
            self._displays = [TemporaryDisplay(volume, self._look(volume)) for volume in pair]
        self._showVolumes()
        for view in self._views():
            picture = self._picture(view)
            if picture is not None:
                self._overlays.append(Overlay(view, picture))

    def _leave(self) -> None:
        for overlay in self._overlays:
            overlay.remove()
        self._overlays = []
        for display in self._displays:
            display.restore()
        self._displays = []
        self._memory.restore()

    def _showVolumes(self) -> None:
        for view in self._views():
            self._memory.show(view.compositeNode, self._fixed, self._moving, self._opacity())

    def _opacity(self) -> float:
        if self.mode is Mode.OPACITY:
            return self.options.opacity
        if self.mode is Mode.FLICKER:
            return float(self._movingOnTop)
        return 0.0  # the picture over the slice shows the moving image

    def _picture(self, view: SliceView) -> Picture | None:
        if self.mode is Mode.EDGES:
            layer = view.logic.GetForegroundLayer()
            return EdgeLines(view, layer, self._look(self._moving), self.options.edgePercent)
        if self.mode is Mode.CHECKERBOARD:
            return Checkerboard(view, self.options.squareMm)
        if self.mode is Mode.COLORS:
            return ComplementaryColors(view)
        if self.mode is Mode.DIFFERENCE:
            return Difference(view)
        return None

    def _look(self, volume: Any) -> GrayLook:
        key = volume.GetID(), volume.GetImageData().GetMTime()
        if key not in self._looks:
            self._looks[key] = grayLook(volume)
        return self._looks[key]
