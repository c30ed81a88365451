"""Plans: what they may say, and one line for what they may not. No torch is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from RegQCLib.compression.plan import Choose, Export, Prune, QuantizeWeights, load_plan
from RegQCLib.errors import InputError

GOOD = """
[measure]
threads = 1
repeats = 3
[choose]
loss = 0.01
[[step]]
do = "prune"
[[step]]
do = "quantize-weights"
bits = 4
name = "four"
[[step]]
do = "export"
form = "onnx-int8"
name = "pruned-int8"
from = "prune"
[[step]]
do = "quantize-weights"
"""


def plan(tmp_path, text):
    (tmp_path / "plan.toml").write_text(text)
    return load_plan(tmp_path / "plan.toml")


def test_a_plan_is_read(tmp_path):
    read = plan(tmp_path, GOOD)
    assert (read.measure.threads, read.measure.repeats, read.measure.batch) == (1, 3, 16)
    assert read.choose == Choose(loss=0.01)
    assert [(s.name, s.parent) for s in read.steps] == [
        ("prune", "original"),
        ("four", "prune"),
        ("pruned-int8", "prune"),
        ("quantize-weights", "four"),  # the last network, not the last file
    ]
    assert [s.settings for s in read.steps[:3]] == [
        Prune(0.25),
        QuantizeWeights(4),
        Export("onnx-int8"),
    ]
    assert [s.bits for s in read.steps] == [32, 4, 8, 8]
    assert [s.form for s in read.steps] == ["torch", "torch", "onnx-int8", "torch"]


BAD = {
    "no steps": ("[measure]\nthreads = 1", "has no steps"),
    "empty": ("", "has no steps"),
    "not toml": ("[[step", "not a valid TOML"),
    "unknown table": ('[meassure]\n[[step]]\ndo = "prune"', "no setting 'meassure'"),
    "unknown step": ('[[step]]\ndo = "shrink"', "do is one of prune,"),
    "no do": ("[[step]]\nshare = 1", "do is one of"),
    "step no table": ("step = [1]", "must be a table"),
    "unknown setting": ('[[step]]\ndo = "prune"\nshares = 0.1', "no setting 'shares'"),
    "missing setting": ('[[step]]\ndo = "fine-tune"\nsteps = 3', "learning_rate"),
    "wrong kind": ('[[step]]\ndo = "prune"\nshare = "much"', "must be a number"),
    "odd bits": ('[[step]]\ndo = "quantize-weights"\nbits = 5', "bits"),
    "no steps to train": (
        '[[step]]\ndo = "fine-tune"\nsteps = 0\nlearning_rate = 1.0',
        "above 0",
    ),
    "unknown form": ('[[step]]\ndo = "export"\nform = "tflite"', "form must be one of"),
    "unknown parent": ('[[step]]\ndo = "prune"\nfrom = "later"', "known: original"),
    "parent is a file": (
        '[[step]]\ndo = "export"\nform = "onnx"\n[[step]]\ndo = "prune"\nfrom = "export"',
        "no network",
    ),
    "same names": ('[[step]]\ndo = "prune"\n[[step]]\ndo = "prune"', "is taken"),
    "name of a path": ('[[step]]\ndo = "prune"\nname = "../up"', "a name has letters"),
    "original again": ('[[step]]\ndo = "prune"\nname = "original"', "is taken"),
    "no threads": ('[measure]\nthreads = 0\n[[step]]\ndo = "prune"', "threads"),
    "negative loss": ('[choose]\nloss = -1\n[[step]]\ndo = "prune"', "loss"),
}


@pytest.mark.parametrize("name", BAD)
def test_mistakes_are_one_line(tmp_path, name):
    text, said = BAD[name]
    with pytest.raises(InputError) as caught:
        plan(tmp_path, text)
    message = str(caught.value)
    assert said in message
    assert "plan.toml" in message
    assert "\n" not in message


def test_a_missing_plan_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no such plan"):
        load_plan(tmp_path / "none.toml")


def test_reading_a_plan_loads_no_torch(tmp_path):
    (tmp_path / "plan.toml").write_text(GOOD)
    code = (
        "import sys; from RegQCLib.compression.plan import load_plan; "
        f"load_plan({str(tmp_path / 'plan.toml')!r}); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
