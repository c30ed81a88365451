"""Which real pairs are measured, and what is known about their alignment.

Everything is read from ``catalog.json`` in the folder named by ``REGQC_DATA``. A pair's group says
what its alignment as stored is worth:

aligned     the catalog calls it aligned, or the data set's authors supply transforms that make it
            so (``Pair.gold``: fixed points to moving points, RAS mm)
borderline  nearly aligned, or aligned by eye only: shown apart, counted nowhere
stress      head CT with MR: voxel sizes are nominal and there is no truth: shown apart

Spacing classes, by the coarser image of a pair: ``isotropic`` (no spacing above 1.5 mm and at
least 40 mm of body along every axis), ``slab`` (fine but thinner than that) and ``thick``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError
from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.transform_io import load_transform
from RegQCLib.geometry.transforms import Affine, Composite, Transform
from RegQCLib.geometry.volume import Volume

FINE_MM = 1.5
SLAB_MM = 40.0
RAW_BRAIN = "omslong_"


@dataclass(frozen=True)
class Pair:
    """Two images of one subject. gold: files of the authors' transforms, empty when none exist.

    gold is a sequence of (file, inverted): a fixed point goes through the first of them first.
    """

    fixed: Path
    moving: Path
    organ: str
    contrasts: tuple[str, str]
    subject: str
    group: str
    spacing_class: str
    gold: tuple[tuple[Path, bool], ...] = ()

    @property
    def name(self) -> str:
        """Both names, without the subject twice."""
        return f"{_stem(self.fixed)}+{_stem(self.moving).removeprefix(self.subject + '_')}"

    @property
    def contrast(self) -> str:
        """The contrast pair in alphabetical order, such as ``FLAIR/T1``."""
        return "/".join(sorted(c.removeprefix("MR-").rstrip("wW") for c in self.contrasts))

    def load(self) -> tuple[Volume, Volume]:
        """The fixed and the moving volume."""
        return load_volume(self.fixed), load_volume(self.moving)

    def gold_transform(self) -> Transform:
        """Fixed points to moving points as the authors aligned them; identity where none exist."""
        steps: list[Transform] = []
        for path, inverted in self.gold:
            step = load_transform(path)
            steps.append(step.inverse() if inverted else step)
        if not steps:
            return Affine.identity()
        return steps[0] if len(steps) == 1 else Composite(steps)

    def swapped(self) -> Pair:
        """The same pair with fixed and moving exchanged."""
        return replace(
            self,
            fixed=self.moving,
            moving=self.fixed,
            contrasts=(self.contrasts[1], self.contrasts[0]),
            gold=tuple((path, not inverted) for path, inverted in reversed(self.gold)),
        )


@dataclass(frozen=True)
class NaturalPair:
    """A pair that lies misaligned in the archive by ``shift_mm`` on average over the body."""

    pair: Pair
    shift_mm: float


def data_folder() -> Path:
    """The folder named by REGQC_DATA; InputError when it is not set or has no catalog."""
    value = os.environ.get("REGQC_DATA")
    if not value:
        raise InputError("set REGQC_DATA to the folder with the real images and catalog.json")
    folder = Path(value)
    if not (folder / "catalog.json").is_file():
        raise InputError(f"REGQC_DATA={folder} has no catalog.json; choose the folder that has")
    return folder


def load_pairs(*, groups: Sequence[str] = ("aligned",), organs: Iterable[str] = ()) -> list[Pair]:
    """Every pair of the groups named, in the catalog's order; ``organs`` narrows the choice."""
    wanted = set(organs)
    folder, catalog = _catalog()
    pairs = [_pair(folder, catalog, row) for row in catalog["pairs"]]
    return [
        pair
        for pair in pairs
        if pair is not None
        and pair.group in groups
        and (not wanted or pair.organ in wanted or pair.organ.split()[0] in wanted)
    ]


def load_natural_pairs() -> list[NaturalPair]:
    """Pairs found misaligned, with the authors' transform and the shift it corrects."""
    folder, catalog = _catalog()
    found = []
    for row in catalog["pairs"]:
        if row["status"] == "misaligned" and "gold_shift_mm" in row:
            pair = _pair(folder, catalog, row)
            if pair is not None:
                found.append(NaturalPair(pair, float(row["gold_shift_mm"])))
    return found


def _catalog() -> tuple[Path, dict[str, Any]]:
    folder = data_folder()
    catalog = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))
    catalog["by_name"] = {entry["name"]: entry for entry in catalog["entries"]}
    return folder, catalog


def _pair(folder: Path, catalog: dict[str, Any], row: dict[str, Any]) -> Pair | None:
    entries = [catalog["by_name"][row[side]] for side in ("fixed", "moving")]
    gold = _gold(folder, row["fixed"], row["moving"])
    group = _group(row["status"], row["organ"], has_gold=bool(gold))
    if group is None:
        return None
    return Pair(
        fixed=folder / entries[0]["file"],
        moving=folder / entries[1]["file"],
        organ=row["organ"],
        contrasts=(row["modalities"][0], row["modalities"][1]),
        subject=entries[0]["subject"],
        group=group,
        spacing_class=_spacing_class(entries),
        gold=gold,
    )


def _group(status: str, organ: str, *, has_gold: bool) -> str | None:
    if status == "aligned" or (status == "misaligned" and has_gold):
        return "aligned"
    if organ == "head":
        return "stress"
    if status == "borderline" or status.startswith("unknown"):
        return "borderline"
    return None


def _spacing_class(entries: Sequence[dict[str, Any]]) -> str:
    if max(max(entry["spacing"]) for entry in entries) > FINE_MM:
        return "thick"
    extents = [
        count * size for e in entries for count, size in zip(e["shape"], e["spacing"], strict=True)
    ]
    return "slab" if min(extents) < SLAB_MM else "isotropic"


def _gold(folder: Path, fixed: str, moving: str) -> tuple[tuple[Path, bool], ...]:
    """The authors' transforms that lead from fixed points to moving points.

    ``X_to_FLAIR`` maps points of the FLAIR to points of X. ``FLAIR_to_common`` belongs to two
    studies of a patient that meet half way: a point of study 1 goes through study 2's transform,
    then through the inverse of study 1's (data/README.md; the other order aligns p03 less well).
    """
    if not fixed.startswith(RAW_BRAIN):
        return ()
    study = [name.rsplit("_", 1)[0] for name in (fixed, moving)]
    steps: list[tuple[Path, bool]] = []
    if not fixed.endswith("_FLAIR"):
        steps.append((folder / f"{fixed}_to_FLAIR.txt", True))
    if study[0] != study[1]:
        steps.append((folder / f"{study[1]}_FLAIR_to_common.txt", False))
        steps.append((folder / f"{study[0]}_FLAIR_to_common.txt", True))
    if not moving.endswith("_FLAIR"):
        steps.append((folder / f"{moving}_to_FLAIR.txt", False))
    return tuple(steps) if all(path.is_file() for path, _ in steps) else ()


def _stem(path: Path) -> str:
    return path.name.split(".")[0]
