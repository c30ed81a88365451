"""`make gui` without a display: a picture, or one line that says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import qt
from SlicerHost import gui


def test_a_screenshot_shows_panel_and_views(host: object, tmp_path: Path) -> None:
    path = tmp_path / "panel.png"
    assert gui.main(["--screenshot", str(path)]) == 0
    image = qt.QImage(str(path)).convertToFormat(qt.QImage.Format_RGB888)
    assert (image.width(), image.height()) == (1400, 900)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1)
    brightness = rows[:, : 3 * image.width()].reshape(900, 1400, 3).mean(axis=2)
    views = brightness[100:, 700:]
    assert (views < 10).mean() > 0.1  # the images' background
    assert brightness[400:, :300].min() < 250  # the panel has something in it


def test_without_a_display_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert gui.main([]) == 2
    assert "--screenshot" in capsys.readouterr().err
