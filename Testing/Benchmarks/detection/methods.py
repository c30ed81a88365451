"""What is measured: RegQC's check and the classical measures behind one face.

Scores are oriented so that higher = more misaligned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from RegQCLib.geometry.transforms import Transform
from RegQCLib.geometry.volume import Volume

UNDECIDED = 0.5
"""Probability that stands for 'cannot tell' in rankings; how often it was used is reported."""


@dataclass(frozen=True)
class SliceJudgement:
    """One slice of the fixed grid; score None where the method saw nothing to judge."""

    index: int
    score: float | None
    mm: float | None = None
    flagged: bool | None = None


@dataclass(frozen=True)
class Judgement:
    """What a method says of a pair.

    score: probability for RegQC, an oriented measure otherwise. mm: estimated mean displacement.
    verdict: None for methods without a shipped threshold. slices: by plane name.
    """

    score: float
    mm: float | None = None
    verdict: str | None = None
    slices: dict[str, list[SliceJudgement]] = field(default_factory=dict)
    acquisition: str | None = None
    timing_s: dict[str, float] = field(default_factory=dict)


class Method(Protocol):
    """Something that judges a pair; several names where one computation serves several."""

    names: tuple[str, ...]

    def judge(
        self, fixed: Volume, moving: Volume, transform: Transform | None = None
    ) -> dict[str, Judgement]:
        """Judge ``moving`` through ``transform`` (fixed points to moving points) by each name."""


class RegQCMethod:
    """``RegQCLib.qc.check.check`` with its shipped model and thresholds."""

    names = ("regqc",)

    def __init__(self, **options: Any) -> None:
        self.options = options

    def report(self, fixed: Volume, moving: Volume, transform: Transform | None = None) -> Any:
        """The AlignmentReport."""
        from RegQCLib.qc.check import check

        return check(fixed, moving, transform, **self.options)

    def judge(
        self, fixed: Volume, moving: Volume, transform: Transform | None = None
    ) -> dict[str, Judgement]:
        """The report in the terms of this benchmark."""
        report = self.report(fixed, moving, transform)
        probability = report.probability_misaligned
        return {
            "regqc": Judgement(
                score=UNDECIDED if probability is None else float(probability),
                mm=None if report.error_mm is None else float(report.error_mm.mean),
                verdict=str(report.verdict),
                slices={
                    axis.name: [
                        SliceJudgement(s.index, s.probability_misaligned, s.error_mm, s.flagged)
                        for s in axis.slices
                    ]
                    for axis in report.axes
                },
                acquisition=next((a.name for a in report.axes if a.is_acquisition), None),
                timing_s={name: float(value) for name, value in report.timing_s.items()},
            )
        }
