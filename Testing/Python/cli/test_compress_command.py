"""``regqc compress``: mistakes are one line and exit code 2, before anything is written."""

from __future__ import annotations

import pytest
from cli.support import run_regqc

PLAN = '[[step]]\ndo = "prune"\n'


@pytest.mark.parametrize(
    ("plan", "model", "said"),
    [
        (None, None, "no such plan"),
        ('[[step]]\ndo = "shrink"\n', None, "do is one of"),
        (PLAN, None, "no such model file"),
        (PLAN, b"weights", "damaged or not a RegQC model"),
    ],
)
def test_mistakes_are_one_line(tmp_path, plan, model, said):
    if plan is not None:
        (tmp_path / "plan.toml").write_text(plan)
    if model is not None:
        (tmp_path / "m.npz").write_bytes(model)
    done = run_regqc(
        "compress", tmp_path / "m.npz", "--plan", tmp_path / "plan.toml", "--out", tmp_path / "out"
    )
    assert done.code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
