"""Transforms between the scene and RegQCLib: Slicer's own arithmetic is the truth."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scene.scene_builders import (
    addField,
    addLinear,
    addThinPlate,
    addVolume,
    affineOf,
    mapped,
    truth,
    under,
)

from RegQCLib.errors import InputError
from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.grid import Grid
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine, Composite
from RegQCScene import transform_exchange
from RegQCScene.transform_exchange import (
    fixedToMoving,
    fixedToMovingSteps,
    oneFieldSteps,
    transformNodeFromRegQC,
    worldToMoving,
)
from RegQCScene.transform_parts import samplingGrid
from RegQCScene.volume_exchange import gridFromNode, transformChain, volumeFromNode

TURN = Affine.from_parameters(
    rotation_deg=(8, -5, 12), translation_mm=(4, -3, 2), scale=(1.1, 0.9, 1.05)
).matrix
SHIFT = Affine.rigid((0, 3, 0), (-2, 5, 1)).matrix
PARTS = {
    "linear": lambda parent: addLinear(TURN, parent=parent),
    "shift": lambda parent: addLinear(SHIFT, parent=parent),
    "field": lambda parent: addField(parent=parent),
    "cubic": lambda parent: addField(cubic=True, parent=parent),
    "inverted": lambda parent: addField(fromParent=False, size=2.0, parent=parent),
    "thin plate": lambda parent: addThinPlate(parent=parent),
    "thin plate inverted": lambda parent: addThinPlate(fromParent=False, parent=parent),
}
TOLERANCE_MM = {"cubic": 0.03, "inverted": 0.02, "thin plate": 0.03, "thin plate inverted": 0.03}


def pairOf(chain, *, fixedParents=()):
    """A fixed and a moving volume, the latter under a chain of transforms, nearest first."""
    fixed = addVolume(name="fixed", affine=affineOf(origin=(-5, 4, 30)))
    moving = addVolume(name="moving", affine=affineOf(angles=(0, 40, 5), mirrored=True))
    for node, names in ((fixed, fixedParents), (moving, chain)):
        parent = None
        for name in reversed(names):
            parent = PARTS[name](parent)
        under(node, parent)
    return fixed, moving


def places(fixed) -> np.ndarray:
    """World points at voxels of the fixed volume."""
    grid = gridFromNode(fixed)
    return grid.points().reshape(-1, 3)[::7]


def assertSameAsSlicer(transform, fixed, moving, nearest, tolerance):
    points = places(fixed)
    expected = mapped(truth(None, nearest), points)
    assert np.abs(transform.apply(points) - expected).max() <= tolerance


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chain=st.lists(st.sampled_from(list(PARTS)), min_size=1, max_size=3),
    fixedParents=st.lists(st.sampled_from(["linear", "shift"]), max_size=2),
)
def test_fixed_points_go_where_slicer_takes_them(scene, chain, fixedParents):
    fixedParents = fixedParents if fixedParents.count("linear") == 0 else ["shift"]
    fixed, moving = pairOf(chain, fixedParents=fixedParents)
    tolerance = max(sum(TOLERANCE_MM.get(name, 0) for name in chain), 1e-4)
    nearest = moving.GetParentTransformNode()
    assertSameAsSlicer(fixedToMoving(fixed, moving), fixed, moving, nearest, tolerance)


def test_linear_chains_are_exact_and_affine(scene):
    fixed, moving = pairOf(["linear", "shift"])
    found = fixedToMoving(fixed, moving)
    assert isinstance(found, Affine)
    np.testing.assert_allclose(found.matrix, np.linalg.inv(SHIFT @ TURN), atol=1e-12)


def test_without_transforms_points_stay(scene):
    fixed, moving = pairOf([])
    np.testing.assert_array_equal(fixedToMoving(fixed, moving).matrix, np.eye(4))


def test_fields_stay_what_they_are(scene):
    fixed, moving = pairOf(["field"])
    found = fixedToMoving(fixed, moving)
    assert isinstance(found, DisplacementField)
    stored = moving.GetParentTransformNode().GetTransformFromParent().GetDisplacementGrid()
    assert found.array.shape == (3, *stored.GetDimensions()[::-1])
    under(moving.GetParentTransformNode(), addLinear(SHIFT))
    composite = fixedToMoving(fixed, moving)
    assert [type(part) for part in composite.transforms] == [Affine, DisplacementField]


def test_coarse_cubic_fields_keep_their_curve(scene):
    """Between coarse voxels Slicer's cubic interpolation is not linear; what is shown counts."""
    fixed, moving = pairOf([])
    under(moving, addField(cubic=True, spacing=32.0, size=8.0))
    nearest = moving.GetParentTransformNode()
    assertSameAsSlicer(fixedToMoving(fixed, moving), fixed, moving, nearest, 0.05)
    coarse = nearest.GetTransformFromParent().GetDisplacementGrid()
    linear = addField(spacing=32.0, size=8.0)
    difference = mapped(truth(None, linear), places(fixed)) - mapped(
        truth(None, nearest), places(fixed)
    )
    assert coarse.GetSpacing()[0] == 32.0
    assert np.abs(difference).max() > 0.2  # so the test can fail


