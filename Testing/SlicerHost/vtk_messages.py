"""VTK's errors and warnings, kept, so that a test can ask whether there were any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import vtk

# Slicer itself causes these: it looks up the name of any orientation, also that of turned slices.
HARMLESS = ("invalid orientation preset name: Reformat",)


class VTKMessages:
    """`errors` and `warnings` grow until `clear()`; VTK's logger prints them to stderr as well."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        window = vtk.vtkOutputWindow()
        window.SetDisplayModeToNever()
        self._observe(window, vtk.vtkCommand.ErrorEvent, self.errors)
        self._observe(window, vtk.vtkCommand.WarningEvent, self.warnings)
        vtk.vtkOutputWindow.SetInstance(window)
        self._window = window

    def clear(self) -> None:
        self.errors.clear()
        self.warnings.clear()

    @staticmethod
    def _observe(window: vtk.vtkOutputWindow, event: int, messages: list[str]) -> None:
        def keep(caller: object, name: str, text: str) -> None:
            if not any(known in text for known in HARMLESS):
                messages.append(text.strip())

        keep.CallDataType = vtk.VTK_STRING  # type: ignore[attr-defined]
        window.AddObserver(event, keep)


@contextmanager
def quiet() -> Iterator[None]:
    """Print no VTK message: for steps whose complaints are known and harmless."""
    before = vtk.vtkLogger.GetCurrentVerbosityCutoff()
    vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
    try:
        yield
    finally:
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.ConvertToVerbosity(before))
