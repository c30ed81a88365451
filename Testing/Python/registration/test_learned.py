"""Trained networks as registrations: geometry, inverse, start, and what is refused."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from registration.stubs import Stubs, images, judged, shifted
from torch import nn

from RegQCLib.errors import InputError, MissingDependencyError
from RegQCLib.geometry.resample import resample
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from RegQCLib.geometry.warp_torch import warp
from RegQCLib.hashing import sha256_of
from RegQCLib.registration.learned import (
    load_for,
    prediction_bytes,
    register_learned,
    require_fit,
)
from RegQCLib.registration.networks.model_file import LoadedModel, save_model
from RegQCLib.registration.networks.names import NETWORK_NAMES
from RegQCLib.registration.networks.prediction import Prediction
from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
from RegQCLib.registration.networks.registry import NETWORKS, build_network
from RegQCLib.registration.register import register
from RegQCLib.report.schema import REGISTRATION, validate

SMALL = {"encoder": [4, 4], "decoder": [4, 4, 4, 4]}
PREPARED = ImagePreprocessing(spacing_mm=2.0, margin_mm=0.0)


class Known(nn.Module):
    """Predicts a displacement that is given, voxels (3, *spatial), or a function of the shape."""

    axes, divisor = 3, 4

    def __init__(self, settings=None, field=None):
        super().__init__()
        self.settings, self.field, self.seen = settings, field, []

    def forward(self, fixed, moving):
        self.seen = [fixed, moving]
        shape = fixed.shape[2:]
        values = torch.zeros(3, *shape) if self.field is None else self.field(shape)
        return Prediction(values[None])


def model(field, prepared=PREPARED) -> LoadedModel:
    return LoadedModel(Known(field=field), "known", {}, prepared, {})


def oblique() -> tuple[Volume, Volume]:
    """A bright box away from the border, stored left to right, anterior first, on a turned grid."""
    rng = np.random.default_rng(0)
    array = rng.normal(5, 1, (20, 26, 30)).astype(np.float32)
    array[5:15, 6:20, 8:22] += 100
    turn = Affine.rigid(rotation_deg=(5, -8, 10), translation_mm=(20, 3, -7)).matrix
    axes = np.array([[0, -1.5, 0, 0], [1.2, 0, 0, 0], [0, 0, -2.5, 0], [0, 0, 0, 1]])
    return Volume(array, turn @ axes, "fixed"), Volume(array * 2, turn @ axes, "moving")


def test_voxels_of_the_network_become_mm_everywhere_on_the_fixed_image():
    fixed, moving = oblique()
    shift = torch.tensor([1.0, -0.5, 2.0])  # voxels along (k, j, i) of the network

    def field(shape):
        return shift.view(3, 1, 1, 1).expand(3, *shape)

    found = register_learned(fixed, moving, model(field))
    grid = PREPARED.network_grid(fixed, 4)
    assert np.prod(grid.shape) * 8 < np.prod(fixed.shape) * 4.5  # it was cropped
    expected = grid.affine[:3, :3] @ [2.0, -0.5, 1.0]
    points = fixed.grid.points()
    np.testing.assert_allclose(
        found.transform.apply(points) - points, expected + 0 * points, atol=1e-4
    )
    assert expected[0] > 3.5  # i runs to the right, whatever the fixed image does
    assert found.folded_fraction == 0
    assert found.limits == ()


def wave(shape):
    """A smooth field of up to 2 voxels."""
    k, j, i = torch.meshgrid(*[torch.arange(float(n)) for n in shape], indexing="ij")
    return torch.stack([1.5 * torch.sin(j / 6), 2 * torch.cos(i / 7), -torch.sin((k + i) / 8)])


def test_a_smooth_prediction_keeps_its_place_and_has_an_inverse():
    fixed, moving = oblique()
    found = register_learned(fixed, moving, model(wave))
    grid = PREPARED.network_grid(fixed, 4)
    inside = grid.points()[1:-1, 1:-1, 1:-1]
    voxels = wave(grid.shape)[:, 1:-1, 1:-1, 1:-1].numpy()
    expected = np.einsum("rc,ckji->kjir", grid.affine[:3, [2, 1, 0]], voxels)
    moved = found.transform.apply(inside) - inside
    assert np.abs(expected).max() > 3
    # between voxels of 2 mm, twice, the wave is a little lower
    assert np.abs(moved - expected).max() < 0.12
    body = fixed.grid.points()[fixed.array > 50]
    back = found.inverse.apply(found.transform.apply(body))
    assert np.linalg.norm(back - body, axis=1).max() < 0.05


def test_a_start_comes_after_the_field_and_places_the_moving_image():
    fixed, moving = oblique()
    start = Affine.rigid(rotation_deg=(0, 0, 6), translation_mm=(4, -2, 1), center=(20, 3, -7))
    known = model(wave)
    found = register_learned(fixed, moving, known, init=start)
    alone = register_learned(fixed, moving, model(wave))
    points = fixed.grid.points()[5:15, 6:20, 8:22]
    expected = start.apply(alone.transform.apply(points))
    np.testing.assert_allclose(found.transform.apply(points), expected, atol=1e-6)
    np.testing.assert_allclose(found.inverse.apply(expected), points, atol=0.05)
    grid = PREPARED.network_grid(fixed, 4)
    expected = PREPARED.image(moving, grid, start)
    np.testing.assert_allclose(known.network.seen[1][0, 0].numpy(), expected)
    assert np.abs(expected - PREPARED.image(moving, grid)).max() > 0.3


def test_folds_are_told():
    fixed, moving = oblique()
    found = register_learned(fixed, moving, model(lambda shape: 8 * wave(shape)))
    assert found.folded_fraction > 0
    assert "the deformation folds at" in found.limits[0]


def trained(path: Path, mm: float = 3.0, **changes) -> Path:
    """A model file of voxelmorph-1 that moves everything to the right."""
    network = build_network("voxelmorph-1", SMALL | changes)
    with torch.no_grad():
        network.flow.weight.zero_()
        network.flow.bias[-1] = mm / PREPARED.spacing_mm
    save_model(
        path,
        network="voxelmorph-1",
        settings=asdict(network.settings),
        state=network.state_dict(),
        preprocessing=PREPARED,
        about={},
    )
    return path


def test_a_learned_registration_is_checked_and_reported(tmp_path, monkeypatch):
    stubs = Stubs(monkeypatch)
    stubs.states = {0: judged(5), 1: judged(3), 4: judged(0.5)}
    stubs.steps = {"affine": 1}
    file = trained(tmp_path / "right.npz")
    found = register(*images(), "voxelmorph-1", weights=file)
    assert found.kept == "voxelmorph-1"
    assert stubs.checked == [0.0, 1.0, 4.0]
    assert found.metrics["weights_sha256"] == sha256_of(file)
    assert found.provenance["options"]["weights"] == "right.npz"
    assert "2 mm" in found.provenance["preprocessing"]["compared by voxelmorph-1"]
    validate(found.to_dict(), REGISTRATION)


def test_a_worse_prediction_is_not_returned(tmp_path, monkeypatch):
    stubs = Stubs(monkeypatch)
    stubs.states = {2: judged(0.5), 5: judged(4)}
    file = trained(tmp_path / "m.npz")
    found = register(*images(), "voxelmorph-1", weights=file, init=shifted(2))
    assert (found.kept, list(found.history)) == ("start", ["voxelmorph-1"])
    assert "the voxelmorph-1 result was dropped" in found.limits[0]


def test_what_was_learned_of_slices_brings_others_together(tmp_path):
    """A network that has overfitted one pair of slices registers them, in mm, on another grid."""
    torch.manual_seed(0)
    k, i = np.indices((24, 28)) * 1.5
    here = 100 * np.exp(-((k - 18) ** 2 + (i - 16) ** 2) / 60)
    there = 100 * np.exp(-((k - 18) ** 2 + (i - 20) ** 2) / 60)
    affine = np.diag([1.5, 4.0, 1.5, 1.0])
    fixed, moving = (Volume(a[:, None].astype(np.float32), affine, "v") for a in (here, there))
    prepared = ImagePreprocessing(spacing_mm=1.5, crop=False)
    network = build_network("voxelmorph-1", {**SMALL, "axes": 2})
    grid = prepared.network_grid(fixed, 4)
    pair = [
        torch.from_numpy(prepared.image(one, grid)[:, 0])[None, None] for one in (fixed, moving)
    ]
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(60):
        field = network(*pair).displacement
        loss = (warp(pair[1], field) - pair[0]).square().mean() + 1e-3 * field.diff(
            dim=-1
        ).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loaded = LoadedModel(network.eval(), "voxelmorph-1", {}, prepared, {})
    found = register_learned(fixed, moving, loaded)
    moved = resample(moving, fixed.grid, found.transform).array
    before, after = (np.square(one - fixed.array).mean() for one in (moving.array, moved))
    assert after < before / 5
    center = found.transform.apply(fixed.grid.to_world((16 / 1.5, 0, 12)))
    np.testing.assert_allclose(center, (20, 0, 18), atol=1.0)


def test_a_prediction_needs_memory_by_its_hungriest_layer():
    network = build_network("voxelmorph-1", {})
    # at full resolution 10 channels become 8, in float32
    needed = prediction_bytes(network.eval(), (32, 48, 32))
    assert needed == pytest.approx(5.5 * 4 * (10 + 8) * 32 * 48 * 32)
    assert not any(layer._forward_hooks for layer in network.modules())
    fixed, moving = oblique()
    file_model = LoadedModel(build_network("voxelmorph-1", SMALL), "voxelmorph-1", {}, PREPARED, {})
    with pytest.raises(
        InputError, match="too little memory: voxelmorph-1 on 12 x 12 x 16 voxels"
    ) as told:
        register_learned(fixed, moving, file_model, max_memory_gb=1e-4)
    assert "\n" not in str(told.value)


def test_images_that_do_not_suit_are_refused():
    fixed, moving = oblique()
    slice_ = Volume(fixed.array[:1], fixed.affine, "slice")
    flat = LoadedModel(build_network("voxelmorph-1", {"axes": 2}), "voxelmorph-1", {}, PREPARED, {})
    whole = LoadedModel(build_network("voxelmorph-1", {}), "voxelmorph-1", {}, PREPARED, {})
    with pytest.raises(
        InputError, match="fixed: a volume, and this model of voxelmorph-1 registers"
    ):
        require_fit(flat, fixed, moving)
    with pytest.raises(InputError, match="slice: a single slice, and this model"):
        require_fit(whole, slice_)
    small = Volume(fixed.array[:, :12], fixed.affine, "small")  # 18 mm
    with pytest.raises(InputError, match=r"small: .* needs 16 voxels of 2 mm along each axis"):
        require_fit(whole, small)
    require_fit(model(None), small)


def test_a_model_must_be_given_and_fit_the_kind(tmp_path, monkeypatch):
    file = trained(tmp_path / "m.npz")
    assert load_for("voxelmorph-1", file).name == "voxelmorph-1"
    for kind, weights, words in (
        ("voxelmorph-1", None, "needs a trained model: give its file as weights"),
        ("label-reg", file, "m.npz: a model of the network voxelmorph-1, and label-reg was asked"),
        ("voxelmorph-1", tmp_path / "none.npz", "no such model file"),
    ):
        with pytest.raises(InputError, match=words):
            register(*images(), kind, weights=weights)
    monkeypatch.setitem(sys.modules, "RegQCLib.registration.learned", None)
    with pytest.raises(MissingDependencyError, match=r"RegQC\[torch\]"):
        register(*images(), "voxelmorph-1", weights=file)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("voxelmorph-1", {"measure": "mi"}, "no use for measure"),
        ("sparsevm", {"region": images()[0]}, "no use for region"),
        ("localnet", {"labels": images()}, "no use for labels"),
        ("voxelmorph-1", {"inverse_consistent": True}, "treats its images differently"),
        ("voxelmorph-1", {"engine": "SimpleITK"}, "needs the engine torch"),
        ("deformable", {"weights": "m.npz"}, "no use for weights; .* a learned one"),
        ("affine", {"weights": "m.npz"}, "no use for weights"),
    ],
)
def test_options_that_do_not_fit_are_refused(kind, options, words):
    with pytest.raises(InputError, match=words):
        register(*images(), kind, **options)


def test_names_are_known_without_torch():
    assert set(NETWORK_NAMES) == set(NETWORKS)
