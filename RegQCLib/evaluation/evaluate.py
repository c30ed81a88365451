"""How good is a registration, by what is known about both images: labels, landmarks, the field."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from RegQCLib import __version__
from RegQCLib.errors import InputError
from RegQCLib.evaluation import learn2reg as challenge
from RegQCLib.evaluation.inverse_consistency import inverse_consistency
from RegQCLib.evaluation.jacobian_statistics import jacobian_statistics
from RegQCLib.evaluation.label_pairs import LabelPair, pair_labels
from RegQCLib.evaluation.landmark_error import checked_pairs, target_registration_error
from RegQCLib.evaluation.overlap import dice, jaccard
from RegQCLib.evaluation.results import Evaluation, LabelScores, Learn2RegScores, Summary
from RegQCLib.evaluation.surface_distance import surface_distances
from RegQCLib.geometry.field_in_body import body_points, first_field
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_checks import require_plausible_transform
from RegQCLib.geometry.transforms import Transform, simplified
from RegQCLib.geometry.validation import require_mask
from RegQCLib.geometry.volume import Volume
from RegQCLib.progress import Progress, silent

Points = tuple[ArrayLike, ArrayLike]


def evaluate(
    labels: tuple[Volume, Volume] | None = None,
    transform: Transform | None = None,
    *,
    landmarks: Points | None = None,
    inverse: Transform | None = None,
    mask: Volume | None = None,
    learn2reg: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure a registration, or the images in their present positions.

    labels: label images of the fixed and the moving image, each on its own grid. transform: fixed
    to moving points, RAS mm; None leaves the moving image where it is.
    landmarks: matching points, (N, 3) RAS mm each, fixed and moving.
    inverse: moving to fixed points, to measure its consistency with ``transform``.
    mask: in fixed space, nonzero where the field (Jacobian, inverse consistency) is measured; the
    whole image of the fixed labels without it. learn2reg: also give the challenge's figures.
    Raises InputError when there is nothing to measure or an input cannot be used.
    """
    _require_something(labels, landmarks, transform, inverse, learn2reg=learn2reg)
    result = Evaluation(provenance={"version": __version__})
    if labels is not None and transform is not None:
        grids = (labels[0].grid, labels[1].grid)
        result.warnings = require_plausible_transform(transform, *grids)
    if landmarks is not None:
        progress("landmarks", 0.0)
        result.landmark_errors_mm = target_registration_error(*landmarks, transform)
    if transform is not None:
        progress("the field", 0.05)
        _measure_field(result, _domain(labels, mask, transform), mask, transform, inverse)
    if labels is not None:
        progress("overlap and distances", 0.2)
        pair = pair_labels(*labels, transform)
        result.labels = _label_scores(pair, progress)
        if learn2reg:
            progress("Learn2Reg's figures", 0.7)
            result.learn2reg = _learn2reg(labels, pair.values, transform, landmarks, mask)
    progress("done", 1.0)
    return result


def _require_something(
    labels: tuple[Volume, Volume] | None,
    landmarks: Points | None,
    transform: Transform | None,
    inverse: Transform | None,
    *,
    learn2reg: bool,
) -> None:
    if labels is None and landmarks is None and transform is None:
        raise InputError("nothing to evaluate; give label images, landmarks or a transform")
    if inverse is not None and transform is None:
        raise InputError("an inverse is measured against its transform; give the transform, too")
    if learn2reg and labels is None:
        raise InputError("Learn2Reg's figures need the label images of both sides; give them, too")


def _domain(
    labels: tuple[Volume, Volume] | None, mask: Volume | None, transform: Transform
) -> Grid | None:
    """The grid of the fixed image, as far as it is known."""
    if labels is not None:
        return labels[0].grid
    if mask is not None:
        return mask.grid
    field = first_field(simplified(transform))
    return None if field is None else field.grid


def _measure_field(
    result: Evaluation,
    grid: Grid | None,
    mask: Volume | None,
    transform: Transform,
    inverse: Transform | None,
) -> None:
    if grid is None:
        result.warnings.append(
            "the field was not measured, because the fixed image is unknown; give its labels or "
            "a mask"
        )
        return
    region = np.ones(grid.shape, np.bool_) if mask is None else require_mask(mask, grid)
    result.region = "the whole image" if mask is None else "the mask"
    result.jacobian = jacobian_statistics(transform, grid, region)
    if inverse is None:
        return
    errors = inverse_consistency(transform, inverse, body_points(grid, region))
    if errors.size:
        result.inverse_consistency = Summary.of(errors)
    else:
        result.warnings.append(
            "inverse consistency was not measured: the transform leads outside its inverse; "
            "check that both belong together"
        )


def _label_scores(pair: LabelPair, progress: Progress) -> list[LabelScores]:
    scores: list[LabelScores] = []
    for label, a, b in pair.structures():
        progress("overlap and distances", 0.2 + 0.5 * len(scores) / len(pair.values))
        distances = surface_distances(a, b, pair.grid.spacing[::-1])
        scores.append(
            LabelScores(
                label=label,
                dice=dice(a, b),
                jaccard=jaccard(a, b),
                hd95_mm=None if distances is None else distances.hausdorff(95),
                assd_mm=None if distances is None else distances.average(),
            )
        )
    return scores


def _learn2reg(
    labels: tuple[Volume, Volume],
    values: tuple[int, ...],
    transform: Transform | None,
    landmarks: Points | None,
    mask: Volume | None,
) -> Learn2RegScores:
    fixed, moving = labels
    displacement = challenge.to_voxels(transform, fixed.grid, moving.grid)
    warped = challenge.warp_labels(moving.array, displacement)
    arrays = (fixed.array, moving.array, warped)
    region = None if mask is None else require_mask(mask, fixed.grid)
    return Learn2RegScores(
        dice=challenge.label_dice(*arrays, values),
        hd95_voxels=challenge.label_hausdorff_95(*arrays, values),
        sdlogj=None if transform is None else challenge.sd_log_jacobian(displacement, region),
        tre_mm=None if landmarks is None else _learn2reg_tre(labels, landmarks, displacement),
    )


def _learn2reg_tre(
    labels: tuple[Volume, Volume], landmarks: Points, displacement: NDArray[np.float32]
) -> NDArray[np.float64]:
    start, goal = checked_pairs(*landmarks)
    fixed, moving = (volume.grid for volume in labels)
    return challenge.target_registration_error(
        fixed.to_index(start)[:, ::-1],
        moving.to_index(goal)[:, ::-1],
        displacement,
        moving.spacing[::-1],
    )
