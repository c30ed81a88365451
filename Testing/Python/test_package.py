"""The package as a whole: quick to import, honest about its names."""

from __future__ import annotations

import subprocess
import sys

import pytest

import RegQCLib

IMPORT_BUDGET_S = 0.3
TIMED_IMPORT = """
import sys, time
start = time.perf_counter()
import RegQCLib
print(time.perf_counter() - start)
print(*sorted({name.partition('.')[0] for name in sys.modules}))
"""


def test_import_is_quick_and_light():
    runs = [
        subprocess.run(
            [sys.executable, "-c", TIMED_IMPORT], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        for _ in range(5)
    ]
    assert min(float(seconds) for seconds, _ in runs) < IMPORT_BUDGET_S
    loaded = set(runs[0][1].split())
    assert "RegQCLib" in loaded
    assert not loaded & {"torch", "matplotlib", "scipy", "SimpleITK", "openvino"}


@pytest.mark.parametrize("name", RegQCLib.__all__)
def test_every_public_name_exists(name):
    assert getattr(RegQCLib, name) is not None
    assert name in dir(RegQCLib)


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = RegQCLib.no_such_name


def test_openvino_reports_nothing_to_its_makers():
    code = (
        "import RegQCLib, openvino, openvino.tools.ovc.telemetry_utils as utils, sys; "
        "print(utils.tm.__name__, sys.modules['openvino_telemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]
