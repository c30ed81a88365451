"""A small picture of a pair: the worst slice, edges of the moved image over the fixed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from RegQCLib.qc.alignment_report import worst_slice
from RegQCLib.report.chosen_slices import central_index
from RegQCLib.report.colors import EDGE
from RegQCLib.report.figures import edges
from RegQCLib.report.html import pair_of
from RegQCLib.report.png import png_bytes

if TYPE_CHECKING:
    from RegQCLib.qc.alignment_report import AlignmentReport

PIXELS = 256


def thumbnail(report: AlignmentReport) -> bytes:
    """Return a PNG, RGB, `PIXELS` along its longer side at most.

    Without a measured slice it shows the axial one in the middle of the body.
    """
    pair = pair_of(report)
    worst = worst_slice(report.axes)
    if worst is None:
        plane, index = "axial", central_index(report.fixed.grid, pair.body, "axial")
    else:
        plane, index = worst[0].name, worst[1].index
    view = pair.view(plane)
    fixed, moved = (pair.gray(which, view, index, PIXELS) for which in (0, 1))
    picture = np.repeat(np.rint(255 * np.clip(fixed, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)
    picture[edges(moved, pair.extent_mm(view)[0] / moved.shape[1])] = EDGE
    return png_bytes(picture)
