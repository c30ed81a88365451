"""Fixtures of the synthesis tests."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def bank() -> Any:
    """Two small label maps, (2, 32, 32, 32) uint8."""
    torch = pytest.importorskip("torch")
    from RegQCLib.synthesis.label_maps import random_label_map

    maps = [random_label_map((32,) * 3, torch.Generator().manual_seed(n)) for n in range(2)]
    return torch.stack(maps)
