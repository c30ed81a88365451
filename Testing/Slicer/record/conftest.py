"""A small pair with the result of a check that was never run: what the tests here begin with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SHAPE = (12, 26, 30)  # k, j, i: unequal, like the voxels
TURNED = np.array([[1.98, 0.31, 0, -28], [-0.25, 2.47, 0, -32], [0, 0, 5.0, -30], [0, 0, 0, 1.0]])


def makeVolume(seed: int, name: str) -> Any:
    """A volume node with a noisy ball."""
    from RegQCLib.geometry.volume import Volume
    from RegQCScene.volume_exchange import nodeFromVolume

    axes = np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij")
    noise = np.random.default_rng(seed).normal(0, 3, SHAPE)
    inside = sum(x**2 for x in axes) < 0.5
    return nodeFromVolume(Volume((100.0 * inside + noise).astype(np.float32), TURNED, name), name)


def makeReport(fixed: Any, moving: Any, *, verdict: str = "misaligned") -> dict[str, Any]:
    """What a check of two nodes could have found: axial slices 5 to 7 flagged."""
    from RegQCLib.geometry.grid import PLANE_NAMES
    from RegQCLib.qc.alignment_report import AlignmentReport as Report
    from RegQCLib.qc.alignment_report import AxisScores, ErrorEstimate, SliceScore
    from RegQCLib.qc.check import image_identity
    from RegQCScene.volume_exchange import volumeFromNode

    image, other = volumeFromNode(fixed), volumeFromNode(moving, world=False)
    axes = []
    for plane in PLANE_NAMES:
        count = SHAPE[image.grid.array_axis(plane)]
        flagged = {5, 6, 7} if plane == "axial" and verdict == "misaligned" else set()
        slices = [
            SliceScore(n, 2.5 * n, 0.9 if n in flagged else 0.2, 3.0 if n in flagged else 0.5,
                       n in flagged)
            for n in range(count)
        ]  # fmt: skip
        axes.append(AxisScores(plane, plane == "axial", slices))
    linear = moving.GetParentTransformNode() is not None
    return Report(
        verdict=verdict,
        reason="made up for a test",
        probability_misaligned=0.97 if verdict == "misaligned" else 0.04,
        error_mm=ErrorEstimate(2.8, 4.4, (2.1, 3.6)),
        axes=axes,
        overlap={},
        field={"kind": "rigid", "plausible": True} if linear else None,
        tg132=[],
        similarity={},
        timing_s={"total": 1.0},
        provenance={
            "versions": {"RegQC": "0"},
            "options": {},
            "inputs": {"fixed": image_identity(image), "moving": image_identity(other)},
        },
        fixed=image,
        moved=image,
        tolerance_mm=1.5,
    ).to_dict()


def storeCheck(session: Any, **changes: Any) -> None:
    """Give a session the result of a check."""
    from RegQCScene.check_result import CheckResult
    from RegQCScene.result_images import resultImages
    from RegQCScene.result_nodes import storeResult
    from RegQCScene.volume_exchange import gridFromNode, imageData

    pair = (session.parameters.fixedVolume, session.parameters.movingVolume)
    report = makeReport(*pair, **changes)
    errors = np.full(SHAPE, -1, dtype=np.float32)
    errors[3:9, 5:20, 6:24] = 2.5
    result = CheckResult(report)
    storeResult(*pair, result, resultImages(imageData(errors), result, gridFromNode(pair[0])))
    session.refreshResult()


@pytest.fixture
def session(scene: Any) -> Any:
    """A session on two small volumes."""
    import slicer

    from RegQCScene.parameters import RegQCParameters
    from RegQCScene.session import Session

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "RegQC")
    node.SetAttribute("ModuleName", "RegQC")
    made = Session(RegQCParameters(node))
    made.parameters.fixedVolume = makeVolume(0, "flair")
    made.parameters.movingVolume = makeVolume(1, "t1w")
    yield made
    made.close()


@pytest.fixture
def checked(session: Any) -> Any:
    """That session with the result of a check."""
    from RegQCScene.decisions import rememberChecked

    session.resultChanged.connect(lambda: rememberChecked(session))
    storeCheck(session)
    session.parameters.reviewer = "Dr A"
    return session


@pytest.fixture
def module(host: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, loaded and open, with the panels that are tested here alone."""
    from RegQCUI import panels

    chosen = [one for one in panels.PANELS if one[0] in ("record_panel", "worklist_panel")]
    monkeypatch.setattr(panels, "PANELS", chosen)
    loaded = host.load()
    yield loaded
    host.unload(loaded)


@pytest.fixture
def noChild(monkeypatch: pytest.MonkeyPatch) -> None:
    """`regqc` runs in this process, which has loaded all that it needs already.

    That a child does the same is tested once for each job.
    """
    from RegQCLib.errors import RegQCError
    from RegQCScene import report_export, transform_export
    from RegQCScene.job import Event
    from RegQCScene.stepped_job import PAUSE, JobFailed

    def steps(arguments: list[str], folder: Any, span: tuple[float, float] = (0.0, 1.0)) -> Any:
        from RegQCLib.cli.main import app

        folder.mkdir()
        yield Event("progress", "running", span[0])
        yield PAUSE
        try:
            app(arguments, standalone_mode=False)
        except RegQCError as error:
            raise JobFailed(str(error)) from error
        return {}

    for job in (report_export, transform_export):
        monkeypatch.setattr(job, "childSteps", steps)


@pytest.fixture(name="storeCheck")
def storeCheckFixture() -> Any:
    """See `storeCheck`."""
    return storeCheck


@pytest.fixture(name="makeVolume")
def makeVolumeFixture() -> Any:
    """See `makeVolume`."""
    return makeVolume


@pytest.fixture(name="makeReport")
def makeReportFixture() -> Any:
    """See `makeReport`."""
    return makeReport
