"""Whether a registration may be believed: what speaks against it, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_parameters import Motions
from RegQCLib.registration.iterative.affine_result import LevelHistory
from RegQCLib.registration.iterative.multi_start import Score

LEAST_OVERLAP = 0.25  # of the fixed body
LEAST_SCORE = 0.05  # nats a point; chance reaches half of that
LARGEST_STRETCH = 1.6  # people differ less

ASIDE = 0.25
"""Of the body's radius: images shifted by this much should agree clearly less."""
LEAST_LOSS = 0.05  # share of the score lost by such a shift

RIVAL = 0.95
"""Another motion with this share of the best score fits as well."""


def doubts(
    motions: Motions,
    score: Score,
    ranked: Sequence[tuple[Array, float]],
    history: Sequence[LevelHistory],
) -> str:
    """Why the best motion may be wrong, "" when nothing says so.

    ranked: motions (parameters) that differ from one another, with their scores, best first.
    history: levels of the best one.
    """
    best, reached = ranked[0]
    overlap = history[-1].overlap
    if overlap < LEAST_OVERLAP:
        return f"little overlap: the moving image shows {overlap:.0%} of the fixed body"
    if reached < LEAST_SCORE:
        return "flat measure: the images tell next to nothing about one another"
    shifts = np.eye(motions.size)[: motions.axes] * ASIDE * motions.radius
    aside = score(motions.matrices(best + np.concatenate([shifts, -shifts])))
    if aside.max() > (1 - LEAST_LOSS) * reached:
        return (
            "flat measure: the images agree about as well when one is shifted by "
            f"{ASIDE * motions.radius:.0f} mm"
        )
    scales = np.linalg.svd(motions.linear(best), compute_uv=False)
    if max(scales.max(), 1 / scales.min()) > LARGEST_STRETCH:
        return (
            f"implausible: one image would be stretched to {scales.max():.0%} or {scales.min():.0%}"
        )
    if len(ranked) > 1 and ranked[1][1] > RIVAL * ranked[0][1]:
        away = float(np.linalg.norm(ranked[1][0] - best))
        return f"ambiguous: another motion, {away:.0f} mm away, fits about as well"
    if not history[-1].finished:
        return f"iteration limit: the search was still moving at {history[-1].size_mm:g} mm"
    return ""
