"""The slice classifier is ResNet34 at full width, and narrower on request."""

from __future__ import annotations

import pytest
import torch

from RegQCLib.qc.networks.slice_classifier import ClassifierSettings, SliceClassifier

# torchvision's ResNet34 has 21,797,672; less its head of 1000 classes and its third input channel
BODY = 21_797_672 - (512 * 1000 + 1000) - 64 * 49
HEAD = 512 * 2 + 2


def parameters(model: torch.nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_full_width_is_resnet34():
    assert parameters(SliceClassifier()) == pytest.approx(BODY + HEAD, rel=1e-3)


def test_half_width_has_a_quarter_of_the_parameters():
    half = parameters(SliceClassifier(ClassifierSettings(width=32)))
    assert half == pytest.approx((BODY + HEAD) / 4, rel=0.01)


@pytest.mark.parametrize("side", [64, 96])
def test_it_answers_twice_for_every_pair(side):
    model = SliceClassifier(ClassifierSettings(width=4)).eval()
    images = torch.rand(3, 2, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together, alone = model(images), model(images[1:2])
    assert together.shape == (3, 2)
    torch.testing.assert_close(together[1:2], alone, atol=1e-4, rtol=1e-3)
    assert not torch.allclose(together[0], together[1])
