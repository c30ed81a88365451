"""Manifests from names of files, and from BIDS; read back as batches read them."""

from __future__ import annotations

import json

import pytest

from RegQCLib.batch.bids import parsed_filters, rows_of_bids
from RegQCLib.batch.pairs import read_pairs
from RegQCLib.batch.patterns import rows_of_folder
from RegQCLib.batch.write_manifest import write_manifest
from RegQCLib.errors import InputError

FILES = ("p1/t1.nii.gz", "p1/v1_t2.nii.gz", "p1/v2_t2.nii.gz", "p2/t1.nii.gz", "p2/v1_t2.nii.gz",
         "p3/t1.nii.gz", "p1/v2.h5", "p1/notes.txt")  # fmt: skip
BIDS = ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_FLAIR.nii.gz",
        "sub-01/anat/sub-01_T1w.json", "sub-02/ses-a/anat/sub-02_ses-a_T1w.nii.gz",
        "sub-02/ses-a/anat/sub-02_ses-a_T2w.nii.gz", "sub-02/ses-b/anat/sub-02_ses-b_T2w.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_run-1_T1w.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_run-2_T1w.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_run-2_PDw.nii.gz",
        "sub-01/func/sub-01_task-rest_bold.nii.gz")  # fmt: skip


def filled(folder, files):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    return folder


def test_files_with_the_same_names_belong_together(tmp_path):
    rows = rows_of_folder(
        filled(tmp_path, FILES),
        ["moving={id}/{visit}_t2.nii.gz", "fixed={id}/t1.nii.gz", "transform={id}/{visit}.h5"],
    )
    base = str(tmp_path)
    assert rows == [
        {"id": "p1_v1", "fixed": f"{base}/p1/t1.nii.gz", "moving": f"{base}/p1/v1_t2.nii.gz",
         "visit": "v1"},
        {"id": "p1_v2", "fixed": f"{base}/p1/t1.nii.gz", "moving": f"{base}/p1/v2_t2.nii.gz",
         "transform": f"{base}/p1/v2.h5", "visit": "v2"},
        {"id": "p2_v1", "fixed": f"{base}/p2/t1.nii.gz", "moving": f"{base}/p2/v1_t2.nii.gz",
         "visit": "v1"},
    ]  # fmt: skip


def test_stars_and_folders_between(tmp_path):
    filled(tmp_path, ("a/b/x_f.mha", "x_m_3.mha"))
    (row,) = rows_of_folder(tmp_path, ["fixed=**/{id}_f.*", "moving={id}_m_*.mha"])
    assert (row["id"], row["fixed"]) == ("x", str(tmp_path / "a/b/x_f.mha"))


@pytest.mark.parametrize(("patterns", "words"), [
    (["fixed={id}/t1.nii.gz"], "no pattern for moving"),
    (["fixed={id}/t1.nii.gz", "moving=*/gone"], "nothing matches moving="),
    (["fixed={id}/t1.nii.gz", "moving={id}/*_t2.nii.gz"], "matches both p1/v1_t2.* and p1/v2_t2"),
    (["fixed={id}/t1.nii.gz", "shifted=x"], "is no pattern"),
    (["fixed={1d}/t1.nii.gz", "moving=x"], "starts with a letter"),
    (["fixed=p3/{id}.nii.gz", "moving={id}/v1_t2.nii.gz"], "same names"),
])  # fmt: skip
def test_patterns_that_fit_nothing_are_told(tmp_path, patterns, words):
    with pytest.raises(InputError, match=words):
        rows_of_folder(filled(tmp_path, FILES), patterns)


def test_a_bids_dataset_becomes_pairs_of_a_subject_and_session(tmp_path):
    pytest.importorskip("bids")
    filled(tmp_path, BIDS)
    description = {"Name": "test", "BIDSVersion": "1.9.0"}
    (tmp_path / "dataset_description.json").write_text(json.dumps(description))
    rows = rows_of_bids(tmp_path)
    anat = tmp_path / "sub-02" / "ses-b" / "anat"
    assert {row["id"]: row["fixed"] for row in rows} == {
        "sub-01_FLAIR": str(tmp_path / BIDS[0]),
        "sub-02_ses-a_T2w": str(tmp_path / BIDS[3]),
        "sub-02_ses-b_T2w": str(anat / "sub-02_ses-b_run-1_T1w.nii.gz"),
        "sub-02_ses-b_run-2_PDw": str(anat / "sub-02_ses-b_run-2_T1w.nii.gz"),
    }
    assert rows[1]["session"] == "a"
    (bold,) = rows_of_bids(tmp_path, moving={"suffix": "bold"})
    assert (bold["id"], bold["fixed"]) == ("sub-01_task-rest_bold", str(tmp_path / BIDS[0]))
    derived = tmp_path / "derivatives" / "prep"
    filled(derived, ("sub-01/anat/sub-01_desc-brain_mask.nii.gz",))
    (derived / "dataset_description.json").write_text(
        json.dumps({**description, "GeneratedBy": [{"Name": "prep"}]})
    )
    rows = rows_of_bids(tmp_path, derivatives=[derived], mask={"suffix": "mask"})
    assert [row.get("mask") for row in rows] == [
        str(derived / "sub-01/anat/sub-01_desc-brain_mask.nii.gz"), None, None, None
    ]  # fmt: skip
    with pytest.raises(InputError, match="no two images"):
        rows_of_bids(tmp_path, moving={"suffix": "dwi"})
    with pytest.raises(InputError, match="no file has the entity colour"):
        rows_of_bids(tmp_path, moving={"colour": "red"})
    with pytest.raises(InputError, match="is no BIDS dataset"):
        rows_of_bids(tmp_path / "sub-01")


def test_filters():
    assert parsed_filters("suffix=T1w, space=MNI") == {"suffix": "T1w", "space": "MNI"}
    assert parsed_filters(None) is None
    for text in ("T1w", "suffix=", "=T1w", "suffix=T1w,"):
        with pytest.raises(InputError, match="no filter"):
            parsed_filters(text)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_written_manifests_are_read_back(tmp_path, suffix):
    patterns = [
        "fixed={id}/t1.nii.gz",
        "moving={id}/{visit}_t2.nii.gz",
        "transform={id}/{visit}.h5",
    ]
    rows = rows_of_folder(filled(tmp_path / "data", FILES), patterns)
    file = write_manifest(rows, tmp_path / f"m{suffix}")
    assert "data/p1/t1.nii.gz" in file.read_text()
    assert str(tmp_path) not in file.read_text(), "it can move with the data"
    found = read_pairs(file)
    assert [pair.id for pair in found.pairs] == ["p1_v1", "p1_v2", "p2_v1"]
    assert {str(p) for p in found.pairs[1].inputs.values()} == {
        rows[1][role] for role in ("fixed", "moving", "transform")
    }
    assert found.pairs[1].columns["visit"] == "v2"
    with pytest.raises(InputError, match="exists"):
        write_manifest(rows, file)
    write_manifest(rows, file, overwrite=True)
