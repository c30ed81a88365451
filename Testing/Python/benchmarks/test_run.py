"""The whole benchmark on a made-up archive: planning, running, caching, summing up."""

import json

import numpy as np
import pytest

from RegQCLib.geometry.image_io import save_volume
from RegQCLib.geometry.transform_io import save_transform
from RegQCLib.geometry.transforms import Affine
from RegQCLib.geometry.volume import Volume
from Testing.Benchmarks.detection.execution import run_tasks
from Testing.Benchmarks.detection.metrics import auroc
from Testing.Benchmarks.detection.pairs import load_natural_pairs, load_pairs
from Testing.Benchmarks.detection.plan import plan_slices
from Testing.Benchmarks.detection.run import main
from Testing.Benchmarks.detection.summary import single_slice, slice_auroc

GOLD = Affine.rigid(rotation_deg=(0, 0, 4), translation_mm=(6, 0, 0))
HALF = {
    1: Affine.rigid(translation_mm=(4, 0, 0)),
    2: Affine.rigid(rotation_deg=(0, 5, 0), translation_mm=(0, 3, 0)),
}


def picture(spacing, shape):
    rng = np.random.default_rng(1)
    waves = rng.normal(size=(6, 3)) / 7
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(shape[::-1]) - 1) / 2
    empty = Volume(np.zeros(shape), affine)
    points = empty.grid.points()
    inside = np.linalg.norm(points / (22, 26, 24), axis=-1) < 1
    values = 500 + 100 * sum(np.sin(points @ w * 2) for w in waves)
    return empty.with_array((values * inside).astype(np.int16))


