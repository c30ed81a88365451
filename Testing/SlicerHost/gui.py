"""Opens the RegQC module in a window with the bundled sample, for people without Slicer.

make gui                                          a window
python -m SlicerHost.gui --screenshot panel.png   a picture, without a display
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from SlicerHost.rendering import whyNot


def main(arguments: list[str] | None = None) -> int:
    """Run until the window is closed, or until the picture is written; returns the exit code."""
    options = _options(arguments)
    offScreen = options.screenshot is not None
    reason = whyNot() or ("" if offScreen else _whyNoWindow())
    if reason:
        print(reason, file=sys.stderr)
        return 2
    from SlicerHost.host import startHost

    width, height = map(int, options.size.split("x"))
    host = startHost(offScreen=offScreen, size=(width, height))
    host.useDarkColors(options.dark)
    host.app.setTestingEnabled(offScreen)
    module = host.load()
    showSample(module)
    if offScreen:
        host.app.processEvents()
        host.window.grab().save(str(options.screenshot))
    else:
        host.app.exec_()
    host.unload(module)
    return 1 if offScreen and host.problems() else 0


def showSample(module: Any) -> None:
    """Load the sample pair, choose it in the panel and show one image over the other."""
    import slicer

    from SlicerHost.host import SAMPLE

    fixed = slicer.util.loadVolume(str(SAMPLE / "flair.nii.gz"), {"name": "FLAIR"})
    moving = slicer.util.loadVolume(str(SAMPLE / "t1w.nii.gz"), {"name": "T1w"})
    slicer.util.setSliceViewerLayers(fixed, moving, foregroundOpacity=0.5, fit=True)
    parameters = module.widgetRepresentation().self().logic.getParameterNode()
    parameters.fixedVolume = fixed
    parameters.movingVolume = moving


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make gui", description=__doc__.splitlines()[0])
    parser.add_argument("--screenshot", type=Path, help="write a picture and exit")
    parser.add_argument("--size", default="1400x900", help="of the window, in pixels")
    parser.add_argument("--dark", action="store_true", help="light text on dark")
    return parser.parse_args(arguments)


def _whyNoWindow() -> str:
    needsDisplay = sys.platform.startswith("linux")
    if needsDisplay and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display to open a window on; --screenshot FILE makes a picture instead."
    return ""


if __name__ == "__main__":
    sys.exit(main())
