"""The scene, the views and the module loader are tested with the fixtures they offer."""

from SlicerHost.fixtures import host, module, pair, pytest_pycollect_makemodule, scene

__all__ = ["host", "module", "pair", "pytest_pycollect_makemodule", "scene"]