@pytest.fixture
def archive(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    entries, pairs = [], []

    def add(name, subject, volume):
        save_volume(volume, folder / f"{name}.nii.gz")
        entries.append(
            {
                "name": name,
                "file": f"{name}.nii.gz",
                "subject": subject,
                "shape": list(volume.shape[::-1]),
                "spacing": volume.spacing.tolist(),
            }
        )

    def pair(fixed, moving, status, **more):
        modalities = ["MR-T1W", "MR-FLAIR"]
        row = {"fixed": fixed, "moving": moving, "organ": "brain", "modalities": modalities}
        pairs.append({**row, "status": status, **more})

    fine, thick = picture((1.5, 1.5, 1.5), (40, 42, 38)), picture((1.5, 1.5, 4), (14, 42, 38))
    for subject in ("a", "b"):
        for contrast in ("T1", "T2"):
            add(f"{subject}_{contrast}", subject, fine)
        pair(f"{subject}_T1", f"{subject}_T2", "aligned")
    for study in (1, 2):
        for contrast in ("FLAIR", "T1W"):
            add(f"omslong_c_s{study}_{contrast}", "omslong_c", thick)
        save_transform(GOLD, folder / f"omslong_c_s{study}_T1W_to_FLAIR.txt")
        save_transform(HALF[study], folder / f"omslong_c_s{study}_FLAIR_to_common.txt")
    pair("omslong_c_s1_FLAIR", "omslong_c_s1_T1W", "misaligned", gold_shift_mm=6.0)
    pair("omslong_c_s1_T1W", "omslong_c_s2_T1W", "misaligned")
    pair("a_T1", "b_T1", "inter-subject")
    pair("a_T2", "a_T1", "unknown (reason)")
    text = json.dumps({"entries": entries, "pairs": pairs})
    (folder / "catalog.json").write_text(text, encoding="utf-8")
    monkeypatch.setenv("REGQC_DATA", str(folder))
    return tmp_path


def test_pairs_are_grouped_by_what_is_known(archive):
    assert [p.name for p in load_pairs()][:2] == ["a_T1+T2", "b_T1+T2"]
    assert len(load_pairs()) == 4
    assert [p.group for p in load_pairs(groups=("borderline",))] == ["borderline"]
    assert {p.spacing_class for p in load_pairs()} == {"isotropic", "thick"}
    assert load_pairs()[0].contrast == "FLAIR/T1"
    assert [n.shift_mm for n in load_natural_pairs()] == [6.0]


def test_authors_transforms_lead_from_fixed_to_moving(archive):
    same, across = (p for p in load_pairs() if p.gold)
    point = np.array([10.0, 20.0, 30.0])
    assert same.gold_transform().apply(point) == pytest.approx(GOLD.apply(point), abs=1e-4)
    flair = HALF[1].inverse().apply(HALF[2].apply(GOLD.inverse().apply(point)))
    assert across.gold_transform().apply(point) == pytest.approx(GOLD.apply(flair), abs=1e-4)
    back = across.swapped().gold_transform().apply(across.gold_transform().apply(point))
    assert back == pytest.approx(point, abs=1e-4)


def run(archive, *more):
    out = archive / "out.json"
    arguments = ["--out", str(out), "--cache", str(archive / "cache"), "--methods", "nmi,ngf"]
    assert main([*arguments, *more]) == 0
    return json.loads(out.read_text(encoding="utf-8"))


def test_a_run_separates_moved_from_aligned_and_goes_on_from_its_cache(archive, capsys):
    options = ("--sizes", "3,8", "--repeats", "1", "--pairs", "_T1+T2", "--parts", "moves")
    first = run(archive, *options)
    block = first["detection"]["nmi"]["spacing_class"]["isotropic"]
    assert block["aligned"] == 4
    assert block["sizes"]["8.0"]["auroc"] == 1
    assert "| isotropic | nmi | 4 |" in capsys.readouterr().out
    files = {file: file.stat().st_mtime_ns for file in (archive / "cache").iterdir()}
    again = run(archive, *options)
    assert {file: file.stat().st_mtime_ns for file in (archive / "cache").iterdir()} == files
    assert again["detection"] == first["detection"]


def test_a_shifted_slice_runs_like_any_other_case(archive):
    pairs = {p.name: p for p in load_pairs()}
    name = "omslong_c_s1_FLAIR+s1_T1W"
    tasks = [t for t in plan_slices([pairs[name]]) if t.seed == 0]
    assert {t.swapped for t in tasks} == {False, True}
    rows = run_tasks(tasks[:1], pairs, ["ngf"], cache=archive / "cache", log=lambda _: None)
    truths = {s["index"]: s["true_mm"] for s in rows[0]["slices"]["axial"]}
    assert rows[0]["shifted_plane"] == "axial"
    assert truths.pop(rows[0]["shifted_index"]) == pytest.approx(4.0)
    assert set(truths.values()) == {0.0}


def test_natural_misalignments_are_shown_with_and_without_the_correction(archive):
    rows = run(archive, "--parts", "natural")["natural"]
    shown = {(r["kind"], r["swapped"]): r["true_mm"] for r in rows if r["method"] == "nmi"}
    assert set(shown) == {(k, s) for k in ("natural", "corrected") for s in (False, True)}
    assert shown["natural", False] == pytest.approx(6, abs=0.3)
    assert shown["corrected", False] == 0


def test_a_missing_archive_is_one_line_and_exit_code_2(monkeypatch, capsys):
    monkeypatch.delenv("REGQC_DATA", raising=False)
    assert main(["--methods", "nmi"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def row(kind, slices, **more):
    return {"kind": kind, "acquisition": "axial", "slices": {"axial": slices}, **more}


def one(index, score, true_mm, flagged=False):
    return {"index": index, "score": score, "true_mm": true_mm, "flagged": flagged, "mm": None}


def test_slices_count_for_the_size_they_moved_themselves():
    still = [row("aligned", [one(0, 0.2, 0.0), one(1, 0.6, 0.0)])]
    moved = [row("rotation", [one(0, 0.1, 0.4), one(1, 0.5, 3.2), one(2, 0.9, 7.0)])]
    assert slice_auroc(still, moved, 3.0) == auroc([0.5], [0.2, 0.6]) == 0.5


@pytest.mark.parametrize(
    ("flags", "success"),
    [((0, 1, 0), True), ((0, 0, 0), False), ((1, 1, 0), False), ((0, 1, 1), False)],
)
def test_a_shifted_slice_is_found_when_its_neighbors_stay_clean(flags, success):
    slices = [one(n + 4, 0.5, 4.0 * (n == 1), flagged=bool(f)) for n, f in enumerate(flags)]
    case = row("slice", slices, pair="p", swapped=False, shifted_plane="axial", shifted_index=5)
    assert single_slice([case])["successes"] == success
