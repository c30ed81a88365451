"""Images and transforms of any kind written as MetaImage, which a viewer then reads quickly.

``python -m RegQCLib.cli.read_worker image FILE --out FOLDER --progress json`` writes image.mha.
``... transform FILE --grid GRID.json --out FOLDER`` writes each part, in the order that a point
takes: affine ones as .tfm, displacement fields as .mha; whatever else there is, is sampled on
GRID.json: ``{"shape": [k, j, i], "affine": 4 x 4}``. Speaks the protocol of `cli.progress`; the
result's ``files`` names what was written.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from RegQCLib.cli.progress import ProgressMode, reporter
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.image_io import load_volume, save_volume
from RegQCLib.geometry.transform_io import load_transform, save_transform
from RegQCLib.geometry.transforms import Affine, Composite, simplified, to_displacement


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``arguments``, by default the process's own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("image", "transform"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--grid", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--progress", type=ProgressMode, default=ProgressMode.none)
    options = parser.parse_args(arguments)
    with reporter(options.progress) as report:
        report(f"reading {options.file.name}", 0.0)
        options.out.mkdir(parents=True, exist_ok=True)
        if options.kind == "image":
            save_volume(load_volume(options.file), options.out / "image.mha")
            files = ["image.mha"]
        else:
            files = save_parts(options.file, options.grid, options.out)
        report.result(f"written to {options.out}", {"files": files})


def save_parts(file: Path, grid_file: Path, folder: Path) -> list[str]:
    """Write the parts of a transform into a folder; returns their names in order."""
    transform = simplified(load_transform(file))
    parts = transform.transforms if isinstance(transform, Composite) else (transform,)
    names = []
    for number, part in enumerate(parts):
        kept = part
        if not isinstance(part, Affine | DisplacementField):
            grid = Grid(**json.loads(grid_file.read_text(encoding="utf-8")))
            kept = to_displacement(part, grid)
        names.append(f"{number}.tfm" if isinstance(kept, Affine) else f"{number}.mha")
        save_transform(kept, folder / names[-1])
    return names


if __name__ == "__main__":
    main()
