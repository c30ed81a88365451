"""Whether this machine can run the half of the host that needs Qt and OpenGL."""

from __future__ import annotations

import functools
import subprocess
import sys

DEBIAN_PACKAGES = (
    "libegl1 libgl1 libgl1-mesa-dri libglib2.0-0 libxkbcommon0 libfontconfig1 libdbus-1-3"
)

# One pixel of a red background: in a process of its own, as a missing driver can end the process.
# Three modules of VTK instead of all: the others take seconds to load.
_PROBE = """
import vtkmodules.vtkRenderingOpenGL2
from vtkmodules.vtkCommonCore import vtkUnsignedCharArray
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow
window = vtkRenderWindow()
window.SetOffScreenRendering(1)
window.SetSize(8, 8)
renderer = vtkRenderer()
renderer.SetBackground(1, 0, 0)
window.AddRenderer(renderer)
window.Render()
pixels = vtkUnsignedCharArray()
window.GetPixelData(4, 4, 4, 4, 0, pixels, 0)
if pixels.GetValue(0) > 200:
    print(window.GetClassName())
"""


@functools.cache
def whyNoScene() -> str:
    """The reason why there can be no scene here; empty if there can."""
    try:
        import slicer  # noqa: F401
    except ImportError as error:
        return f"slicer-core cannot be imported ({error}): pip install '.[slicer-test]'"
    return ""


@functools.cache
def whyNot() -> str:
    """The reason why no view can be shown here, for skipping a test; empty if all is there."""
    if whyNoScene():
        return whyNoScene()
    try:
        from PySide6 import QtWidgets  # noqa: F401
    except ImportError as error:
        return f"Qt cannot be loaded ({error}): apt-get install {DEBIAN_PACKAGES}"
    if not windowClass():
        return f"VTK cannot render off-screen here: apt-get install {DEBIAN_PACKAGES}"
    return ""


@functools.cache
def windowClass() -> str:
    """The class of VTK's window that renders here off-screen (X11, EGL, OSMesa), or nothing."""
    command = [sys.executable, "-c", _PROBE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
