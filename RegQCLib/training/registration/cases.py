"""Which images and pairs of them a network learns from, and which it is validated on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from RegQCLib.batch.csv_rows import Line, read_rows
from RegQCLib.batch.patterns import matches
from RegQCLib.errors import InputError
from RegQCLib.training.registration.data_settings import DataSettings

PairIndices = NDArray[np.intp]
"""(P, 2): fixed and moving case of every pair."""

SPLITS = {"": "", "train": "train", "training": "train", "val": "val", "validation": "val"} | {
    "test": "test"
}


@dataclass(frozen=True)
class Case:
    """One image. mask: where it is to be believed. split: "train", "val", "test", or not yet."""

    image: Path
    labels: Path | None = None
    mask: Path | None = None
    subject: str = ""
    split: str = ""


@dataclass(frozen=True)
class Cases:
    """All images, and the pairs of them that train and that validate."""

    cases: tuple[Case, ...]
    train: PairIndices
    validation: PairIndices


def find_cases(settings: DataSettings, *, seed: int, need_labels: bool) -> Cases:
    """Return the cases and pairs of a folder or table.

    seed: of the choice of subjects for validation. need_labels: whether every image must have them.
    Raises InputError where nothing is found, files are missing, or too few subjects are left.
    """
    path = expanded(settings.path)
    if not settings.path:
        raise InputError("[data] names no path; set it, or pass --data")
    pairs: list[tuple[int, int]] | None = None
    if settings.source == "folder":
        cases = _of_folder(path, settings)
    else:
        cases, pairs = _of_table(path)
    cases = _split(cases, settings, seed)
    for case in cases:
        for file in (case.image, case.labels, case.mask):
            if file is not None and not file.exists():
                raise InputError(f"{file}: no such file; check [data] {path}")
    if settings.pairs == "atlas":
        labels = expanded(settings.atlas_labels) if settings.atlas_labels else None
        cases = [*cases, Case(expanded(settings.atlas), labels, None, "atlas", "atlas")]
    if need_labels:
        _require_labels(cases)
    return _paired(tuple(cases), pairs, settings)


def expanded(path: str) -> Path:
    """Return ``path`` with ``~`` and ``$NAME`` replaced."""
    return Path(os.path.expandvars(path)).expanduser()


def _of_folder(folder: Path, settings: DataSettings) -> list[Case]:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check [data] path")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    images = matches("images", settings.images, files)
    if not images:
        raise InputError(f"{folder}: nothing matches images = {settings.images!r}; check it")
    beside = {
        role: {_key(names): folder / file for names, file in matches(role, pattern, files)}
        for role, pattern in (("labels", settings.labels), ("masks", settings.masks))
        if pattern
    }
    for role, found in beside.items():
        for names, file in images:
            if _key(names) not in found:
                raise InputError(f"{folder / file}: nothing matches {role} of it; check [data]")
    return [
        Case(
            folder / file,
            beside["labels"][_key(names)] if "labels" in beside else None,
            beside["masks"][_key(names)] if "masks" in beside else None,
            names.get("subject") or "_".join(names.values()) or file,
        )
        for names, file in images
    ]


def _key(names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(names.items()))


def _of_table(path: Path) -> tuple[list[Case], list[tuple[int, int]] | None]:
    """Cases of the column image, or cases and pairs of the columns fixed and moving."""
    if not path.is_file():
        raise InputError(f"{path}: no such table; check [data] path")
    columns, lines = read_rows(path)
    if not lines:
        raise InputError(f"{path}: holds no row; list one image or pair in each")
    if "image" in columns:
        return [_case(path, line, "") for line in lines], None
    if not {"fixed", "moving"} <= set(columns):
        raise InputError(f"{path}: needs a column image, or the columns fixed and moving")
    found: dict[Case, int] = {}
    pairs = []
    for line in lines:
        fixed, moving = (_case(path, line, role) for role in ("fixed", "moving"))
        pairs.append((found.setdefault(fixed, len(found)), found.setdefault(moving, len(found))))
    return list(found), pairs


def _case(table: Path, line: Line, role: str) -> Case:
    prefix = f"{role}_" if role else ""
    image = line.cells.get(role or "image", "")
    if not image:
        raise InputError(f"{table}, line {line.number}: names no {role or 'image'}")
    split = line.cells.get("split", "").lower()
    if split not in SPLITS:
        raise InputError(f"{table}, line {line.number}: split is train, val or test, not {split!r}")

    def beside(name: str) -> Path | None:
        text = line.cells.get(prefix + name, "")
        return table.parent / expanded(text) if text else None

    file = table.parent / expanded(image)
    subject = line.cells.get("subject") or str(file)
    return Case(file, beside("labels"), beside("mask"), subject, SPLITS[split])


def _split(cases: Sequence[Case], settings: DataSettings, seed: int) -> list[Case]:
    """Give every case a split: its own, or that of its subject."""
    if any(case.split for case in cases):
        return [replace(case, split=case.split or "train") for case in cases]
    subjects = sorted({case.subject for case in cases})
    for name in (*settings.validation_subjects, *settings.test_subjects):
        if name not in subjects:
            raise InputError(f"[data] keeps out the subject {name!r}, which has no image")
    test = set(settings.test_subjects)
    validation = set(settings.validation_subjects)
    rest = [name for name in subjects if name not in test]
    if not validation and settings.validation_share > 0:
        least = 1 if settings.pairs == "atlas" else 2  # two make a pair
        count = max(least, round(settings.validation_share * len(rest)))
        order = np.random.default_rng([seed, 0]).permutation(len(rest))
        validation = {rest[n] for n in order[:count]}
    kept = {**dict.fromkeys(validation, "val"), **dict.fromkeys(test, "test")}
    return [replace(case, split=kept.get(case.subject, "train")) for case in cases]


def _require_labels(cases: Iterable[Case]) -> None:
    cases = list(cases)
    without = [case for case in cases if case.labels is None]
    if without:
        raise InputError(
            f"{len(without)} of {len(cases)} images have no labels, {without[0].image} first; "
            "name them in [data] labels (or a column labels), or set [loss] dice = 0"
        )


def _paired(
    cases: tuple[Case, ...], listed: list[tuple[int, int]] | None, settings: DataSettings
) -> Cases:
    found: dict[str, PairIndices] = {}
    for split in ("train", "val"):
        chosen: object
        if listed is not None:
            chosen = [pair for pair in listed if cases[pair[0]].split == split]
        elif settings.pairs == "atlas":
            last = len(cases) - 1
            chosen = [(n, last) for n, case in enumerate(cases) if case.split == split]
        else:
            own = [n for n, case in enumerate(cases) if case.split == split]
            names = np.array([cases[n].subject for n in own])
            rows = np.argwhere(names[:, None] != names[None, :]) if own else np.zeros((0, 2), int)
            chosen = np.array(own, dtype=np.intp)[rows]
        found[split] = np.asarray(chosen, dtype=np.intp).reshape(-1, 2)
    if not len(found["train"]):
        subjects = len({case.subject for case in cases if case.split == "train"})
        raise InputError(
            f"no pair to train on: {subjects} subjects are left for training; add images, or "
            "keep fewer for validation"
        )
    step = max(1, len(found["val"]) // max(1, settings.validation_pairs))
    validation = found["val"][::step][: settings.validation_pairs]
    return Cases(cases, found["train"], validation)
