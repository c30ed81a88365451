"""Tests of the Slicer module run in the host; see Testing/SlicerHost/README.md."""

from SlicerHost.fixtures import host, module, pair, pytest_pycollect_makemodule, scene

__all__ = ["host", "module", "pair", "pytest_pycollect_makemodule", "scene"]