def test_a_transform_in_the_chain_means_the_whole_chain(scene):
    fixed, moving = pairOf(["linear", "shift"])
    nearest = moving.GetParentTransformNode()
    for chosen in (nearest, nearest.GetParentTransformNode()):
        found = fixedToMoving(fixed, moving, chosen)
        np.testing.assert_allclose(found.matrix, np.linalg.inv(SHIFT @ TURN), atol=1e-12)


def test_another_transform_is_judged_instead(scene):
    fixed, moving = pairOf(["linear"])
    above = addLinear(SHIFT)
    other = addLinear(TURN, parent=above)
    found = fixedToMoving(fixed, moving, other)
    np.testing.assert_allclose(found.matrix, np.linalg.inv(SHIFT @ TURN), atol=1e-12)
    assert moving.GetParentTransformNode().GetName() == "linear"


def test_a_bent_fixed_volume_is_refused(scene):
    fixed, moving = pairOf(["linear"], fixedParents=["field"])
    with pytest.raises(InputError, match="fixed: lies under the non-linear transform bent"):
        fixedToMoving(fixed, moving)


@pytest.mark.parametrize("depth", [0, 1])
def test_a_transform_that_flattens_is_refused(scene, depth):
    """VTK inverts no singular matrix, and says nothing."""
    fixed, moving = pairOf([])
    flat = addLinear(np.diag([1.0, 1, 0, 1]), name="flat")
    under(moving, addLinear(TURN, parent=flat) if depth else flat)
    with pytest.raises(InputError, match="flat: the affine transform is singular"):
        fixedToMoving(fixed, moving)


def test_something_else_chosen_as_transform(scene):
    fixed, moving = pairOf([])
    with pytest.raises(InputError, match="fixed: is no transform"):
        fixedToMoving(fixed, moving, fixed)
    gone = addLinear(TURN, name="gone")
    slicer.mrmlScene.RemoveNode(gone)
    with pytest.raises(InputError, match="gone: was removed"):
        fixedToMoving(fixed, moving, gone)


def test_the_nodes_are_not_changed(scene):
    fixed, moving = pairOf(["inverted", "shift"])
    nodes = [fixed, moving, moving.GetParentTransformNode()]
    before = [node.GetMTime() for node in nodes]
    fixedToMoving(fixed, moving)
    assert [node.GetMTime() for node in nodes] == before


@pytest.mark.parametrize("kind", list(PARTS))
def test_changes_while_it_is_sampled_do_not_matter(scene, kind, monkeypatch):
    """Somebody drags a handle or undoes a deformation between two steps."""
    monkeypatch.setattr(transform_exchange, "STEP_SLOW_POINTS", 5)
    fixed, moving = pairOf([kind, "shift", "thin plate"])
    points = places(fixed)
    expected = mapped(truth(None, moving.GetParentTransformNode()), points)
    way = worldToMoving(moving)
    steps = fixedToMovingSteps(fixed, moving)
    next(steps)
    for node in transformChain(moving):
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(TURN))
    under(moving, None)
    with pytest.raises(StopIteration) as end:
        while True:
            next(steps)
    np.testing.assert_allclose(mapped(way, points), expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(end.value.value.apply(points), expected, rtol=0, atol=0.08)


def test_a_handle_is_dragged_after_a_look(scene):
    moving = addVolume()
    node = addLinear(np.eye(4))
    under(moving, node)
    way = worldToMoving(moving)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(TURN))
    assert way.TransformPoint(1, 2, 3) == (1, 2, 3)


