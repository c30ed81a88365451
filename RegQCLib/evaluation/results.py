"""What an evaluation measured, as a table for people and as JSON and CSV for programs.

Lengths are mm. ``None`` stands for what was not measured or does not exist.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from RegQCLib.evaluation.jacobian_statistics import JacobianStatistics
from RegQCLib.evaluation.learn2reg import LabelMeasure

SCHEMA_VERSION = "1.0"
CSV_COLUMNS = ("measure", "item", "value", "unit")
LABEL_UNITS = {"dice": "", "jaccard": "", "hd95_mm": "mm", "assd_mm": "mm"}
"""Measures of a label, in the order of the table."""


@dataclass(frozen=True)
class LabelScores:
    """Agreement of one structure. hd95_mm, assd_mm: None where it is missing on one side."""

    label: int
    dice: float
    jaccard: float
    hd95_mm: float | None
    assd_mm: float | None


@dataclass(frozen=True)
class Summary:
    """Of errors in mm."""

    count: int
    mean_mm: float
    median_mm: float
    p95_mm: float
    max_mm: float

    @classmethod
    def of(cls, errors: NDArray[np.float64]) -> Summary:
        """Summarize (N,) errors in mm, N >= 1."""
        return cls(
            count=len(errors),
            mean_mm=float(errors.mean()),
            median_mm=float(np.median(errors)),
            p95_mm=float(np.percentile(errors, 95)),
            max_mm=float(errors.max()),
        )


@dataclass(frozen=True, eq=False)
class Learn2RegScores:
    """The challenge's own figures, see `learn2reg`; sdlogj and tre_mm only where measured."""

    dice: LabelMeasure
    hd95_voxels: LabelMeasure
    sdlogj: float | None
    tre_mm: NDArray[np.float64] | None


@dataclass(eq=False)
class Evaluation:
    """Result of `evaluate`.

    labels: scores by structure. landmark_errors_mm: (N,), in the order of the files.
    jacobian: of the transform, over ``region``. inverse_consistency: |T^-1(T(x)) - x| there.
    warnings: what is odd about the inputs. provenance: versions, files.
    """

    labels: list[LabelScores] = field(default_factory=list)
    landmark_errors_mm: NDArray[np.float64] | None = None
    jacobian: JacobianStatistics | None = None
    inverse_consistency: Summary | None = None
    region: str | None = None
    learn2reg: Learn2RegScores | None = None
    warnings: list[str] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)

    def mean(self, name: str) -> float | None:
        """Mean over the labels of "dice", "jaccard", "hd95_mm" or "assd_mm", where they have one.

        A structure missing on one side counts as Dice and Jaccard 0 and has no distance.
        """
        values = [getattr(one, name) for one in self.labels]
        found = [value for value in values if value is not None]
        return sum(found) / len(found) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``evaluation.json``: plain Python values, None for no number."""
        errors = self.landmark_errors_mm
        consistency = self.inverse_consistency
        return {
            "schema_version": SCHEMA_VERSION,
            "labels": [asdict(one) for one in self.labels],
            "mean": {name: self.mean(name) for name in LABEL_UNITS} if self.labels else None,
            "landmarks": None
            if errors is None
            else {**asdict(Summary.of(errors)), "errors_mm": errors.tolist()},
            "field": None
            if self.jacobian is None
            else {
                "region": self.region,
                "voxels": self.jacobian.voxels,
                "sd_log_jacobian": self.jacobian.sd_log,
                "folded_voxels": self.jacobian.folded_voxels,
                "folded_fraction": self.jacobian.folded_fraction,
                "jacobian_min": self.jacobian.minimum,
            },
            "inverse_consistency": None
            if consistency is None
            else {"region": self.region, **asdict(consistency)},
            "learn2reg": None if self.learn2reg is None else _learn2reg_dict(self.learn2reg),
            "warnings": self.warnings,
            "provenance": self.provenance,
        }

    def to_json(self) -> str:
        """Return the text of ``evaluation.json``."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def to_csv(self) -> str:
        """Return the text of ``evaluation.csv``: one number a row; empty where there is none.

        "item" is the label or the number of the landmark (from 1), or "mean" and the like.
        Numbers are written so that they read back exactly.
        """
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for measure, item, value, unit in self._numbers():
            writer.writerow((measure, item, "" if value is None else repr(value), unit))
        return text.getvalue()

    def table(self) -> str:
        """Return a table for a terminal, with units."""
        from RegQCLib.evaluation.table import lines

        return "\n".join(lines(self))

    def save(self, directory: str | Path) -> None:
        """Write evaluation.json and evaluation.csv into the folder ``directory``."""
        folder = Path(directory)
        for name, text in (
            ("evaluation.json", self.to_json()),
            ("evaluation.csv", self.to_csv()),
        ):
            (folder / name).write_text(text, encoding="utf-8", newline="\n")

    def _numbers(self) -> Iterator[tuple[str, str, float | None, str]]:
        for name, unit in LABEL_UNITS.items():
            measure = name.removesuffix("_mm")
            for one in self.labels:
                yield measure, str(one.label), getattr(one, name), unit
            if self.labels:
                yield measure, "mean", self.mean(name), unit
        if self.landmark_errors_mm is not None:
            yield from _summary("tre", self.landmark_errors_mm)
        if self.jacobian is not None:
            yield "sd_log_jacobian", self.region or "", self.jacobian.sd_log, ""
            yield "folded_fraction", self.region or "", self.jacobian.folded_fraction, ""
            yield "folded_voxels", self.region or "", self.jacobian.folded_voxels, "voxels"
        if self.inverse_consistency is not None:
            for name, value in asdict(self.inverse_consistency).items():
                if name != "count":
                    yield "inverse_consistency", name.removesuffix("_mm"), value, "mm"
        if self.learn2reg is not None:
            yield from _learn2reg_numbers(self.learn2reg)


def _summary(
    measure: str, errors: NDArray[np.float64]
) -> Iterator[tuple[str, str, float | None, str]]:
    for number, error in enumerate(errors.tolist(), start=1):
        yield measure, str(number), error, "mm"
    yield measure, "mean", float(errors.mean()), "mm"


def _learn2reg_dict(scores: Learn2RegScores) -> dict[str, Any]:
    errors = scores.tre_mm
    return {
        **{
            name: {
                "labels": {str(k): finite(v) for k, v in measure.by_label.items()},
                "mean": finite(measure.mean),
            }
            for name, measure in (("dice", scores.dice), ("hd95_voxels", scores.hd95_voxels))
        },
        "sdlogj": scores.sdlogj,
        "tre_mm": None
        if errors is None
        else {"mean": float(errors.mean()), "errors": errors.tolist()},
    }


def _learn2reg_numbers(
    scores: Learn2RegScores,
) -> Iterator[tuple[str, str, float | None, str]]:
    for name, measure, unit in (
        ("learn2reg_dice", scores.dice, ""),
        ("learn2reg_hd95", scores.hd95_voxels, "voxels"),
    ):
        for label, value in measure.by_label.items():
            yield name, str(label), finite(value), unit
        yield name, "mean", finite(measure.mean), unit
    if scores.sdlogj is not None:
        yield "learn2reg_sdlogj", "", scores.sdlogj, ""
    if scores.tre_mm is not None:
        yield from _summary("learn2reg_tre", scores.tre_mm)


def finite(value: float) -> float | None:
    """``value``, or None where it is none."""
    return value if math.isfinite(value) else None
