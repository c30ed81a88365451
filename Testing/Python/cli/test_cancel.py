"""A stop signal in the middle of a run: exit code 130, and nothing left on disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

# A check that never ends by itself.
ENDLESS = """
import sys, time, types
def check(*arguments, progress, **options):
    step = 0
    while True:
        progress("scoring slices", min(0.9, step / 1000))
        step += 1
        time.sleep(0.01)
module = types.ModuleType("RegQCLib.qc.check")
module.check = check
sys.modules["RegQCLib.qc.check"] = module
from RegQCLib.cli.entry import run
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send these signals")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("existing", [False, True])
def test_a_stopped_run_leaves_nothing(tmp_path, pair, stop, existing):
    out = tmp_path / "new" / "out"
    if existing:
        out.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-c", ENDLESS, "check", *map(str, pair), "--out", str(out)]
    with subprocess.Popen(
        [*command, "--progress", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for line in process.stdout:
            if json.loads(line)["stage"] == "scoring slices":
                break
        assert len(sorted(tmp_path.rglob("*"))) > len(before), "no work in progress on disk"
        process.send_signal(stop)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines() == ["cancelled: nothing was written"]
    assert json.loads(rest.splitlines()[-1]) == {"event": "cancelled"}
    assert sorted(tmp_path.rglob("*")) == before
