"""What Slicer adds to its Python package is importable while tests are collected."""

from __future__ import annotations

import slicer
from SlicerHost.core import STAND_INS

if str(STAND_INS) not in slicer.__path__:
    slicer.__path__.append(str(STAND_INS))
