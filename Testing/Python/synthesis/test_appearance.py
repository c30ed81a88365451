"""Gray values: blur against scipy, contrasts as related as the difficulty says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from RegQCLib.synthesis.appearance import (
    Contrast,
    bias_field,
    contrast_pair,
    gaussian_blur,
    gray_curve,
    rescale,
)
from RegQCLib.synthesis.label_maps import LABELS
from RegQCLib.synthesis.scene import BACKGROUND, LABEL_COUNT, SceneLabels


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(21, 17), (12, 15, 10)])
def test_blur_is_that_of_scipy(shape):
    image = torch.randn(2, 1, *shape, generator=generator())
    sd = torch.tensor([[0.5, 1.4, 0.9], [1.1, 0.4, 2.0]])[:, : len(shape)]
    blurred = gaussian_blur(image, sd)
    radius = int(np.ceil(3 * float(sd.max())))
    for got, before, widths in zip(blurred, image, sd, strict=True):
        expected = before[0].double().numpy()
        for axis, width in enumerate(widths.tolist()):
            expected = ndimage.gaussian_filter1d(
                expected, width, axis, mode="nearest", truncate=(radius + 0.01) / width
            )
        np.testing.assert_allclose(got[0], expected, atol=1e-5)


def test_rescaling_fills_zero_to_one_for_every_image():
    image = torch.randn(3, 1, 6, 7, generator=generator()) * torch.tensor([1, 9, 0]).reshape(
        3, 1, 1, 1
    )
    scaled = rescale(image + 4)
    np.testing.assert_allclose(scaled[:2].flatten(1).amin(1), 0, atol=1e-6)
    np.testing.assert_allclose(scaled[:2].flatten(1).amax(1), 1, atol=1e-6)
    assert float(scaled[2].abs().max()) == 0, "a constant image stays finite"


def test_bias_is_smooth_and_multiplies():
    field = bias_field(torch.ones(4, 1, 40, 40), generator()).log()
    assert float(field.abs().max()) > 0.05
    assert float(field.diff(dim=2).abs().max()) < 0.15
    assert not bias_field(torch.zeros(4, 1, 40, 40), generator()).any()


def test_gray_curves_keep_the_order_of_gray_values():
    ramp = torch.linspace(0, 1, 50).reshape(1, 1, 5, 10).expand(16, 1, 5, 10)
    curved = gray_curve(ramp, generator()).flatten(1)
    assert float(curved.diff(dim=1).min()) >= 0
    assert float(curved.min()) >= 0
    assert float(curved.max()) <= 1
    assert float(curved.std(dim=0).max()) > 0.05, "all curves are one"


def tables(difficulty: float) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    first, second = contrast_pair(400, generator(), difficulty=difficulty)
    inside = slice(0, BACKGROUND)
    pairs = zip(first.mean[:, inside].numpy(), second.mean[:, inside].numpy(), strict=True)
    return first.mean, second.mean, [float(np.corrcoef(a, b)[0, 1]) for a, b in pairs]


def test_easy_pairs_share_their_contrast():
    _, _, correlation = tables(0.0)
    assert np.median(correlation) > 0.6
    assert np.quantile(correlation, 0.1) > 0


def test_hard_pairs_are_alike_inverted_or_unrelated():
    _, _, correlation = tables(1.0)
    assert np.mean(np.array(correlation) > 0.5) > 0.12
    assert np.mean(np.array(correlation) < -0.5) > 0.12
    assert np.mean(np.abs(correlation) < 0.3) > 0.3


def test_one_contrast_cannot_see_what_the_other_sees():
    for table in tables(1.0)[:2]:
        distinct = [len(set(row[:BACKGROUND].tolist())) for row in table]
        assert min(distinct) < 0.8 * BACKGROUND
        assert max(distinct) == BACKGROUND


def test_air_is_black_in_most_images():
    for table in tables(1.0)[:2]:
        assert 0.8 < float((table[:, BACKGROUND] == 0).float().mean()) < 1


def test_paint_gives_labels_their_values_and_texture():
    mean = torch.linspace(0, 1, LABEL_COUNT)[None]
    texture = torch.linspace(-1, 1, LABELS)[None]
    contrast = Contrast(mean, torch.zeros(1, LABEL_COUNT), texture, torch.full_like(mean, 0.5))
    label = torch.randint(LABEL_COUNT, (1, 4, 5), generator=generator())
    fine = torch.randint(LABELS, (1, 4, 5), generator=generator(1))
    painted = contrast.paint(SceneLabels(label, fine, torch.zeros(1, 4, 5)), generator())
    np.testing.assert_allclose(painted[:, 0], mean[0][label] + 0.5 * texture[0][fine], atol=1e-6)
