"""A manifest from a BIDS dataset (Gorgolewski et al., Scientific Data 3, 160044, 2016)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from RegQCLib.errors import InputError, MissingDependencyError

IMAGES = (".nii", ".nii.gz")
LABELS = ("mask", "seg")
"""How suffixes of images end that hold no intensities."""
SAME = ("subject", "session")
"""What two images of a pair always share; a dataset may have no sessions."""
ALIKE = ("acquisition", "run", "space", "resolution")
"""Of several fixed images that would do, the one that shares most of these is taken."""
Filters = Mapping[str, str]


def rows_of_bids(
    folder: str | Path,
    *,
    fixed: Filters | None = None,
    moving: Filters | None = None,
    transform: Filters | None = None,
    mask: Filters | None = None,
    derivatives: Iterable[str | Path] = (),
) -> list[dict[str, str]]:
    """Return rows of a manifest, sorted by id; paths are absolute.

    fixed, moving, transform, mask: what is asked of the files, by BIDS entity ("suffix", "space",
    "desc" and so on). By default every other anatomical image of a subject and session is moving
    against the T1w. derivatives: folders of derived data to look into, too.
    Raises MissingDependencyError without pybids, InputError for folders that are no dataset, or
    have no pairs.
    """
    if find_spec("bids") is None:
        raise MissingDependencyError("BIDS is read by pybids; run: pip install 'RegQC[batch]'")
    layout = _layout(Path(folder).expanduser().absolute(), derivatives)
    fixed_images = _images(layout, fixed or {"suffix": "T1w"})
    rows = []
    for one in _images(layout, moving or {"datatype": "anat", "scope": "self"}):
        best = _best(one, [other for other in fixed_images if other.path != one.path])
        if best is None or (moving is None and _is_no_moving_image(one, fixed_images)):
            continue
        row = {"id": one.filename.partition(".")[0], "fixed": best.path, "moving": one.path}
        for role, filters in (("transform", transform), ("mask", mask)):
            found = None if filters is None else _best(best, _files(layout, filters))
            row |= {} if found is None else {role: found.path}
        entities = one.get_entities()
        own = {name: entities.get(name, "") for name in (*SAME, "suffix")}
        rows.append({**row, **{name: str(value) for name, value in own.items() if value}})
    if not rows:
        raise InputError(
            f"{folder}: no two images of one subject and session fit; see --fixed and --moving"
        )
    return _with_own_ids(sorted(rows, key=lambda row: (row["id"], row["moving"])))


def parsed_filters(text: str | None) -> dict[str, str] | None:
    """Filters from ``suffix=T1w,space=MNI152``. Raises InputError for anything else."""
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and equals and value.strip() for name, equals, value in parts):
        raise InputError(f"{text!r} is no filter; write entities such as suffix=T1w,space=MNI152")
    return {name.strip(): value.strip() for name, _equals, value in parts}


def _layout(folder: Path, derivatives: Iterable[str | Path]) -> Any:
    from bids import BIDSLayout, BIDSLayoutIndexer

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path")
    if not any(entry.name.startswith("sub-") for entry in folder.iterdir()):
        raise InputError(f"{folder}: is no BIDS dataset: it has no folder sub-*; check the path")
    more = [Path(one).expanduser().absolute() for one in derivatives]
    for one in more:
        if not (one / "dataset_description.json").is_file():
            raise InputError(f"{one}: no derived data: it has no dataset_description.json")
    # names say enough; reading all sidecars takes minutes, and one that is damaged stops it
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False)
    found = [str(one) for one in more] or False
    return BIDSLayout(folder, validate=False, derivatives=found, indexer=indexer)


def _images(layout: Any, filters: Filters) -> list[Any]:
    return [one for one in _files(layout, filters) if one.filename.endswith(IMAGES)]


def _files(layout: Any, filters: Filters) -> list[Any]:
    """Return files with these entities; pybids refuses names that no file has."""
    known = set(layout.get_entities())
    unknown = sorted(set(filters) - known - {"scope"})
    if unknown:
        raise InputError(
            f"{layout.root}: no file has the entity {unknown[0]}; there are "
            f"{', '.join(sorted(known))}"
        )
    return sorted(layout.get(**filters), key=lambda one: one.path)


def _best(one: Any, others: list[Any]) -> Any | None:
    """Return the file of the same subject and session that shares most with ``one``."""
    own = one.get_entities()
    fitting = [
        other
        for other in others
        if all(own.get(name) == other.get_entities().get(name, own.get(name)) for name in SAME)
    ]

    def shared(other: Any) -> int:
        entities = other.get_entities()
        return sum(own.get(name) == entities.get(name) for name in (*SAME, *ALIKE))

    return max(fitting, key=shared, default=None)


def _is_no_moving_image(one: Any, fixed_images: list[Any]) -> bool:
    suffix = one.get_entities().get("suffix", "")
    return one in fixed_images or str(suffix).endswith(LABELS)


def _with_own_ids(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """Number those that share an id, as an image and its derivative may."""
    taken: dict[str, int] = {}
    for row in rows:
        count = taken[row["id"]] = taken.get(row["id"], 0) + 1
        if count > 1:
            row["id"] += f"_{count}"
    return rows
