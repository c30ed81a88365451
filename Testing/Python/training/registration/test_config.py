"""Configurations of registration training: shipped ones load, mistakes are told in one line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from RegQCLib.errors import InputError
from RegQCLib.training.registration.config import load_config
from RegQCLib.training.toml_file import CONFIG_FOLDER

GOOD = """
name = "tiny"
[network]
name = "voxelmorph-1"
[data]
source = "folder"
images = "{subject}.nii.gz"
[loss]
weight = 1
[training]
steps = 4
"""
SHIPPED = sorted(p.stem for p in CONFIG_FOLDER.glob("registration_*.toml"))


def written(folder, text: str):
    file = folder / "c.toml"
    file.write_text(text)
    return file


def test_a_file_sets_what_it_names_and_nothing_else(tmp_path):
    config = load_config(written(tmp_path, GOOD))
    assert (config.name, config.network) == ("tiny", {"name": "voxelmorph-1"})
    assert (config.loss.weight, type(config.loss.weight), config.loss.window) == (1.0, float, 9)
    assert (config.training.steps, config.training.batch) == (4, 1)
    assert load_config(tmp_path / "c.toml", data="there").data.path == "there"


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations_load_by_name_and_build_their_network(name):
    from RegQCLib.registration.networks.preprocessing import ImagePreprocessing
    from RegQCLib.registration.networks.registry import NETWORKS
    from RegQCLib.registration.networks.settings import read_settings

    config = load_config(name)
    assert config == load_config(CONFIG_FOLDER / f"{name}.toml")
    assert f"registration_{config.name}" == name
    assert config.network["name"] in NETWORKS
    read_settings(ImagePreprocessing, config.preprocessing, name)


def test_published_settings_are_those_of_the_papers():
    assert {"registration_voxelmorph1", "registration_sparsevm", "registration_label_reg"} <= {
        *SHIPPED
    }
    first = load_config("registration_voxelmorph1")
    assert (first.loss.similarity, first.loss.window, first.loss.weight) == ("lncc", 9, 1.0)
    assert (first.training.learning_rate, first.training.batch) == (1e-4, 1)
    sparse = load_config("registration_sparsevm")
    assert (sparse.loss.weight, sparse.training.learning_rate) == (0.4, 5e-4)
    labels = load_config("registration_label_reg")
    assert labels.loss.scales == (0, 1, 2, 4, 8, 16)
    assert (labels.loss.weight, labels.training.batch, labels.training.steps) == (0.5, 4, 10000)
    assert labels.augmentation.affine == 0.1


BAD = {
    "no TOML": ("name = \n", "not a valid TOML file"),
    "missing table": (GOOD.replace('[network]\nname = "voxelmorph-1"', ""), "needs the setting"),
    "nameless network": (GOOD.replace('"voxelmorph-1"', "3"), "[network] needs the setting name"),
    "unknown table": (GOOD + "[traning]\nsteps = 3\n", "has no setting 'traning'"),
    "unknown setting": (GOOD + "stepps = 3\n", "[training] has no setting 'stepps'; known ones"),
    "missing setting": (GOOD.replace("steps = 4", "batch = 2"), "[training] needs the setting st"),
    "no step": (GOOD.replace("= 4", "= 0"), "[training] steps must lie above 0, got 0"),
    "half a step": (GOOD.replace("= 4", "= 4.5"), "steps must be a whole number, got 4.5"),
    "words for numbers": (GOOD.replace("= 1\n", '= "much"\n'), "weight must be a number"),
    "true for numbers": (GOOD.replace("= 4", "= true"), "steps must be a whole number"),
    "unknown word": (GOOD.replace("weight", "similarity"), "must be one of mse, lncc, mi, mind"),
    "no list": (GOOD.replace("weight = 1", "labels = 3"), "labels must be a list, got 3"),
    "wrong list": (GOOD.replace("weight = 1", 'labels = ["a"]'), "must be a whole number"),
    "background": (GOOD.replace("weight = 1", "labels = [0]"), "must not name 0"),
    "even window": (GOOD.replace("weight = 1", "window = 4"), "an odd number of voxels"),
    "nothing to learn": (GOOD.replace("weight = 1", 'similarity = "none"'), "nothing to learn"),
    "no pattern": (GOOD.replace("images", "path"), "needs images, a pattern"),
    "no atlas": (GOOD.replace("images =", 'pairs = "atlas"\nimages ='), "needs atlas"),
    "no masks": (GOOD.replace("weight = 1", 'confidence = "files"'), "needs masks in [data]"),
    "no truth": (GOOD.replace("weight = 1", "matching = 1"), "need source = 'shapes'"),
    "a share": (GOOD + "[augmentation]\naffine = 2\n", "affine must lie between 0 and 1, got 2"),
    "an axis": (GOOD + "[augmentation]\nflips = [3]\n", "flips names array axes, 0 to 2"),
    "no table": ("loss = 3\n" + GOOD.replace("[loss]\nweight = 1\n", ""), "must be a table"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_files_are_refused_in_one_line(tmp_path, case):
    content, message = BAD[case]
    file = written(tmp_path, content)
    with pytest.raises(InputError) as refused:
        load_config(file)
    assert message in str(refused.value)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_names_the_shipped_ones(tmp_path):
    with pytest.raises(InputError, match=r"registration_label_reg.*registration_voxelmorph1"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no such training configuration"):
        load_config("matcher")  # of another command


def test_reading_a_configuration_needs_no_torch(tmp_path):
    code = (
        "import sys; from RegQCLib.training.registration.config import load_config; "
        f"load_config({str(written(tmp_path, GOOD))!r}); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=300)
    assert done.returncode == 0