def test_a_composite_becomes_one_field_for_a_file(scene, monkeypatch):
    fixed, moving = pairOf(["field", "shift"])
    composite = fixedToMoving(fixed, moving)
    assert isinstance(composite, Composite)
    monkeypatch.setattr(transform_exchange, "STEP_POINTS", 5)
    steps = oneFieldSteps(composite, gridFromNode(fixed))
    fractions = []
    with pytest.raises(StopIteration) as end:
        while True:
            fractions.append(next(steps))
    assert len(fractions) > 3
    points = gridFromNode(fixed).points()
    np.testing.assert_allclose(
        end.value.value.apply(points), composite.apply(points), rtol=0, atol=0.02
    )


class TestSamplingGrid:
    GRID = Grid((40, 60, 50), affineOf(spacing=(1.0, 1.5, 3.0)))

    def test_fine_parts_are_sampled_at_the_voxels(self):
        assert samplingGrid(0.5, self.GRID, 10**6).same_as(self.GRID)

    @pytest.mark.parametrize(("detail", "limit"), [(8.0, 10**6), (0.5, 5000), (1e4, 10**6)])
    def test_coarser_grids_reach_as_far(self, detail, limit):
        found = samplingGrid(detail, self.GRID, limit)
        assert np.prod(found.shape) <= limit
        for corner in ((0, 0, 0), (1, 1, 1), (1, 0, 1)):
            far = (np.array(found.shape[::-1]) - 1) * corner
            expected = (np.array(self.GRID.shape[::-1]) - 1) * corner
            np.testing.assert_allclose(found.to_world(far), self.GRID.to_world(expected), atol=1e-9)


def motion(kind, grid):
    affine = Affine(TURN)
    noise = np.random.default_rng(1).uniform(-0.2, 0.2, (3, *grid.shape)).astype(np.float32)
    field = DisplacementField(noise, grid.affine)
    return {"affine": affine, "field": field, "composite": Composite([affine, field, affine])}[kind]


@pytest.mark.parametrize("kind", ["affine", "field", "composite"])
def test_a_moving_volume_under_our_node_lies_on_the_fixed_one(scene, kind):
    """What RegQCLib maps fixed points to is what Slicer shows there."""
    fixed, moving = pairOf([])
    transform = motion(kind, gridFromNode(fixed))
    node = transformNodeFromRegQC(transform, "found")
    under(moving, node)
    # inside the field: beyond its border Slicer repeats the last vector and ITK has none
    points = gridFromNode(fixed).to_world(np.array([[1.0, 2, 1], [3, 4, 2], [2, 5, 3]]))
    if kind == "composite":
        points = Affine(TURN).inverse().apply(points)
    expected = transform.apply(points)
    np.testing.assert_allclose(mapped(truth(None, node), points), expected, atol=1e-5)
    np.testing.assert_allclose(fixedToMoving(fixed, moving).apply(points), expected, atol=1e-5)
    # and back: what lies there in the moving volume is shown at the fixed point
    shown = mapped(truth(node, None), expected)
    np.testing.assert_allclose(shown, points, atol=0.02)


@pytest.mark.parametrize("kind", ["affine", "field"])
def test_the_node_is_that_of_the_written_file(scene, kind, tmp_path):
    """Slicer reads the file that RegQCLib writes as the node that we make; SimpleITK agrees."""
    fixed, _moving = pairOf([])
    grid = gridFromNode(fixed)
    transform = motion(kind, grid)
    path = tmp_path / "transform.h5"
    save_transform(transform, path, grid=grid)
    loaded = slicer.util.loadTransform(str(path))
    made = transformNodeFromRegQC(transform, "made")
    points = grid.points().reshape(-1, 3)[::5]
    expected = mapped(truth(None, loaded), points)
    np.testing.assert_allclose(mapped(truth(None, made), points), expected, atol=1e-4)
    itk = sitk.ReadTransform(str(path))
    lps = np.array([itk.TransformPoint((points * [-1, -1, 1])[n].tolist()) for n in range(5)])
    np.testing.assert_allclose(lps * [-1, -1, 1], expected[:5], atol=1e-4)


def test_pictures_lie_on_each_other(scene):
    """A moving volume resampled by Slicer through our node is the one resampled by RegQCLib."""
    from RegQCLib.geometry.resample import resample

    fixed, moving = pairOf([])
    transform = Affine.rigid((2, 3, -4), (0.5, -1, 0.3))
    under(moving, transformNodeFromRegQC(transform, "found"))
    pair = volumeFromNode(fixed), volumeFromNode(moving, world=False)
    again = fixedToMoving(fixed, moving)
    np.testing.assert_allclose(
        resample(pair[1], pair[0].grid, again).array,
        resample(pair[1], pair[0].grid, transform).array,
        atol=1e-3,
    )
