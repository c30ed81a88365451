"""Contours that a person drew on both images: how well they agree after mapping.

Distances are mm in fixed space. These feed the TG-132 table, never the verdict.
"""

from __future__ import annotations

from RegQCLib.evaluation.label_pairs import pair_labels
from RegQCLib.evaluation.overlap import dice
from RegQCLib.evaluation.surface_distance import surface_distances
from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume


def contour_agreement(
    fixed: Volume, moving: Volume, transform: Transform | None = None
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Dice and mean distance to agreement (mm) of every structure, by label.

    fixed, moving: label images, 0 is background. moving is mapped onto the grid of fixed by nearest
    neighbor. A structure found in one image only has Dice 0 and no distance (None).
    The distance averages, over the boundary voxels of both contours, that to the nearest boundary
    voxel of the other one.
    Raises InputError as `pair_labels`.
    """
    pair = pair_labels(fixed, moving, transform)
    overlap: dict[str, float | None] = {}
    distance: dict[str, float | None] = {}
    for label, a, b in pair.structures():
        overlap[str(label)] = dice(a, b)
        measured = surface_distances(a, b, pair.grid.spacing[::-1])
        distance[str(label)] = None if measured is None else measured.average()
    return overlap, distance
