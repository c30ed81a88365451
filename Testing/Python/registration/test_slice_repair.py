from __future__ import annotations

import csv
import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import SimpleITK as sitk
from registration import slice_phantom as phantom

from RegQCLib.geometry.image_io import load_volume
from RegQCLib.geometry.transforms import Affine
from RegQCLib.registration.slice_repair import SliceMotion, SliceRepair

AWAY = Affine.rigid((0, 0, 4), (3, -2, 0), (50, 40, 9))


@pytest.fixture
def repair():
    array = phantom.stack_with(phantom.moved_poses({}))
    volume = phantom.volume_of(array, name="<b>stack</b>.nii.gz")
    motions = [SliceMotion(n, 3.0 * n, "in place", displacement_mm=0.1) for n in range(12)]
    motions[3] = SliceMotion(
        3, 9.0, "moved", transform=AWAY, displacement_mm=4.2, shift_mm=(3.0, -2.0, 0.0),
        rotation_deg=(0.0, 0.0, 4.0), doubt_mm=0.1, score_before=0.2, score_after=0.6,
        witness="neighbors", filled_fraction=0.0,
    )  # fmt: skip
    motions[11] = SliceMotion(11, 33.0, "no evidence", "too little structure", doubt_mm=np.inf)
    source = volume.with_array(np.zeros(array.shape, dtype=np.uint8))
    return SliceRepair(
        volume, volume, source, "axial", "in-plane", None, motions, ["left alone: 1 slice"],
        {"total": 1.0}, {"options": {}},
    )  # fmt: skip


def test_every_file_is_written_and_says_the_same(repair, tmp_path):
    repair.save(tmp_path)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    table = list(csv.DictReader((tmp_path / "motion.csv").open(encoding="utf-8")))
    assert report["counts"] == {"in place": 10, "moved": 1, "no evidence": 1}
    assert [row["state"] for row in table] == [one["state"] for one in report["slices"]]
    assert float(table[3]["shift_a_mm"]) == -2.0
    assert table[11]["uncertainty_mm"] == ""
    assert load_volume(tmp_path / "corrected.nii.gz").shape == repair.original.shape
    assert [file.name for file in (tmp_path / "transforms").iterdir()] == ["slice_003.tfm"]


def test_itk_maps_points_from_where_they_belong_to_where_they_lie(repair, tmp_path):
    repair.save(tmp_path)
    itk = sitk.ReadTransform(str(tmp_path / "transforms" / "slice_003.tfm"))
    point = np.array([12.0, -7.0, 9.0])
    flip = np.array([-1, -1, 1])
    assert np.allclose(np.array(itk.TransformPoint(point * flip)) * flip, AWAY.apply(point))


def test_the_plot_draws_every_slice_and_only_moved_ones_have_components(repair, tmp_path):
    repair.save(tmp_path)
    plot = ET.parse(tmp_path / "motion.svg").getroot()
    titles = [one.text for one in plot.iter("{http://www.w3.org/2000/svg}title")]
    assert sum("mm" in text and ":" in text for text in titles) >= 12
    assert sum(text.startswith("slice 3:") for text in titles) == 1 + 3 + 3
    assert sum(text.startswith("slice 4:") for text in titles) == 1


def test_the_page_escapes_names_and_needs_no_other_file(repair, tmp_path):
    repair.save(tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<b>stack</b>" not in page
    HTMLParser().feed(page)
    assert "src=" not in page.replace('src="data:', "")


def test_the_summary_names_the_worst_slice(repair):
    assert "1 of 12 axial slices moved, at most 4.2 mm (slice 3)" in repair.summary()
    still = replace(repair, motions=[SliceMotion(0, 0.0, "in place")])
    assert still.summary() == "0 of 1 axial slices moved; 1 in place"
