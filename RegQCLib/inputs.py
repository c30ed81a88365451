"""Reading what a command was given, and saying in the report what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from RegQCLib.hashing import sha256_of
from RegQCLib.progress import Progress

TRANSFORMS = ("transform", "inverse")


def read_inputs(paths: dict[str, Any], progress: Progress, *, flat: bool = False) -> dict[str, Any]:
    """Read every input; the result holds the keyword arguments of a library call that they fill.

    paths: role (``fixed``, ``moving``, ``transform``, ``inverse``, ``mask``, ``fixed_labels``,
    ``moving_labels``, ``landmarks`` and others, which are images) -> file, or for ``landmarks`` a
    pair of files. flat: whether 2-D images will do, as single slices.
    Raises InputError naming the first input that cannot be used.
    """
    import SimpleITK

    from RegQCLib.geometry.flat_io import load_image
    from RegQCLib.geometry.image_io import load_volume
    from RegQCLib.geometry.landmarks import load_landmarks
    from RegQCLib.geometry.transform_io import load_transform

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)  # ITK would write beside our one line
    inputs: dict[str, Any] = {}
    for count, (role, path) in enumerate(paths.items()):
        progress(f"reading {role.replace('_', ' ')}", count / len(paths))
        if role in TRANSFORMS:
            inputs[role] = load_transform(path)
        elif role == "landmarks":
            inputs[role] = tuple(load_landmarks(p) for p in path)
        else:
            inputs[role] = load_image(path) if flat else load_volume(path)
    if "fixed_labels" in inputs:
        inputs["labels"] = (inputs.pop("fixed_labels"), inputs.pop("moving_labels"))
    return inputs


def describe(path: Path | tuple[Path, ...]) -> dict[str, str] | list[dict[str, str]]:
    """Return path and SHA-256 of an input file, or of each of several."""
    if isinstance(path, tuple):
        return [_describe_one(one) for one in path]
    return _describe_one(path)


def _describe_one(path: Path) -> dict[str, str]:
    return {"path": str(path), "sha256": sha256_of(path)}
