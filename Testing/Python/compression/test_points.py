"""Which points are worth having, which is chosen, and the table of all."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from RegQCLib.compression.figure import save_figure
from RegQCLib.compression.plan import Choose
from RegQCLib.compression.points import (
    Point,
    chosen,
    read_point,
    worth_having,
    write_point,
    write_table,
)
from RegQCLib.errors import InputError

ORIGINAL = Point(
    name="original",
    parent="original",
    do="",
    form="torch",
    bits=32,
    metric=0.90,
    bytes=1000,
    memory_mb=300,
    parameters=250,
    zeros=0,
    key="k",
    latency_ms=40,
)


def point(name: str, metric: float, size: int, latency: float, memory: float = 300) -> Point:
    return replace(
        ORIGINAL, name=name, metric=metric, bytes=size, latency_ms=latency, memory_mb=memory
    )


POINTS = [
    ORIGINAL,
    point("small", 0.899, 250, 40),
    point("fast", 0.897, 250, 10, 200),
    point("fastest", 0.80, 240, 5, 200),
    point("worse", 0.80, 260, 12, 200),
    point("twin", 0.80, 240, 5, 200),
]


def test_the_front_is_what_nothing_beats():
    assert worth_having(POINTS) == {"original", "small", "fast", "fastest", "twin"}


def test_the_fastest_within_the_limits_is_chosen():
    assert chosen(POINTS, ORIGINAL, Choose(loss=0.005, bytes_share=0.25)).name == "fast"
    assert chosen(POINTS, ORIGINAL, Choose(loss=0.002)).name in {"original", "small"}
    assert chosen(POINTS, ORIGINAL, Choose(loss=0.2)).name == "fastest"
    with pytest.raises(InputError, match="no point loses"):
        chosen(POINTS, ORIGINAL, Choose(loss=0.002, bytes_share=0.2))


def test_points_come_back_and_other_files_do_not(tmp_path):
    write_point(tmp_path / "point.json", ORIGINAL)
    kept = read_point(tmp_path / "point.json")
    assert kept is not None
    assert (kept.name, kept.metric, kept.key) == ("original", 0.9, "k")
    for text in ("", "{}", "[1]", '{"name": "x"}'):
        (tmp_path / "point.json").write_text(text)
        assert read_point(tmp_path / "point.json") is None
    assert read_point(tmp_path / "none.json") is None


def test_table_and_picture_hold_every_point(tmp_path):
    write_table(tmp_path, POINTS, {"metric": "AUROC"})
    with (tmp_path / "points.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == [one.name for one in POINTS]
    assert [row["pareto"] for row in rows] == ["True", "True", "True", "True", "False", "True"]
    stored = json.loads((tmp_path / "points.json").read_text())
    assert stored["metric"] == "AUROC"
    assert stored["points"][2]["bytes"] == 250
    save_figure(tmp_path / "pareto.png", POINTS, "AUROC", "fast")
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
