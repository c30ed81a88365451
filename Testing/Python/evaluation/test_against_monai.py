"""HD95, ASSD and Learn2Reg's surface areas against MONAI's own implementations."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.support import SPACING, blobs

from RegQCLib.evaluation.learn2reg_hausdorff import WEIGHTS, cube_areas, hausdorff_95
from RegQCLib.evaluation.surface_distance import surface_distances

torch = pytest.importorskip("torch")
metrics = pytest.importorskip("monai.metrics")
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # MONAI warns of itself


def as_tensor(mask: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(mask)[None, None].float()


@pytest.mark.parametrize("seed", range(4))
def test_hd95_and_assd(seed):
    a, b = blobs(seed, 6) == 1, blobs(seed + 10, 6) == 1
    found = surface_distances(a, b, SPACING)
    options = {"include_background": True, "spacing": SPACING}
    hd95 = metrics.compute_hausdorff_distance(as_tensor(a), as_tensor(b), percentile=95, **options)
    assd = metrics.compute_average_surface_distance(
        as_tensor(a), as_tensor(b), symmetric=True, **options
    )
    assert found.hausdorff(95) == pytest.approx(hd95.item(), rel=1e-5)
    assert found.average() == pytest.approx(assd.item(), rel=1e-5)


def test_area_of_every_cube():
    areas, bits = metrics.utils.get_code_to_measure_table((1, 1, 1))
    corners = [(code & bits.reshape(2, 2, 2).numpy().astype(int)) > 0 for code in range(256)]
    ours = [cube_areas()[int(WEIGHTS[inside].sum())] for inside in corners]
    np.testing.assert_allclose(ours, areas.numpy(), rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_hd95_by_area(seed):
    a, b = blobs(seed, 6) == 2, blobs(seed + 30, 6) == 2
    edges, distances, areas = metrics.utils.get_edge_surface_distance(
        torch.from_numpy(a), torch.from_numpy(b), use_subvoxels=True, symmetric=True
    )
    directed = [
        percentile_by_weight(distance.numpy(), area[edge].numpy())
        for edge, distance, area in zip(edges, distances, areas, strict=True)
    ]
    assert hausdorff_95(a, b) == pytest.approx(max(directed), rel=1e-6)


def percentile_by_weight(values: np.ndarray, weights: np.ndarray) -> float:
    """The smallest value that 95 % of the weight does not exceed."""
    covered = [weights[values <= value].sum() for value in np.unique(values)]
    return float(np.unique(values)[np.array(covered) >= 0.95 * weights.sum()][0])
