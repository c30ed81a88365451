"""Cases, pairs and splits of folders and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from RegQCLib.errors import InputError
from RegQCLib.training.registration.cases import Cases, find_cases
from RegQCLib.training.registration.data_settings import DataSettings


def touch(folder: Path, *names: str) -> None:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def folder_of(tmp_path: Path, **settings: object) -> DataSettings:
    return DataSettings("folder", str(tmp_path), "{subject}/{visit}_t1.nii.gz", **settings)


def table_of(tmp_path: Path, text: str, **settings: object) -> DataSettings:
    (tmp_path / "pairs.csv").write_text(text)
    return DataSettings("csv", str(tmp_path / "pairs.csv"), **settings)


def names(found: Cases, pairs) -> set[tuple[str, str]]:
    return {tuple(found.cases[n].image.name[0] for n in pair) for pair in pairs}


def found_in(settings: DataSettings, *, seed: int = 0, need_labels: bool = False) -> Cases:
    return find_cases(settings, seed=seed, need_labels=need_labels)


def refusal(settings: DataSettings, **options) -> str:
    with pytest.raises(InputError) as refused:
        found_in(settings, **options)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_all_ordered_pairs_of_different_subjects_split_by_subject(tmp_path):
    for subject in "abcdefgh":
        touch(tmp_path, f"{subject}/1_t1.nii.gz", f"{subject}/2_t1.nii.gz")
    found = found_in(folder_of(tmp_path, validation_share=0.25, validation_pairs=100))
    subjects = {"train": set(), "val": set()}
    for pairs, split, count in ((found.train, "train", 6), (found.validation, "val", 2)):
        for fixed, moving in pairs:
            one, other = found.cases[fixed], found.cases[moving]
            assert one.subject != other.subject
            assert one.split == other.split == split
            subjects[split] |= {one.subject, other.subject}
        assert len(subjects[split]) == count
        assert len(pairs) == len({tuple(p) for p in pairs}) == 4 * count * (count - 1)
    assert not subjects["train"] & subjects["val"]
    other = found_in(folder_of(tmp_path, validation_share=0.25), seed=1)
    assert {c.subject for c in other.cases if c.split == "val"} != subjects["val"]
    assert len(other.validation) <= 20


def test_named_subjects_are_kept_out(tmp_path):
    touch(tmp_path, *(f"{s}/1_t1.nii.gz" for s in "abcde"))
    found = found_in(folder_of(tmp_path, validation_subjects=("b", "c"), test_subjects=("a",)))
    assert {c.subject: c.split for c in found.cases} == {
        **dict.fromkeys("bc", "val"),
        **dict.fromkeys("de", "train"),
        "a": "test",
    }
    assert "'z', which has no image" in refusal(folder_of(tmp_path, test_subjects=("z",)))


def test_an_atlas_is_the_moving_image_of_every_pair(tmp_path):
    touch(tmp_path, *(f"{s}/1_t1.nii.gz" for s in "abcd"), "x.nii.gz")
    settings = folder_of(tmp_path, pairs="atlas", atlas=str(tmp_path / "x.nii.gz"))
    found = found_in(settings)
    assert len(found.train) == 3
    assert len(found.validation) == 1
    pairs = [*found.train, *found.validation]
    assert {found.cases[moving].image.name for _, moving in pairs} == {"x.nii.gz"}
    assert {found.cases[fixed].subject for fixed, _ in pairs} == set("abcd")


def test_labels_belong_to_the_image_of_the_same_names(tmp_path):
    touch(tmp_path, *(f"{s}/1_t1.nii.gz" for s in "abcd"), *(f"{s}/1_seg.nii.gz" for s in "abcd"))
    settings = folder_of(tmp_path, labels="{subject}/{visit}_seg.nii.gz")
    for case in found_in(settings, need_labels=True).cases:
        assert case.labels == case.image.parent / "1_seg.nii.gz"
    (tmp_path / "c/1_seg.nii.gz").unlink()
    assert "c/1_t1.nii.gz: nothing matches labels" in refusal(settings)
    assert "4 of 4 images have no labels" in refusal(folder_of(tmp_path), need_labels=True)


def test_tables_name_pairs_or_images(tmp_path):
    touch(tmp_path, *(f"{s}.nii" for s in "abcdpqrs"))
    text = (
        "fixed;moving;fixed_labels;moving_labels;split\n"
        "a.nii;b.nii;p.nii;q.nii;train\nc.nii;b.nii;r.nii;q.nii;\nd.nii;a.nii;s.nii;p.nii;val\n"
    )
    found = found_in(table_of(tmp_path, text), need_labels=True)
    assert names(found, found.train) == {("a", "b"), ("c", "b")}
    assert names(found, found.validation) == {("d", "a")}
    labels = {c.image.name: c.labels.name for c in found.cases}
    assert labels == {f"{a}.nii": f"{b}.nii" for a, b in zip("abcd", "pqrs", strict=True)}
    text = "image,subject,split\na.nii,1,train\nb.nii,1,train\nc.nii,2,train\nd.nii,3,test\n"
    found = found_in(table_of(tmp_path, text))
    assert names(found, found.train) == {("a", "c"), ("b", "c"), ("c", "a"), ("c", "b")}
    assert len(found.validation) == 0


def test_what_is_missing_is_told_in_one_line(tmp_path):
    assert "names no path; set it, or pass --data" in refusal(DataSettings("csv"))
    assert "no such folder" in refusal(folder_of(tmp_path / "none"))
    assert "nothing matches images" in refusal(folder_of(tmp_path))
    touch(tmp_path, "a/1_t1.nii.gz", "b/1_t1.nii.gz", "c/1_t1.nii.gz")
    assert "no pair to train on: 1 subjects" in refusal(folder_of(tmp_path))
    assert "no such table" in refusal(DataSettings("csv", str(tmp_path / "none.csv")))
    assert "holds no row" in refusal(table_of(tmp_path, "image\n"))
    assert "needs a column image" in refusal(table_of(tmp_path, "scan\na\n"))
    assert "line 3: names no image" in refusal(table_of(tmp_path, "image,split\na,\n,val\n"))
    assert "split is train, val or test, not 'x'" in refusal(
        table_of(tmp_path, "image,split\na,x\n")
    )
    assert "no_such.nii: no such file" in refusal(table_of(tmp_path, "image\nno_such.nii\n"))
