"""What is hatched: where a map says nothing, inside the volume, and not in air."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import slicer

from RegQCScene.display.not_judged import NotJudged
from RegQCScene.slice_views import showOverlay


@pytest.fixture
def shown(benches: Any, views: Any, phantoms: Any) -> Any:
    """A gray block of 40 mm in air; its left half (R < 0) was not judged, the right is all well."""
    image = np.zeros((60, 60, 60), np.float32)
    image[10:50, 10:50, 10:50] = 50
    fixed = phantoms.volume(image)
    fixed.GetDisplayNode().AutoWindowLevelOff()
    fixed.GetDisplayNode().SetWindowLevelMinMax(0, 100)
    errors = np.where(np.arange(60) < 30, -1, 0.2) + np.zeros((60, 60, 1))
    errorMap = phantoms.volume(errors.astype(np.float32))
    errorMap.GetDisplayNode().SetThreshold(0.75, 1e6)
    errorMap.GetDisplayNode().ApplyThresholdOn()
    for view in views:
        view.compositeNode.SetBackgroundVolumeID(fixed.GetID())
    before = {name: bench.pixels() for name, bench in benches.items()}
    showOverlay(errorMap, 0.3)
    return errorMap, before


def changed(bench: Any, before: Any) -> Any:
    """RAS mm (N, 3) of the pixels of a view that differ."""
    rows, columns = np.nonzero((bench.pixels() != before[bench.view.name]).any(axis=-1))
    return np.array([bench.view.toWorld(place) for place in zip(columns, rows, strict=True)])


def test_only_the_body_that_was_not_judged_is_hatched(benches: Any, views: Any, shown: Any) -> None:
    errorMap, before = shown
    for bench in benches.values():
        assert len(changed(bench, before)) == 0  # the map alone tells no difference
    hatching = NotJudged(lambda: views)
    hatching.show(errorMap)
    for name in ("Red", "Green"):
        places = changed(benches[name], before)
        assert places[:, 0].max() < 0.6
        assert places[:, 0].min() > -20.6
        assert np.abs(places[:, 1:]).max() < 20.6
        share = len(places) / (20 * 40 * 2 * 2)  # pixels of half a millimeter
        assert 0.15 < share < 0.3
    assert len(changed(benches["Yellow"], before)) == 0  # at R = 0.5, where all is well
    benches["Yellow"].center(120, (-5, 0, 0))
    assert len(changed(benches["Yellow"], before)) > 500
    hatching.hide()
    for name in ("Red", "Green"):
        np.testing.assert_array_equal(benches[name].pixels(), before[name])


def test_hatching_follows_the_map_and_survives_its_removal(
    benches: Any, views: Any, shown: Any
) -> None:
    errorMap, before = shown
    hatching = NotJudged(lambda: views)
    hatching.show(errorMap)
    slicer.util.arrayFromVolume(errorMap)[:] = 0.2
    slicer.util.arrayFromVolumeModified(errorMap)
    assert len(changed(benches["Red"], before)) == 0
    slicer.util.arrayFromVolume(errorMap)[:] = -1
    slicer.util.arrayFromVolumeModified(errorMap)
    assert changed(benches["Red"], before)[:, 0].max() > 15
    slicer.mrmlScene.RemoveNode(errorMap)
    assert len(changed(benches["Red"], before)) == 0
    hatching.hide()
