"""Compress a model along a plan: ``regqc compress``.

Every step leaves a folder with its files and figures, so a run that was stopped goes on where it
was. Latencies come last: all points take turns in one run, or they could not be compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from RegQCLib import __version__
from RegQCLib.compression.card import write_card
from RegQCLib.compression.figure import save_figure
from RegQCLib.compression.forms import open_form, write_form
from RegQCLib.compression.layers import parameter_count
from RegQCLib.compression.measure import file_bytes, latencies_ms, peak_memory_mb, spread
from RegQCLib.compression.model_files import read_model
from RegQCLib.compression.plan import ORIGINAL, Plan, Step, load_plan
from RegQCLib.compression.points import (
    Point,
    chosen,
    read_point,
    write_point,
    write_table,
)
from RegQCLib.compression.pruning import zero_share
from RegQCLib.compression.steps import run_step
from RegQCLib.compression.target import CompressionTarget
from RegQCLib.compression.targets import make_target
from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.hashing import sha256_of
from RegQCLib.progress import Progress, part, silent

MARKER = "compress.json"
TIMING = 0.1  # share of the progress that timing takes


def compress(
    model: str | Path, plan_file: str | Path, out: str | Path, *, progress: Progress = silent
) -> Point:
    """Make, measure and compare every point of a plan; returns the chosen one.

    Writes into ``out``: points/NAME with the files of each, points.csv, points.json, pareto.png,
    chosen with the files of the chosen point and its card model.md. What an earlier run of the same
    model finished is kept. Raises InputError for unusable models, plans and data, for an ``out``
    that holds something else, and when no point keeps to the limits of the plan (the table is
    written even then).
    """
    plan = load_plan(plan_file)
    read = read_model(model)
    folder = Path(out)
    sha256 = sha256_of(Path(model))
    _claim(folder, sha256)
    target = make_target(read, plan, folder, progress)
    run = _Run(target, plan, folder, sha256)
    points = run.points(part(progress, 0, 1 - TIMING))
    points = run.timed(points, part(progress, 1 - TIMING, 1))
    about = {
        "model": Path(model).name,
        "sha256": sha256,
        "network": target.kind,
        "metric": target.metric,
        "machine": _machine(),
        "measure": asdict(plan.measure),
    }
    write_table(folder, points, about)
    best: Point | None = None
    try:
        best = chosen(points, points[0], plan.choose)
    finally:
        save_figure(folder / "pareto.png", points, target.metric, best.name if best else None)
    _hand_over(folder, best)
    write_card(
        folder / "chosen" / "model.md",
        model=Path(model).name,
        kind=target.kind,
        metric=target.metric,
        original=points[0],
        chosen=best,
        steps=_history(points, best),
        about=about,
    )
    return best


class _Run:
    """The points of one plan in one folder."""

    def __init__(self, target: CompressionTarget, plan: Plan, folder: Path, sha256: str) -> None:
        self.target, self.plan, self.folder, self.sha256 = target, plan, folder, sha256
        self.modules: dict[str, nn.Module] = {ORIGINAL: target.module}

    def points(self, progress: Progress) -> list[Point]:
        """Make and measure, or take from an earlier run, the original and every step's point."""
        count = len(self.plan.steps) + 1
        keys: dict[str, str] = {}
        points = []
        first = Step(ORIGINAL, "export", ORIGINAL, None)
        for number, step in enumerate((first, *self.plan.steps)):
            share = part(progress, number / count, (number + 1) / count)
            key = self._key(step, keys.get(step.parent, self.sha256))
            keys[step.name] = key
            points.append(self._point(step, key, share))
        return points

    def _point(self, step: Step, key: str, progress: Progress) -> Point:
        folder = self.folder / "points" / step.name
        kept = read_point(folder / "point.json")
        if kept is not None and kept.key == key:
            self._restore(step, folder)
            progress(f"{step.name}: kept", 1)
            return kept
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        progress(step.name, 0)
        parent = self.modules[step.parent]
        module = parent
        if step.settings is not None:
            module = run_step(step, parent, self.target, progress=part(progress, 0, 0.8))
        self.modules[step.name] = module
        progress(f"{step.name}: writing", 0.8)
        calibration = (
            {"calibration": step.settings.calibration}
            if step.do == "export" and (step.settings is not None)
            else {}
        )
        files = write_form(step.form, module, self.target, folder, bits=step.bits, **calibration)
        progress(f"{step.name}: measuring", 0.9)
        point = self._measured(step, key, folder, module, files)
        write_point(folder / "point.json", point)
        progress(step.name, 1)
        return point

    def _restore(self, step: Step, folder: Path) -> None:
        if step.form == "torch" and step.name != ORIGINAL:
            self.modules[step.name] = read_model(folder / "model.npz").module
        elif step.name != ORIGINAL:
            self.modules[step.name] = self.modules[step.parent]

    def _measured(
        self, step: Step, key: str, folder: Path, module: nn.Module, files: list[Path]
    ) -> Point:
        threads = self.plan.measure.threads
        run = open_form(step.form, folder, module, self.target, threads=threads)
        shapes = [tuple(one.shape) for one in self.target.examples]
        return Point(
            name=step.name,
            parent=step.parent,
            do="" if step.settings is None else step.do,
            form=step.form,
            bits=step.bits,
            metric=self.target.evaluate(run),
            bytes=file_bytes(files),
            memory_mb=peak_memory_mb(step.form, folder, shapes, threads),
            parameters=parameter_count(module),
            zeros=zero_share(module),
            key=key,
        )

    def timed(self, points: list[Point], progress: Progress) -> list[Point]:
        """The same points with their latencies."""
        measure = self.plan.measure
        runners = {
            one.name: open_form(
                one.form,
                self.folder / "points" / one.name,
                self.modules[one.name],
                self.target,
                threads=measure.threads,
            )
            for one in points
        }
        arrays = tuple(one.numpy() for one in self.target.examples)
        times = latencies_ms(
            runners, arrays, repeats=measure.repeats, threads=measure.threads, progress=progress
        )
        return [Point(**{**asdict(one), **spread(times[one.name])}) for one in points]

    def _key(self, step: Step, parent: str) -> str:
        settings = asdict(step.settings) if step.settings is not None else {}
        measure = {**asdict(self.plan.measure), "repeats": 0}
        text = json.dumps([parent, step.do, settings, measure, asdict(self.plan.training)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _claim(folder: Path, sha256: str) -> None:
    """Make ``folder`` this model's, or see that it is."""
    marker = folder / MARKER
    if marker.is_file():
        try:
            other = json.loads(marker.read_text(encoding="utf-8"))["sha256"] != sha256
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{marker}: damaged; choose another folder for --out") from None
        if other:
            raise InputError(
                f"{folder}: holds the compression of another model; choose another folder"
            )
        return
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(f"{folder}: holds something else; choose another folder for --out")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(marker) as temporary:
        temporary.write_text(json.dumps({"sha256": sha256}) + "\n", encoding="utf-8")


def _hand_over(folder: Path, best: Point) -> None:
    """The chosen point's files where they are easily found."""
    target = folder / "chosen"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder / "points" / best.name, target)


def _history(points: list[Point], best: Point) -> list[str]:
    by_name = {one.name: one for one in points}
    steps: list[str] = []
    one = best
    while one.name != ORIGINAL:
        form = f" ({one.form})" if one.do == "export" else ""
        steps.append(f"{one.name}: {one.do}{form}")
        one = by_name[one.parent]
    return steps[::-1] or ["none: the original"]


def _machine() -> str:
    return (
        f"{platform.machine()}, {os.cpu_count()} processor cores, torch {torch.__version__}, "
        f"RegQC {__version__}"
    )
