"""Rigid and affine registration: many starts on coarse images, the best refined level by level.

Points of the fixed image are compared with the moving image where a motion takes them, by mutual
information unless told otherwise (Wells et al., Med Image Anal 1996).
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, part, silent
from RegQCLib.registration.iterative.affine_pair import AffinePair, prepare
from RegQCLib.registration.iterative.affine_parameters import KINDS, Kind
from RegQCLib.registration.iterative.affine_result import AffineResult
from RegQCLib.registration.iterative.affine_search import (
    Refinement,
    find_starts,
    ranking_score,
    refined,
)
from RegQCLib.registration.iterative.affine_verdict import doubts

Measure = Literal["mi", "nmi", "ncc", "ssd", "cr"]
MEASURES: tuple[Measure, ...] = ("mi", "nmi", "ncc", "ssd", "cr")
Engine = Literal["auto", "torch", "SimpleITK"]
ENGINES: tuple[Engine, ...] = ("auto", "torch", "SimpleITK")

NO_TORCH = "torch is not installed, so SimpleITK did the registration"


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
    starts, tried = find_starts(pair, init, part(progress, 0.1, 0.3))
    score = ranking_score(pair)
    ranked = refined(pair, refinement, starts, score, part(progress, 0.3, 1.0))
    best = ranked[0]
    doubt = doubts(pair.motions, score, [(c.parameters, c.score) for c in ranked], best.history)
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
