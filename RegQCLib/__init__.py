"""RegQC: are two registered medical images aligned, where not, and by how much?

World coordinates are RAS millimeters, arrays are ``(k, j, i)``, transforms map fixed points to
moving points. Names load on first use, so that ``import RegQCLib`` is quick.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from RegQCLib.geometry.image_io import load_volume, save_volume
    from RegQCLib.geometry.transform_io import load_transform
    from RegQCLib.geometry.volume import Volume
    from RegQCLib.qc.alignment_report import AlignmentReport
    from RegQCLib.qc.check import check

__version__ = "0.1.0"

__all__ = [
    "AlignmentReport",
    "Volume",
    "__version__",
    "check",
    "load_transform",
    "load_volume",
    "save_volume",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())  # programs choose what to show

# OpenVINO reports its use to its makers, from a forked process that can hang. Nothing about a study
# leaves the machine: without this package its stub says nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

_HOMES = {
    "AlignmentReport": "RegQCLib.qc.alignment_report",
    "Volume": "RegQCLib.geometry.volume",
    "check": "RegQCLib.qc.check",
    "load_transform": "RegQCLib.geometry.transform_io",
    "load_volume": "RegQCLib.geometry.image_io",
    "save_volume": "RegQCLib.geometry.image_io",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module the first time it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'RegQCLib' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names too, loaded or not."""
    return sorted({*globals(), *__all__})
