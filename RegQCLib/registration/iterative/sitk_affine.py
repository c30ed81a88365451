"""Refinement of a rigid or affine motion by SimpleITK, where torch is not installed.

(Mattes et al., IEEE Trans Med Imaging 2003, for mutual information.) Both images are given to ITK
in coordinates of their own, along the axes of `Motions` from the fixed body's center and from where
it goes at rest. Volumes and single slices so go the same way, and LPS does not occur. The unit is
the body's radius, which gives shifts, angles and stretches equal weight: ITK measures steps in
plain parameters, whatever their scales.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from RegQCLib.errors import InputError
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.sitk import quiet
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.registration.iterative.affine_images import Array
from RegQCLib.registration.iterative.affine_pair import AffinePair
from RegQCLib.registration.iterative.affine_result import LevelHistory

ITK_MEASURES = ("mi", "ncc", "ssd")

BINS = 32
ITERATIONS = 200
FIRST_STEP, TOLERANCE = 0.5, 0.0025
"""Lengths of steps as shares of the blocks' size."""

RELAXATION = 0.9
"""By which steps shrink when the gradient turns round: in a narrow valley it does so long before
the end."""
ORTHOGONAL = 1e-6

LinearTransform = (
    sitk.Euler3DTransform
    | sitk.Similarity3DTransform
    | sitk.Euler2DTransform
    | sitk.Similarity2DTransform
    | sitk.AffineTransform
)


