"""From scores to a verdict, with the reason in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from RegQCLib.qc.alignment_report import ErrorEstimate
from RegQCLib.qc.calibration import Calibration
from RegQCLib.qc.features import VOLUME_FEATURES
from RegQCLib.qc.scoring import Scored

MISALIGNED_FROM = 0.5  # probability
IMPLAUSIBLE_PROBABILITY = 0.99  # of a pair whose transform cannot be right


@dataclass(frozen=True)
class Verdict:
    """word: "aligned", "misaligned" or "cannot_tell". reason: one sentence for a person."""

    word: str
    reason: str
    probability: float | None
    error: ErrorEstimate | None

    def with_field(self, field: Mapping[str, Any] | None) -> Verdict:
        """Turn to misaligned when the given transform folds or tears the anatomy.

        Images may look alike under a transform that no anatomy can follow.
        """
        if field is None or field["plausible"]:
            return self
        why = "the transform is not plausible: " + "; ".join(field["reasons"])
        if self.word == "misaligned":
            return replace(self, reason=f"{self.reason}; {why}")
        if self.error is not None:
            why += (
                f"; that the images look alike under it ({self.error.mean:.1f} mm) proves nothing, "
                "such a transform can make wrong structures meet"
            )
        return replace(self, word="misaligned", reason=why, probability=IMPLAUSIBLE_PROBABILITY)


def cannot_tell(reason: str) -> Verdict:
    """No verdict, and why."""
    return Verdict("cannot_tell", reason, None, None)


def decide(scored: Scored, calibration: Calibration, tolerance_mm: float) -> Verdict:
    """The verdict on a measured pair."""
    if not any(len(plane.indices) for plane in scored.slices.values()):
        return cannot_tell("no slice shows enough of the body in both images")
    evidence = scored.features[VOLUME_FEATURES.index("log_evidence")]
    if evidence < calibration.min_log_evidence:
        return cannot_tell(
            "the images show too little common structure to compare; "
            "a mask or a better contrast may help"
        )
    error, probability = scored.error, scored.probability
    low, high = error.interval
    size = f"{error.mean:.1f} mm on average (90 % interval {low:.1f} to {high:.1f} mm)"
    word = "misaligned" if probability >= MISALIGNED_FROM else "aligned"
    reason = f"estimated error {size}, {_against(error.mean, tolerance_mm, probability)}"
    return Verdict(word, reason, probability, error)


def _against(mean_mm: float, tolerance_mm: float, probability: float) -> str:
    """How an estimate lies to the tolerance: the probability decides, not the estimate alone."""
    tolerance = f"the tolerance of {tolerance_mm:g} mm"
    if (mean_mm > tolerance_mm) != (probability >= MISALIGNED_FROM):
        return f"close to {tolerance}, which it exceeds with a probability of {probability:.0%}"
    return f"{'above' if mean_mm > tolerance_mm else 'within'} {tolerance}"
