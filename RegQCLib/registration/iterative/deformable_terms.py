"""Which forces act in a stage: of the images, of label maps and of landmarks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from torch import Tensor

from RegQCLib.registration.iterative.contrast_map import contrast_map
from RegQCLib.registration.iterative.control_grid import Array, ControlGrid, separable
from RegQCLib.registration.iterative.deformable_level import Level, pooled
from RegQCLib.registration.iterative.deformable_pair import Pair
from RegQCLib.registration.iterative.deformable_schedule import Stage
from RegQCLib.registration.iterative.feature_force import FeatureForce
from RegQCLib.registration.iterative.force import Term, VoxelForce
from RegQCLib.registration.iterative.label_features import label_features
from RegQCLib.registration.iterative.landmark_force import LandmarkForce
from RegQCLib.registration.iterative.lncc_force import LnccForce
from RegQCLib.registration.iterative.mind_features import mind_features
from RegQCLib.registration.iterative.mutual_information_force import MutualInformationForce

FEATURE_FACTOR = 2
"""MIND features over larger blocks are made from those over blocks of this many voxels."""

LABEL_WEIGHT = 2.0
LABEL_FACTOR = 2
"""Label maps act on voxels of at least this many times the finest size: they are soft there."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Label maps in the frame, (1, 1, *n) and (1, 1, *m), and a code for every label of both."""

    fixed: Tensor
    moving: Tensor
    codes: dict[int, Tensor]


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points (N, axes) and where they belong, both mm in the frame. world: points, RAS mm."""

    world: Array
    points: Array
    targets: Array


@dataclass(frozen=True)
class StageTerms:
    """What pulls in a stage. backward: terms of the inverse motion, from moving to fixed points."""

    forward: list[Term]
    backward: list[Term]
    landmarks: LandmarkForce | None


@dataclass(eq=False)
class Forces:
    """Makes the terms of every stage. symmetric: both images pull alike, towards each other."""

    pair: Pair
    symmetric: bool
    labels: Labels | None = None
    landmarks: Landmarks | None = None
    features: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def of(self, stage: Stage, control: ControlGrid, shift: Tensor) -> StageTerms:
        """Terms of a stage. shift: displacement at its start, coefficients on ``control``."""
        level = self.pair.level(stage.factor)
        measures = self._image_forces(stage, level, control, shift)
        terms = [Term(measure, level, control) for measure in measures]
        if self.labels is not None:
            factor = max(stage.factor, LABEL_FACTOR)
            soft = self.pair.level(factor)
            sides = self._label_forces(self.labels, soft, self.pair.factors(factor))
            terms += [Term(measure, soft, control, LABEL_WEIGHT) for measure in sides]
        springs = None
        if self.landmarks is not None:
            springs = LandmarkForce(self.landmarks.points, self.landmarks.targets, control, shift)
        if self.symmetric:
            return StageTerms(terms[::2], terms[1::2], springs)
        return StageTerms(terms, [], springs)

    def mind(self, factor: int) -> tuple[Tensor, Tensor]:
        """MIND features of both images, averaged over blocks.

        Averages over small blocks are kept, and those over larger ones made from them.
        """
        small = min(factor, FEATURE_FACTOR)
        factors = self.pair.factors(small)
        whole = self.pair.whole
        if small not in self.features:
            self.features.clear()
            self.features[small] = (
                mind_features(whole.fixed, whole.fixed_weights, whole.spacing, factors),
                mind_features(whole.moving, whole.moving_weights, whole.spacing, factors),
            )
        more = tuple(a // b for a, b in zip(self.pair.factors(factor), factors, strict=True))
        level = self.pair.level(small)
        fixed, moving = self.features[small]
        return (
            pooled(fixed, level.fixed_weights, more)[0],
            pooled(moving, level.moving_weights, more)[0],
        )

    def _image_forces(
        self, stage: Stage, level: Level, control: ControlGrid, shift: Tensor
    ) -> list[VoxelForce]:
        """The forward force and, for symmetric registrations, the backward one."""
        if stage.measure == "mind":
            fixed, moving = self.mind(stage.factor)
            return self._both_ways(fixed, moving, level)
        self.features.clear()
        if stage.measure == "ssd":
            return self._both_ways(level.fixed, level.moving, level)
        rising = stage.measure == "mapped"
        if rising:
            displacement = separable(control.matrices(level.positions, shift), shift)
            moved = level.moved(level.moving, displacement)
            translate = contrast_map(level.fixed, moved, level.weights(displacement))
            level = replace(level, moving=translate(level.moving))
        levels = [level, level.swapped()] if self.symmetric else [level]
        if stage.measure == "mi":
            return [MutualInformationForce(one) for one in levels]
        return [LnccForce(one, rising=rising) for one in levels]

    def _both_ways(self, fixed: Tensor, moving: Tensor, level: Level) -> list[VoxelForce]:
        forward = FeatureForce(fixed, moving, level)
        if not self.symmetric:
            return [forward]
        return [forward, FeatureForce(moving, fixed, level.swapped())]

    def _label_forces(
        self, labels: Labels, level: Level, factors: tuple[int, ...]
    ) -> list[VoxelForce]:
        unweighted = replace(level, fixed_weights=None, moving_weights=None)
        fixed = label_features(labels.fixed, labels.codes, factors)
        moving = label_features(labels.moving, labels.codes, factors)
        scale = float(fixed.shape[1])  # the sum over channels, however many there are
        forward = FeatureForce(fixed, moving, unweighted, scale=scale)
        if not self.symmetric:
            return [forward]
        return [forward, FeatureForce(moving, fixed, unweighted.swapped(), scale=scale)]
