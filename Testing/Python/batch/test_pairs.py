"""Manifests of batches: every row becomes a pair, and those that cannot be used say why."""

from __future__ import annotations

import re

import pytest

from RegQCLib.batch.pairs import read_pairs
from RegQCLib.errors import InputError


def written(folder, text, name="m.csv"):
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def only(folder, text, **options):
    (pair,) = read_pairs(written(folder, text), **options).pairs
    return pair


def test_all_columns_are_understood_and_kept(tmp_path):
    pair = only(
        tmp_path,
        "ID,fixed,Moving,transform,mask,labels,landmarks,Site\n"
        f"one,a/f.nii,{tmp_path}/m.nii,t.h5,k.nii, lf.nii | lm.nii ,pf.csv|pm.csv,Graz\n",
    )
    assert pair.id == "one"
    assert not pair.problem
    assert pair.inputs == {
        "fixed": tmp_path / "a" / "f.nii",
        "moving": tmp_path / "m.nii",
        "transform": tmp_path / "t.h5",
        "mask": tmp_path / "k.nii",
        "fixed_labels": tmp_path / "lf.nii",
        "moving_labels": tmp_path / "lm.nii",
        "fixed_landmarks": tmp_path / "pf.csv",
        "moving_landmarks": tmp_path / "pm.csv",
    }
    assert pair.columns["Site"] == "Graz"
    assert pair.columns["Moving"] == f"{tmp_path}/m.nii"


def test_two_columns_for_two_files(tmp_path):
    pair = only(tmp_path, "id\tfixed_labels\tmoving_labels\none\ta.nii\tb.nii\n")
    assert set(pair.inputs) == {"fixed_labels", "moving_labels"}


def test_rows_without_ids_are_numbered(tmp_path):
    pairs = read_pairs(written(tmp_path, "fixed,moving\na,b\nc,d\n")).pairs
    assert [pair.id for pair in pairs] == ["row00001", "row00002"]


@pytest.mark.parametrize(("row", "words"), [
    (",f,m", "line 3 of the manifest: has no id"),
    ("ONE,f,m", "line 3.*id ONE is used in line 2, too"),
    ("a/b,f,m", "line 3.*cannot be the name of a folder"),
    ("two,../../f,m", "fixed ../../f lies outside .*--root"),
    ("two,f,m,only_one", "labels are two files"),
    ("two,f,m,a|", "labels are two files"),
    ("two,f,T.TFM,", "moving is T.TFM, which is no image; check the columns"),
])  # fmt: skip
def test_bad_rows_say_why_and_the_others_stay(tmp_path, row, words):
    text = f"id,fixed,moving,labels\none,f,m,\n{row}\nlast,f,m,\n"
    one, bad, last = read_pairs(written(tmp_path, text)).pairs
    assert not one.problem
    assert not last.problem
    assert re.search(words, bad.problem), bad.problem
    assert "line 3" in bad.id


def test_rows_that_are_no_utf8_fail_alone(tmp_path):
    text = b"id,fixed,moving,who\none,f,m,J\xc3\xbcrgen\ntwo,f,m,J\xfcrgen\n"
    one, two = read_pairs(written(tmp_path, text)).pairs
    assert one.columns["who"] == "Jürgen"
    assert not one.problem
    assert "line 3 of the manifest: is not UTF-8" in two.problem
    two.id.encode()
    two.columns["who"].encode()


def test_a_root_above_lets_paths_climb(tmp_path):
    (tmp_path / "lists").mkdir()
    file = written(tmp_path / "lists", "id,fixed,moving\none,../f,m\n")
    assert read_pairs(file).pairs[0].problem
    (pair,) = read_pairs(file, root=tmp_path).pairs
    assert "outside" in pair.problem, "relative paths begin at the root"
    file = written(tmp_path / "lists", "id,fixed,moving\none,lists/../f,m\n")
    assert read_pairs(file, root=tmp_path).pairs[0].inputs["fixed"] == tmp_path / "f"


@pytest.mark.parametrize(("text", "words"), [
    ("", "no column of images"),
    ("name,age\nx,3\n", "no column of images"),
    ("id,fixed,moving\n", "no rows"),
    ("id,fixed,moving\na,b,c\n".encode("utf-16"), "UTF-8"),
])  # fmt: skip
def test_files_that_are_no_manifest_are_refused(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_pairs(written(tmp_path, text))
    with pytest.raises(InputError, match="no such manifest"):
        read_pairs(tmp_path / "gone.csv")