@dataclass(eq=False)
class ItkRefinement:
    """Refines motions between the images of ``pair`` by a measure out of `ITK_MEASURES`."""

    pair: AffinePair
    measure: str
    note: str
    name: str = "SimpleITK"
    _images: dict[float, tuple[sitk.Image, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.measure not in ITK_MEASURES:
            raise InputError(
                f"without torch there is no measure {self.measure!r}; choose one of "
                f"{', '.join(ITK_MEASURES)}, or install torch"
            )

    def value(self, size_mm: float, count: int, parameters: Array) -> float | None:
        """The measure at parameters (n,), less is better; None where the images do not meet."""
        method, fixed, moving = self._method(size_mm, count)
        method.SetInitialTransform(self._to_itk(parameters))
        with quiet():
            try:
                return float(method.MetricEvaluate(fixed, moving))
            except RuntimeError:  # ITK's way to say that no point has a partner
                return None

    def refine(self, size_mm: float, count: int, start: Array) -> tuple[Array, LevelHistory]:
        """Descend from parameters (n,) that let the images meet, at one level."""
        motions = self.pair.motions
        unit = size_mm / motions.radius
        transform = self._to_itk(start)
        method, fixed, moving = self._method(size_mm, count)
        method.SetInitialTransform(transform, inPlace=True)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=FIRST_STEP * unit,
            minStep=TOLERANCE * unit,
            numberOfIterations=ITERATIONS,
            relaxationFactor=RELAXATION,
        )
        first = self.value(size_mm, count, start)
        found, last, iterations = start, first, 0
        with quiet():
            try:
                method.Execute(fixed, moving)
                found, iterations = self._from_itk(transform), method.GetOptimizerIteration()
                last = self.value(size_mm, count, found)
            except RuntimeError:  # the way led out of the moving image
                iterations = ITERATIONS
        if first is None or last is None or last > first:
            found, last = start, first
        level = self.pair.level(size_mm, count)
        return found, LevelHistory(
            size_mm,
            count,
            np.nan if first is None else first,
            np.nan if last is None else last,
            iterations,
            level.overlap(motions.matrices(start)),
            iterations < ITERATIONS,
        )

    def _method(
        self, size_mm: float, count: int
    ) -> tuple[sitk.ImageRegistrationMethod, sitk.Image, sitk.Image]:
        if size_mm not in self._images:
            self._images[size_mm] = self._prepared(size_mm, count)
        fixed, moving, *masks = self._images[size_mm]
        method = sitk.ImageRegistrationMethod()
        if self.measure == "mi":
            method.SetMetricAsMattesMutualInformation(BINS)
        elif self.measure == "ncc":
            method.SetMetricAsCorrelation()
        else:
            method.SetMetricAsMeanSquares()
        method.SetMetricFixedMask(masks[0])
        if len(masks) > 1:
            method.SetMetricMovingMask(masks[1])
        share = float(sitk.GetArrayViewFromImage(masks[0]).mean())
        percentage = count / max(fixed.GetNumberOfPixels() * share, 1)
        if percentage < 1:
            method.SetMetricSamplingStrategy(method.RANDOM)
            method.SetMetricSamplingPercentage(percentage, self.pair.seed + 1)  # 0 is the clock
        # Slopes of a smoothed image, ITK's default, point elsewhere: they can lead uphill.
        method.MetricUseMovingImageGradientFilterOff()
        method.MetricUseFixedImageGradientFilterOff()
        method.SetInterpolator(sitk.sitkLinear)
        method.SetNumberOfThreads(1)  # the order of sums would change the result
        return method, fixed, moving

    def _prepared(self, size_mm: float, count: int) -> tuple[sitk.Image, ...]:
        """Fixed and moving image, where to take points, and the moving mask if there is one."""
        motions, level = self.pair.motions, self.pair.level(size_mm, count)
        blocks = Volume(self.pair.region.blocks, self.pair.region.grid.affine)
        region = resample(blocks, level.fixed.grid, interpolation="nearest").array
        fixed_place = (motions.center, motions.fixed_axes, motions.radius)
        moving_place = (motions.pivot, motions.moving_axes, motions.radius)
        images = [
            _placed(level.fixed.array, level.fixed.grid, *fixed_place),
            _placed(level.moving.array, level.moving.grid, *moving_place),
            _placed(region.astype(np.uint8), level.fixed.grid, *fixed_place),
        ]
        if level.moving.seen is not None:
            seen = level.moving.seen.astype(np.uint8)
            images.append(_placed(seen, level.moving.grid, *moving_place))
        return tuple(images)

    def _to_itk(self, parameters: Array) -> LinearTransform:
        motions = self.pair.motions
        linear = motions.linear(parameters)
        three = motions.axes == 3
        transform: LinearTransform
        if motions.kind == "affine":
            transform = sitk.AffineTransform(motions.axes)
            transform.SetMatrix(linear.ravel().tolist())
        elif motions.kind == "similarity":
            transform = sitk.Similarity3DTransform() if three else sitk.Similarity2DTransform()
            transform.SetMatrix(linear.ravel().tolist(), ORTHOGONAL)
        else:
            transform = sitk.Euler3DTransform() if three else sitk.Euler2DTransform()
            transform.SetMatrix(linear.ravel().tolist(), ORTHOGONAL)
        transform.SetTranslation((parameters[: motions.axes] / motions.radius).tolist())
        return transform

    def _from_itk(self, transform: LinearTransform) -> Array:
        motions = self.pair.motions
        linear = np.reshape(transform.GetMatrix(), (motions.axes, motions.axes))
        shift = motions.radius * np.array(transform.GetTranslation())
        matrix = motions.placed(shift, linear)
        return motions.parameters(Affine(matrix))


def _placed(
    array: NDArray[np.generic], grid: Grid, center: Array, axes: Array | None, unit: float
) -> sitk.Image:
    """Image of a volume from ``center`` along R, A, S; of a slice, along its plane's axes.

    unit: mm that count as 1.
    """
    origin, direction, spacing = grid.origin - center, grid.direction, grid.spacing
    if axes is not None:
        extended = np.array(grid.shape[::-1]) > 1
        array = np.squeeze(array)
        origin, direction = axes[:, :2].T @ origin, axes[:, :2].T @ direction[:, extended]
        spacing = spacing[extended]
    image = sitk.GetImageFromArray(array)
    image.SetOrigin((origin / unit).tolist())
    image.SetSpacing((spacing / unit).tolist())
    image.SetDirection(direction.ravel().tolist())
    return image
