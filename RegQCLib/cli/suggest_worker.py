"""Places for landmarks in an image that takes seconds to search.

``python -m RegQCLib.cli.suggest_worker IMAGE --count N [--mask MASK] --progress json`` speaks the
protocol of `cli.progress`; ``points`` of the result are RAS mm, the most prominent first.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from RegQCLib.cli.live_worker import coarser
from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.registration.landmark_suggestions import suggest_landmarks


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``arguments``, by default the process's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--mask", type=Path)
    parser.add_argument("--progress", type=ProgressMode, default=ProgressMode.none)
    options = parser.parse_args(arguments)
    with reporter(options.progress) as report:
        report("reading the image", 0.0)
        image = coarser(load_volume(options.image))
        mask = None if options.mask is None else load_volume(options.mask)
        report("looking for places", 0.3)
        points = suggest_landmarks(image, options.count, mask)
        report.result(f"{len(points)} places", {"points": points.tolist()})


if __name__ == "__main__":
    main()
