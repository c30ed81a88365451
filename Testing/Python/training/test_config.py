"""Training configurations: shipped ones load, damaged ones are refused in one line."""

from __future__ import annotations

import pytest

from RegQCLib.errors import InputError
from RegQCLib.training.config import load_config
from RegQCLib.training.toml_file import CONFIG_FOLDER

GOOD = 'model = "matcher"\nname = "m"\nsteps = 4\nbatch = 2\nlearning_rate = 1e-3\n'


def test_a_file_sets_what_it_names_and_nothing_else(tmp_path):
    file = tmp_path / "c.toml"
    file.write_text(GOOD + "[network]\nwidth = 8\n")
    config = load_config(file)
    assert (config.model, config.steps, config.learning_rate) == ("matcher", 4, 1e-3)
    assert config.network == {"width": 8}
    assert (config.size, config.bank_maps) == (128, 96)


@pytest.mark.parametrize("name", ["matcher", "slice_classifier"])
def test_shipped_configurations_load_by_name(name):
    assert load_config(name) == load_config(CONFIG_FOLDER / f"{name}.toml")
    assert load_config(name).name == name


BAD = {
    "unknown setting": (GOOD + "stepps = 3\n", "unknown settings ['stepps']"),
    "missing setting": (GOOD.replace("batch = 2\n", ""), "'batch'"),
    "no TOML": ("model = \n", "not a valid TOML file"),
    "no text": (b"\xff\xfe\x00", "not a valid TOML file"),
    "no step": (GOOD.replace("4", "0"), "steps must be a whole number above 0, got 0"),
    "half a batch": (GOOD.replace("batch = 2", "batch = 2.5"), "batch must be a whole number"),
    "words for numbers": (GOOD + 'size = "big"\n', "size must be a whole number"),
    "no table": (GOOD + "network = 3\n", "network must be a table"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_one_line(tmp_path, case):
    content, message = BAD[case]
    file = tmp_path / "c.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as refused:
        load_config(file)
    assert message in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_names_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match=r"no such training.*matcher, slice_classifier") as refused:
        load_config(tmp_path / "none.toml")
    assert "\n" not in str(refused.value)
