"""Rigid and affine registration: many starts on coarse images, the best refined level by level.

Points of the fixed image are compared with the moving image where a motion takes them, by mutual
information unless told otherwise (Wells et al., Med Image Anal 1996).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal, Protocol

import numpy as np

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, silent
from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_pair import AffinePair, LevelPair, prepare
from RegQCLib.registration.iterative.affine_parameters import KINDS, Kind, Motions
from RegQCLib.registration.iterative.affine_result import AffineResult, LevelHistory
from RegQCLib.registration.iterative.affine_verdict import doubts
from RegQCLib.registration.iterative.multi_start import Score, all_starts, best_starts, distinct

Measure = Literal["mi", "nmi", "ncc", "ssd", "cr"]
MEASURES: tuple[Measure, ...] = ("mi", "nmi", "ncc", "ssd", "cr")
Engine = Literal["auto", "torch", "SimpleITK"]
ENGINES: tuple[Engine, ...] = ("auto", "torch", "SimpleITK")

SEARCH_POINTS = 2500
POINTS = (6000, 20000, 50000, 100000)
"""Compared at the levels, from coarse to fine."""

FINALISTS = (4, 2, 1, 1)
"""Motions refined at the levels."""

NO_TORCH = "torch is not installed, so SimpleITK did the registration"


class Refinement(Protocol):
    """Improves motions, given as parameters (n,), at one resolution with ``count`` points."""

    name: str
    note: str

    def value(self, size_mm: float, count: int, parameters: Array) -> float | None:
        """The measure, less is better; None where the images do not meet."""

    def refine(self, size_mm: float, count: int, start: Array) -> tuple[Array, LevelHistory]:
        """Descend from motions that let the images meet."""


@dataclass(eq=False)
class Candidate:
    """A motion on its way through the levels. score: of `Score` at the last level it shared."""

    parameters: Array
    score: float = 0.0
    history: tuple[LevelHistory, ...] = ()


def register_affine(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Kind,
    init: Affine | None = None,
    fixed_mask: Volume | None = None,
    moving_mask: Volume | None = None,
    measure: Measure = "mi",
    device: str = "auto",
    engine: Engine = "auto",
    seed: int = 0,
    progress: Progress = silent,
) -> AffineResult:
    """Find the motion that takes points of ``fixed`` to those of ``moving``, RAS mm.

    fixed, moving: volumes, or one slice each, which then move within their planes. kind: "rigid",
    "similarity" (one scale for all axes) or "affine". init: begin here instead of searching for a
    start. fixed_mask, moving_mask: on any grid, nonzero where to compare; by default the fixed body
    and its surroundings, and all of the moving image. measure: "mi" or "nmi" across contrasts, "cr"
    where the fixed intensity foretells the moving one, "ncc" or "ssd" within a contrast. device:
    "auto", "cpu" or "cuda". engine: "auto" is torch where it is installed, else SimpleITK. seed:
    of the choice of points; on a CPU the same seed gives the same result.
    A result that should not be trusted unseen says so, with the reason. Raises InputError for
    images or masks without content, unknown names, and an ``init`` with which the images do not
    meet or that mirrors.
    """
    _require_names(kind, measure, engine)
    progress("finding the bodies", 0.0)
    pair = prepare(
        fixed, moving, kind=kind, fixed_mask=fixed_mask, moving_mask=moving_mask, seed=seed
    )
    refinement = _refinement(pair, measure, device, engine)
    starts, tried = _starts(pair, init, progress)
    best, doubt = _refined(pair, refinement, starts, progress)
    size, count = pair.sizes_mm[-1], best.history[-1].points
    motions = pair.motions
    at_start = motions.parameters(Affine.identity() if init is None else init)
    return AffineResult(
        transform=motions.transform(best.parameters),
        kind=kind,
        measure=measure,
        value_start=refinement.value(size, count, at_start),
        value_end=best.history[-1].end,
        overlap=pair.level(size, count).overlap(motions.matrices(best.parameters)),
        converged=not doubt,
        reason=doubt,
        starts=tried,
        history=best.history,
        engine=refinement.name,
        note=refinement.note,
    )


def _require_names(kind: str, measure: str, engine: str) -> None:
    for what, name, known in (
        ("motion", kind, KINDS),
        ("measure for rigid and affine motions", measure, MEASURES),
        ("engine", engine, ENGINES),
    ):
        if name not in known:
            raise InputError(f"there is no {what} named {name!r}; choose one of {', '.join(known)}")


def _refinement(pair: AffinePair, measure: str, device: str, engine: str) -> Refinement:
    if engine == "torch" or (engine == "auto" and find_spec("torch") is not None):
        from RegQCLib.registration.iterative.affine_torch import TorchRefinement, torch_device

        return TorchRefinement(pair, measure, torch_device(device))
    from RegQCLib.registration.iterative.sitk_affine import ItkRefinement

    return ItkRefinement(pair, measure, NO_TORCH if engine == "auto" else "")


def _starts(
    pair: AffinePair, init: Affine | None, progress: Progress
) -> tuple[list[Candidate], int]:
    """Where to begin, best first, and how many motions were tried for it."""
    motions, size = pair.motions, pair.sizes_mm[0]
    level = pair.level(size, POINTS[0])
    if init is not None:
        start = motions.parameters(init)
        if level.overlap(motions.matrices(start)) == 0:
            raise InputError(
                "the initial transform takes the fixed image's body outside the moving image; "
                "check its direction (fixed to moving points) and unit (mm), or give none"
            )
        return [Candidate(start)], 1
    rng = np.random.default_rng([pair.seed, SEARCH_POINTS])
    points = pair.region.points(SEARCH_POINTS, rng)
    score = Score(level.fixed, level.moving, points)
    tried = all_starts(motions, level.fixed, level.moving)
    found = best_starts([score, score], motions, tried, count=FINALISTS[0], progress=progress)
    return [Candidate(parameters) for parameters in found], len(tried)


def _refined(
    pair: AffinePair, refinement: Refinement, candidates: list[Candidate], progress: Progress
) -> tuple[Candidate, str]:
    """Take the candidates through the levels; the best, and what speaks against it."""
    motions, sizes = pair.motions, pair.sizes_mm
    for number, (size, count) in enumerate(zip(sizes, POINTS, strict=False)):
        progress(f"registering at {size:g} mm", 0.2 + 0.8 * number / len(sizes))
        for candidate in candidates[: FINALISTS[number]]:
            parameters, history = refinement.refine(size, count, candidate.parameters)
            candidate.parameters = parameters
            candidate.history = (*candidate.history, history)
        if FINALISTS[number] > 1:
            score = _score(pair.level(size, count))
            candidates = _ranked(score, motions, candidates[: FINALISTS[number]])
    best = candidates[0]
    rivals = [(rival.parameters, rival.score) for rival in candidates]
    return best, doubts(motions, score, rivals, best.history)


def _ranked(score: Score, motions: Motions, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates that differ from one another, best first."""
    found = np.stack([candidate.parameters for candidate in candidates])
    scores = score(motions.matrices(found))
    for candidate, value in zip(candidates, scores, strict=True):
        candidate.score = float(value)
    return [candidates[n] for n in distinct(motions, found, scores, len(candidates))]


def _score(level: LevelPair) -> Score:
    return Score(level.fixed, level.moving, level.points)
