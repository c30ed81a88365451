"""Makes the README's pictures of the Slicer module again: python Testing/make_screenshots.py

The module runs in the test host (Testing/SlicerHost) on the bundled pair, with nothing made up: it
checks, registers and checks again, which takes a minute or two. Needs what `make test` installs.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import Any

TESTING = Path(__file__).resolve().parent
SIZE = (1280, 900)
COLORS = 256
MAX_BYTES = 250_000


def main(arguments: list[str] | None = None) -> int:
    """Write the pictures; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = TESTING.parent / "Resources" / "Screenshots"
    parser.add_argument("--out", type=Path, default=default, help="folder for the pictures")
    folder = parser.parse_args(arguments).out
    sys.path[:0] = [str(TESTING), str(TESTING / "Slicer"), str(TESTING.parent / "RegQC")]
    from SlicerHost.rendering import whyNot

    if whyNot():
        print(whyNot(), file=sys.stderr)
        return 2
    from end_to_end.desk import Desk

    folder.mkdir(parents=True, exist_ok=True)
    desk = Desk()
    desk.host.window.resize(*SIZE)
    desk.host.layoutManager.setLayout(desk.slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
    desk.settle()
    for draw in (check, inspect, correct, record):
        draw(desk)
        save(desk, folder / f"slicer_{draw.__name__}.png")
    problems = desk.host.problems()
    desk.close()
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


def check(desk: Any) -> None:
    """The moved pair is found misaligned; the worst axial slice is in view."""
    ui = desk.open("CheckPanel")
    desk.click(desk.section("InputsPanel"), (20, 8))
    desk.click(ui.checkButton)
    desk.idle()
    desk.panels["InputsPanel"].ui.axisSelector.setCurrentIndex(3)
    fit(desk)
    header = ui.sliceTable.horizontalHeader()
    place = header.sectionViewportPosition(4) + header.sectionSize(4) // 2
    desk.click(header.viewport(), (place, 8))
    desk.clickRow(ui.sliceTable, 0)


def inspect(desk: Any) -> None:
    """Edges of the moving image over the fixed one."""
    desk.click(desk.open("CheckPanel").errorMapCheckBox)
    desk.panels["CheckPanel"].showSlice("axial", 16)
    fit(desk)
    desk.click(desk.open("InspectPanel").edgesButton)


def correct(desk: Any) -> None:
    """The image was moved by keys; the slices in view are scored."""
    ui = desk.open("CorrectPanel")
    moves = desk.panels["CorrectPanel"].parts[0].ui
    selector = moves.nudgeViewSelector
    selector.setCurrentIndex(selector.findText("Red", desk.qt.MatchFlag.MatchStartsWith))
    moves.nudgeMmBox.setValue(2.0)
    desk.click(moves.keysBox, (10, 8))
    desk.click(moves.handlesBox, (10, 8))
    fit(desk)
    desk.settle(lambda: ui.axialNowLabel.text != "-", what="live scores")
    desk.settle(seconds=1.0)
    desk.key("Right")
    desk.settle(lambda: ui.axialBeforeLabel.text != "-", what="scores before")
    live = desk.panels["CorrectPanel"].control.live
    desk.settle(lambda: live.scores and live.scores != live.before, what="new scores")


def record(desk: Any) -> None:
    """The pair was registered and kept; the case is accepted and signed."""
    ui = desk.open("CorrectPanel")
    desk.click(desk.panels["CorrectPanel"].parts[0].ui.handlesBox, (10, 8))
    bar = ui.correctTabs.tabBar()
    middle = bar.tabRect(1).center()
    desk.click(bar, (middle.x(), middle.y()))
    desk.click(desk.panels["CorrectPanel"].parts[1].ui.registerButton)
    desk.idle()
    desk.click(ui.previewKeepButton)
    desk.idle()
    ui = desk.open("RecordPanel")
    ui.filterSelector.setCurrentIndex(ui.filterSelector.findText("All slices"))
    desk.clickRow(ui.decisionTable, ui.decisionTable.rowCount - 13)
    desk.test.keyClicks(ui.sliceComment, "ventricles match")
    desk.click(ui.acceptSlicesButton)
    desk.test.keyClicks(ui.reviewerEdit, "A. Reader")
    desk.test.keyClicks(ui.caseComment, "Aligned after a rigid registration.")
    desk.click(ui.acceptCaseButton)
    fit(desk)


def fit(desk: Any) -> None:
    """Show the whole image in each view."""
    desk.slicer.util.resetSliceViews()
    desk.settle()


def save(desk: Any, path: Path) -> None:
    """Write the window as a PNG of 256 colors, which is less than half the bytes."""
    from PIL import Image
    from PySide6.QtCore import QBuffer, QByteArray

    desk.settle(seconds=0.5)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    desk.host.window.grab().save(buffer, "PNG")
    picture = Image.open(io.BytesIO(bytes(data.data()))).convert("RGB")
    # chosen so that small areas keep their color, and mixed so that shades stay smooth
    palette = picture.quantize(COLORS, Image.Quantize.MAXCOVERAGE)
    few = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    few.save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path}: {picture.width} x {picture.height}, {size / 1000:.0f} kB")
    if size > MAX_BYTES:
        raise SystemExit(f"{path}: larger than {MAX_BYTES / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
