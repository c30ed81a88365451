"""Worklists: every sane spelling is read, every bad row is named and the others stay."""

from __future__ import annotations

import re

import pytest

from RegQCLib.batch.manifest import read_manifest
from RegQCLib.errors import InputError


@pytest.fixture
def data(tmp_path):
    for name in ("a_f.nii.gz", "a_m.nii.gz", "b_f.nii.gz", "b_m.nii.gz", "t.h5", "mask.nrrd"):
        (tmp_path / name).write_text("x")
    (tmp_path / "dicom").mkdir()
    return tmp_path


def write(folder, text, encoding="utf-8"):
    file = folder / "cases.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_paths_are_relative_to_the_file(data, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    file = write(data, "id,fixed,moving,transform,mask\n"
                       "one,a_f.nii.gz,a_m.nii.gz,t.h5,mask.nrrd\n"
                       f"two,{data / 'b_f.nii.gz'},dicom,,\n")  # fmt: skip
    one, two = read_manifest(file).cases
    assert one.inputs == {
        "fixed": data / "a_f.nii.gz",
        "moving": data / "a_m.nii.gz",
        "transform": data / "t.h5",
        "mask": data / "mask.nrrd",
    }
    assert two.inputs == {"fixed": data / "b_f.nii.gz", "moving": data / "dicom"}


@pytest.mark.parametrize("text", [
    "ID; Fixed ;moving\none;a_f.nii.gz;a_m.nii.gz\n",
    "id\tfixed\tmoving\r\none\ta_f.nii.gz\ta_m.nii.gz\r\n\r\n",
    "\ufeffid,fixed,moving,site\none, a_f.nii.gz ,a_m.nii.gz,Graz\n,,,\n",
    'moving,id,fixed\n"a_m.nii.gz","one","a_f.nii.gz",too,many\n',
])  # fmt: skip
def test_spreadsheets_of_all_countries_are_read(data, text):
    found = read_manifest(write(data, text))
    assert [case.id for case in found.cases] == ["one"]
    assert found.cases[0].moving == data / "a_m.nii.gz"
    assert found.problems == ()


@pytest.mark.parametrize(("row", "words"), [
    (",a_f.nii.gz,a_m.nii.gz,", "has no id"),
    ("x,,a_m.nii.gz,", "has no fixed image"),
    ("x,a_f.nii.gz", "has no moving image"),
    ("x,gone.nii.gz,a_m.nii.gz,", "fixed .*gone.nii.gz does not exist"),
    ("x,a_f.nii.gz,a_m.nii.gz,gone.h5", "transform .*gone.h5 does not exist"),
    ("../x,a_f.nii.gz,a_m.nii.gz,", "cannot be the name of a folder"),
    ("..,a_f.nii.gz,a_m.nii.gz,", "cannot be the name of a folder"),
    ("x.,a_f.nii.gz,a_m.nii.gz,", "cannot be the name of a folder"),
    ("ONE,a_f.nii.gz,a_m.nii.gz,", "used twice"),
])  # fmt: skip
def test_bad_rows_are_named_in_one_line_and_left_out(data, row, words):
    file = write(data, "id,fixed,moving,transform\none,a_f.nii.gz,a_m.nii.gz,\n"
                       f"{row}\ntwo,b_f.nii.gz,b_m.nii.gz,\n")  # fmt: skip
    found = read_manifest(file)
    assert [case.id for case in found.cases] == ["one", "two"]
    (problem,) = found.problems
    assert problem.startswith("cases.csv, line 3: ")
    assert problem.endswith("; left out")
    assert "\n" not in problem
    assert re.search(words, problem)


def test_a_folder_of_folders(data):
    for case in ("p1", "p2", ".hidden", "notes"):
        (data / "all" / case).mkdir(parents=True)
    for name in ("p1/fixed.nii.gz", "p1/Moving.nrrd", "p1/transform.h5", "p1/readme.txt",
                 "p2/fixed.mha", ".hidden/fixed.mha", ".hidden/moving.mha"):  # fmt: skip
        (data / "all" / name).write_text("x")
    (data / "all" / "p2" / "moving").mkdir()
    (data / "all" / "p2" / "moving" / "1.dcm").write_text("x")
    found = read_manifest(data / "all")
    assert [case.id for case in found.cases] == ["p1", "p2"]
    assert found.cases[0].moving.name == "Moving.nrrd"
    assert found.cases[0].transform.name == "transform.h5"
    assert found.cases[1].moving == data / "all" / "p2" / "moving"


def test_a_folder_of_files(tmp_path):
    for name in ("x_1_fixed.nii.gz", "x_1_moving.nii.gz", "x_1_mask.nrrd", "y-fixed.mha", "z.txt"):
        (tmp_path / name).write_text("x")
    found = read_manifest(tmp_path)
    assert [case.id for case in found.cases] == ["x_1"]
    assert set(found.cases[0].inputs) == {"fixed", "moving", "mask"}
    assert found.problems == (f"{tmp_path.name}, case y: has no moving image; left out",)


@pytest.mark.parametrize(("text", "words"), [
    ("", "no column id"),
    ("fixed,moving\n", "no column id"),
    ("id,fixed\nx,y\n", "no column moving"),
    ("id,fixed,moving\n", "holds no case"),
])  # fmt: skip
def test_files_without_cases_are_refused(data, text, words):
    with pytest.raises(InputError, match=words):
        read_manifest(write(data, text))


def test_other_things_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        read_manifest(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="holds no case"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="UTF-8"):
        read_manifest(write(tmp_path, "id,fixed,moving\n\u00e4,b,c\n", "latin-1"))
