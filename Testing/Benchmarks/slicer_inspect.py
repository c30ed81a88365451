"""What one update of the Inspect panel's comparisons costs: processor time and wall time.

python -m Testing.Benchmarks.slicer_inspect --out Testing/Benchmarks/results/slicer_inspect.json

Shows the sample pair in the test host (Testing/SlicerHost), off-screen, as it is and on
512 x 512 x 300 voxels. At each update the moving volume is moved a little and all three slice views
are drawn, as while it is dragged. "none" is what Slicer's own views cost; processor time counts
every thread. The host draws without a graphics card.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from Testing.Benchmarks.sample_volumes import measure_pairs, sample_volume

WARM_UP = 3


def main() -> None:
    """Measure both pairs and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--updates", type=int, default=40, help="of each way of comparing")
    parser.add_argument("--small", action="store_true", help="the sample alone")
    options = parser.parse_args()
    measure_pairs(
        options.out,
        {"updates": options.updates},
        lambda host, shape: measured(host, shape, options.updates),
        small=options.small,
    )


def measured(host: Any, shape: tuple[int, int, int] | None, updates: int) -> dict[str, Any]:
    """Return the cost of an update in each way of comparing."""
    import slicer

    from RegQCScene.display.comparison import Comparison, Mode
    from RegQCScene.display.slice_view import layoutViews

    slicer.mrmlScene.Clear()
    fixed, moving = (sample_volume(name, shape) for name in ("flair", "t1w"))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "move")
    moving.SetAndObserveTransformNodeID(transform.GetID())
    slicer.util.setSliceViewerLayers(
        background=fixed, foreground=moving, foregroundOpacity=0.5, fit=True
    )
    comparison = Comparison()
    comparison.setVolumes(fixed, moving)
    views = layoutViews()
    row: dict[str, Any] = {
        "voxels": list(fixed.GetImageData().GetDimensions()),
        "views": {view.name: list(view.sizePixels) for view in views},
    }
    modes = (Mode.NONE, Mode.EDGES, Mode.COLORS, Mode.CHECKERBOARD, Mode.DIFFERENCE)
    for mode in modes:
        started = time.process_time()
        comparison.setMode(mode)
        entering = time.process_time() - started
        row[mode.value] = {
            "entering_cpu_ms": round(1000 * entering, 1),
            **_updates(host, transform, updates),
        }
    comparison.close()
    return row


def _updates(host: Any, transform: Any, count: int) -> dict[str, float]:
    """Move and draw; return medians and 95th percentiles, ms."""
    import slicer

    manager = slicer.app.layoutManager()
    views = [manager.sliceWidget(name).sliceView() for name in manager.sliceViewNames()]
    matrix = np.eye(4)
    processor, wall = [], []
    for number in range(count + WARM_UP):
        matrix[:2, 3] = 2 * np.sin(0.7 * number), 2 * np.cos(0.9 * number)
        begun, started = time.process_time(), time.perf_counter()
        transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        for view in views:
            view.forceRender()
        processor.append(1000 * (time.process_time() - begun))
        wall.append(1000 * (time.perf_counter() - started))
        host.app.processEvents()
    figures = {}
    for name, values in (("cpu_ms", processor[WARM_UP:]), ("wall_ms", wall[WARM_UP:])):
        figures[name] = round(float(np.median(values)), 1)
        figures[f"{name}_p95"] = round(float(np.percentile(values, 95)), 1)
    return figures


if __name__ == "__main__":
    main()
