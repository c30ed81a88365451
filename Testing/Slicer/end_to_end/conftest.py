"""One session at the module for all tests of this folder: nothing in it is made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from end_to_end.desk import Desk
from SlicerHost.rendering import whyNoScene, whyNot

SHIFTED_SLICE = 14


@pytest.fixture(scope="module")
def _session() -> Iterator[Desk]:
    """The module, open in the host, with the sample pair loaded and the second image moved."""
    if whyNoScene() or whyNot():
        pytest.skip(whyNoScene() or whyNot())
    desk = Desk(SHIFTED_SLICE)
    yield desk
    desk.close()


@pytest.fixture
def desk(_session: Desk) -> Iterator[Desk]:
    """That session; a test fails if anything went wrong unseen."""
    _session.host.clearProblems()
    yield _session
    _session.host.app.processEvents()
    problems = _session.host.problems()
    assert not problems, "\n".join(problems)
