"""The page: complete, self-contained, safe with hostile names, honest about what is missing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report.support import SHAPE, ball, cannot_tell, make_report, scores

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.volume import Volume
from RegQCLib.qc.alignment_report import ErrorEstimate

VOID = {"meta", "br", "img", "link", "input", "hr"}
ADDRESSES = {"src", "href", "xlink:href", "srcset", "action", "data", "poster", "background"}


class Page(HTMLParser):
    """Collects tags, addresses and text, and checks that tags close in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def values(self, names):
        return [value for _, name, value in self.attributes if name in names]


def field(report, kind="deformable"):
    grid = report.fixed.grid
    shift = np.broadcast_to(np.array([1.0, -2.0, 0.5])[:, None, None, None], (3, *SHAPE))
    facts = {"kind": kind, "jacobian_min": 1.0, "folded_fraction": 0.0125, "plausible": False,
             "reasons": ["it folds"], "inverse_consistency_mm": None}  # fmt: skip
    return {"field": facts, "displacement": DisplacementField(shift, grid.affine)}


@pytest.fixture(scope="module")
def full():
    report = make_report()
    return Page(make_report(**field(report)).to_html())


def test_tags_close(full):
    assert full.open == []


def test_nothing_comes_from_elsewhere(full):
    addresses = full.values(ADDRESSES)
    assert len(addresses) > 20
    assert all(a.startswith(("data:image/png;base64,", "#")) for a in addresses)
    named = set(full.values({"id"}))
    assert {a[1:] for a in addresses if a.startswith("#")} <= named
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(full.tags)
    assert not [name for _, name, _ in full.attributes if name.startswith("on")]
    policy = full.values({"content"})[0]
    assert "default-src 'none'" in policy


def test_styles_load_nothing():
    style = re.search(r"<style>(.*?)</style>", make_report().to_html(), re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style


def test_ids_are_unique(full):
    ids = full.values({"id"})
    assert len(ids) == len(set(ids)) > 3


def test_a_reader_finds_the_finding(full):
    for words in (
        "misaligned",
        "The mean error is above the tolerance.",
        "0.97",  # 0.975 in binary is below
        "3.2 mm",
        "interval 2.6 to 3.9 mm",
        "5.1 mm",
        "1.5 mm",
        "3 of 62",
        "fixed.nii.gz",
        "30 × 26 × 12 voxels of 2 × 2.5 × 5 mm",
        "Axial – slices as acquired – 1 of 10 flagged",
        "supporting evidence only; not used for the verdict",
        "needs landmarks: --landmarks",
        "it folds",
        "implausible",
        "options: tolerance 1.5 mm",
    ):
        assert words.lower() in full.text.lower(), words


def test_each_row_shows_five_pictures_and_each_field_row_three(full):
    labels = [v for t, n, v in full.attributes if t == "svg" and n == "aria-label"]
    for plane, index in (("coronal", 20), ("coronal", 9), ("axial", 6)):
        for kind in ("fixed", "moved", "edges of moved over fixed", "estimated error"):
            assert f"{kind}, {plane} {index}" in labels
    assert sum(label.startswith("Jacobian determinant") for label in labels) == 3


def test_a_rigid_transform_has_no_jacobian_pictures():
    report = make_report()
    page = make_report(**field(report, "rigid")).to_html()
    assert "deformed grid, axial" in page
    assert "Jacobian determinant, axial" not in page


def test_hostile_names_stay_text():
    evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    report = make_report(
        reason=evil,
        fixed=ball(name=evil),
        provenance={evil: {"path": evil, "list": [evil]}},
        timing_s={evil: 1.0},
        overlap={evil: evil},
        similarity={evil: 0.1},
        tg132=[{"quantity": evil, "tolerance": evil, "limit": None, "unit": evil, "value": 1.0,
                "status": "pass", "note": evil}],
        field={"kind": evil, "reasons": [evil], "plausible": True},
    )  # fmt: skip
    page = report.to_html()
    assert "<script" not in page
    assert "<img" not in page
    parsed = Page(page)
    assert parsed.open == []
    assert parsed.text.count("alert(1)") >= 8


def test_cannot_tell_is_gray_and_shows_no_evidence():
    page = cannot_tell().to_html()
    parsed = Page(page)
    assert "--verdict: #5f6368" in page
    assert "share 2 % of the body" in parsed.text
    assert "No slice was measured." in parsed.text
    assert "not evidence" in parsed.text
    labels = [v for t, n, v in parsed.attributes if t == "svg" and n == "aria-label"]
    assert not [
        label for label in labels if label.startswith(("edges", "estimated", "fixed green"))
    ]
    tiles = re.findall(r'class="tile missing"', page)
    assert len(tiles) == 4  # all but the tolerance


@pytest.mark.parametrize(("verdict", "color"), [("aligned", "#00695c"), ("misaligned", "#b3400e")])
def test_the_verdict_is_said_in_color_word_and_symbol(verdict, color):
    page = make_report(verdict=verdict).to_html()
    assert f"--verdict: {color}" in page
    assert f"<h1>{verdict}</h1>" in page
    assert f'aria-label="{verdict}"' in page


@pytest.mark.parametrize(
    "changes",
    [
        {"error_map": None},
        {"error_mm": None, "tolerance_mm": None},
        {"error_mm": ErrorEstimate(float("nan"), 1.0, (0.0, float("nan")))},
        {"axes": [], "tg132": [], "similarity": {}, "timing_s": {}, "provenance": {}},
        {"overlap": {"fraction": None}, "timing_s": {"total": None}},
        {"axes": [scores(ball(), "axial")]},
        {"moved": ball().with_array(np.full(SHAPE, np.nan))},
        {"fixed": ball().with_array(np.zeros(SHAPE)), "error_map": None},
        {"error_map": ball().with_array(np.full(SHAPE, np.nan))},
        {"fixed": ball().with_array((ball().array > 50).astype(np.uint8))},
    ],
)
def test_missing_parts_do_not_stop_the_page(changes):
    parsed = Page(make_report(**changes).to_html())
    assert parsed.open == []
    assert " nan" not in parsed.text.lower()
    assert "None" not in parsed.text


def test_one_slice_is_enough():
    flat = Volume(ball().array[6:7], ball().affine, "flat")
    report = make_report(fixed=flat, moved=flat, axes=[], error_map=None)
    assert Page(report.to_html()).open == []
