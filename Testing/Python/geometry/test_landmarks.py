"""Landmark files: every format gives the same RAS points; everything else is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from RegQCLib.errors import InputError
from RegQCLib.geometry.landmarks import load_landmarks

POINTS = np.array([[1.5, -20.25, 3.0], [-40.0, 50.0, 60.125]])  # RAS mm
LPS = POINTS * (-1, -1, 1)


def markups(system: str, points: np.ndarray) -> str:
    controls = [{"position": list(p), "positionStatus": "defined"} for p in points]
    controls.append({"position": [0, 0, 0], "positionStatus": "undefined"})
    return json.dumps({"markups": [{"coordinateSystem": system, "controlPoints": controls}]})


def fcsv(system: str, points: np.ndarray) -> str:
    rows = [f"n{i},{x},{y},{z},0,0,0,1,1,1,0,F-{i},,\n" for i, (x, y, z) in enumerate(points)]
    head = f"# Markups fiducial file version = 4.6\n# CoordinateSystem = {system}\n"
    return head + "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc\n" + "".join(rows)


def rows(separator: str, head: str = "") -> str:
    return head + "".join(separator.join(map(str, p)) + "\n" for p in POINTS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.mrk.json", markups("RAS", POINTS)),
        ("p.mrk.json", markups("LPS", LPS)),
        ("p.fcsv", fcsv("RAS", POINTS)),
        ("p.fcsv", fcsv("0", POINTS)),
        ("p.fcsv", fcsv("LPS", LPS)),
        ("p.fcsv", fcsv("1", LPS)),
        ("p.csv", rows(",", "R,A,S\n")),
        ("p.csv", rows(";")),
        ("p.csv", "name,R,A,S\n" + "".join(f"l,{x},{y},{z}\n" for x, y, z in POINTS)),
        ("p.txt", rows(" ", "# points\n")),
    ],
)
def test_every_format_gives_the_same_points(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    np.testing.assert_array_equal(load_landmarks(tmp_path / name), POINTS)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("p.mrk.json", "{", "no landmarks that RegQC can read"),
        ("p.mrk.json", "[]", "no landmarks that RegQC can read"),
        ("p.mrk.json", markups("voxels", POINTS), "no landmarks that RegQC can read"),
        ("p.mrk.json", markups("RAS", POINTS[:0]), "holds no landmark;"),
        ("p.fcsv", "1,2\n", "no landmarks that RegQC can read"),
        ("p.csv", "", "holds no landmark;"),
        ("p.csv", "R,A,S\n", "holds no landmark;"),
        ("p.csv", "1,2\n", "no landmarks that RegQC can read"),
        ("p.csv", "1,2,3\nx,y,z\n", "no landmarks that RegQC can read"),
        ("p.csv", "1,2,nan\n", "not finite"),
    ],
)
def test_files_without_points_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        load_landmarks(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1
    assert name in str(caught.value)


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        load_landmarks(tmp_path / "none.csv")
    (tmp_path / "image.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        load_landmarks(tmp_path / "image.csv")
    with pytest.raises(InputError, match="cannot be read as text"):
        load_landmarks(tmp_path)
