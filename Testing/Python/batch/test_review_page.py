"""The review page: complete in one file, safe with hostile text, and usable by keys alone."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from Benchmarks.batch.browser import new_page, why_not

from RegQCLib.batch.review_page import PARTS, REASONS, SCRIPTS, write_review_page
from RegQCLib.batch.reviews import import_reviews, read_reviews
from RegQCLib.errors import InputError

HOSTILE = '</script><img src="http://evil.test/x" onerror=alert(1)><!--<script>&amp;\u2028\udc80'


def row(name, error=1.0, **values):
    return {
        "id": name, "status": "done", "reason": "", "verdict": "aligned",
        "probability_misaligned": 0.1, "error_mean_mm": error, "error_p95_mm": error,
        "flagged_slices": 0, "folded_fraction": 0.0, "version": "1", "site": None, **values,
    }  # fmt: skip


ROWS = [
    row("usual", 1.0, site="Graz"),
    row("far", 9.0, verdict="misaligned", probability_misaligned=0.99, site="Kyoto"),
    row("lost", None, status="failed", verdict=None, reason="truncated", error_p95_mm=math.nan),
    row("other", 1.2, site=HOSTILE, decision="rejected", decision_reason="Shift", reviewer="S",
        decision_time="2026-01-01T00:00:00Z"),
    *(row(f"same{number}", 1.1 + 0.01 * number) for number in range(30)),
]  # fmt: skip


class Parts(HTMLParser):
    """Attributes, and the text of each element that ran as HTML reads it."""

    def __init__(self, text):
        super().__init__()
        self.attributes, self.texts, self._open = [], {}, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]
        self._open = f"{tag}#{dict(attributes).get('id', '')}"

    def handle_endtag(self, _tag):
        self._open = None

    def handle_data(self, data):
        self.texts[self._open] = self.texts.get(self._open, "") + data

    def data(self):
        content = json.loads(self.texts["script#data"])
        return [dict(zip(content["columns"], r, strict=True)) for r in content["rows"]], content


def parts(folder, rows=ROWS, title="A run"):
    return Parts(write_review_page(rows, folder, title=title).read_text(encoding="utf-8"))


def test_hostile_text_stays_text(tmp_path):
    page = parts(tmp_path, title=HOSTILE)
    rows, content = page.data()
    assert rows[3]["site"] == HOSTILE
    assert content["title"] == HOSTILE
    assert not [one for one in page.attributes if one[0] == "img" or one[1] == "onerror"]
    assert page.texts["h1#"].startswith('</script><img src="http://evil.test/x"')


def test_everything_is_inside_and_nothing_else_may_run(tmp_path):
    page = parts(tmp_path)
    assert not [one for one in page.attributes if one[1] in {"src", "href", "action"}]
    policy = next(value for _, name, value in page.attributes if value and "default-src" in value)
    digest = hashlib.sha256(page.texts["script#"].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"https?://|\beval\(|@import|url\(", page.texts["script#"])
    assert not re.search(r"https?://|@import|url\(", page.texts["style#"])


def test_the_script_finds_what_it_asks_the_page_for(tmp_path):
    page = parts(tmp_path)
    ids = {value for _, name, value in page.attributes if name == "id"}
    asked = set(re.findall(r'(?:byId|getElementById)\("(\w+)"\)', page.texts["script#"]))
    assert asked <= ids
    assert {"reviewer", "save", "search"} <= asked


def test_all_parts_are_in_the_page():
    assert {file.name for file in PARTS.iterdir()} == {*SCRIPTS, "page.css", "page.html.j2"}


def test_rows_are_kept_whole_and_missing_values_are_null(tmp_path):
    rows, _content = parts(tmp_path).data()
    assert [one["id"] for one in rows] == [one["id"] for one in ROWS]
    assert rows[1]["site"] == "Kyoto"
    assert rows[2]["error_p95_mm"] is None
    assert rows[2]["site"] is None
    assert rows[1]["outlier"] == max(one["outlier"] for one in rows)


def test_pairs_that_were_not_come_to_are_no_outliers(tmp_path):
    rows, _content = parts(tmp_path, [row("x", 1.0), row("y", None, status="pending")]).data()
    assert [one["outlier"] for one in rows] == [0.0, None]


def test_numbers_of_numpy_are_numbers(tmp_path):
    ((one,), _content) = parts(tmp_path, [row("x", np.float32(1.5), count=np.int64(7))]).data()
    assert (one["error_mean_mm"], one["count"]) == (1.5, 7)


def test_a_run_without_cases_has_a_page(tmp_path):
    assert parts(tmp_path, []).data()[0] == []


def test_pictures_and_reports_are_named_where_they_exist(tmp_path):
    name = "a b#1%2"
    (tmp_path / "cases" / name / "check").mkdir(parents=True)
    (tmp_path / "cases" / name / "thumbnail.png").write_bytes(b"")
    (tmp_path / "cases" / name / "check" / "report.html").write_text("")
    (one, none), _content = parts(tmp_path, [row(name), row("none")]).data()
    assert one["thumbnail"] == "cases/a%20b%231%252/thumbnail.png"
    assert one["report"] == "cases/a%20b%231%252/check/report.html"
    assert (none["thumbnail"], none["report"]) == (None, None)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(InputError, match="gone"):
        write_review_page(ROWS, tmp_path / "gone", title="A run")


@pytest.fixture(scope="module")
def browser():
    if why_not():
        pytest.skip(why_not())
    with new_page() as page:
        yield page


@pytest.fixture
def page(browser, tmp_path):
    browser.goto(write_review_page(ROWS, tmp_path, title="A run").as_uri())
    yield browser
    assert browser.problems == []


def ids(page):
    return page.eval_on_selector_all(
        "#table tbody tr:not(.space) td:nth-child(1)", "all => all.map(one => one.firstChild.data)"
    )


def test_a_case_is_decided_by_keys_and_read_back(page, tmp_path):
    assert ids(page)[:2] == ["far", "lost"]
    page.keyboard.press("a")
    assert "name first" in page.inner_text("#notice")
    page.keyboard.type("R. Eader")
    page.keyboard.press("Escape")
    page.keyboard.press("a")  # far; lost is selected then
    page.keyboard.press("r")
    page.keyboard.press("1")  # the first of the usual reasons; same29 is selected then
    page.keyboard.press("a")
    page.keyboard.press("u")  # what was not saved leaves no trace
    page.keyboard.press("r")
    page.keyboard.type("No image")
    page.keyboard.press("Enter")
    assert page.inner_text("#decided") == "4 decided: 1 accepted, 3 rejected"
    page.reload()  # the browser keeps decisions
    with page.expect_download() as download:
        page.keyboard.press("s")
    file = tmp_path / "saved.json"
    download.value.save_as(file)
    reviews = read_reviews(file)
    assert {name: (one.decision, one.reason) for name, one in reviews.items()} == {
        "far": ("accepted", ""), "lost": ("rejected", REASONS[0]),
        "same29": ("rejected", "No image")}  # fmt: skip
    assert {one.reviewer for one in reviews.values()} == {"R. Eader"}
    for name in reviews:
        (tmp_path / "cases" / name).mkdir(parents=True)
    assert import_reviews(file, tmp_path, ROWS).taken == ("far", "lost", "same29")


def test_filters_orders_and_histograms(page):
    page.click("#kinds [data-name=misaligned]")
    assert ids(page) == ["far"]
    page.click("#clear")
    page.keyboard.press("/")
    page.keyboard.type("kyo")
    assert ids(page) == ["far"]
    page.click("#clear")
    page.click("[title='Sort by Mean, mm']")
    assert ids(page)[:2] == ["far", "same29"]
    page.click("[title='Sort by Mean, mm']")
    assert ids(page)[:2] == ["usual", "same0"]
    page.fill("input[aria-label='Mean error, mm: from']", "1.205")
    assert ids(page)[0] == "same11"
    page.click("#clear")
    box = page.query_selector("#plots figure:first-child svg").bounding_box()
    page.mouse.click(box["x"] + 0.99 * box["width"], box["y"] + 20)
    assert ids(page) == ["far"]
    page.click("#clear")
    page.click("#decisions [data-name=rejected]")
    assert ids(page) == ["other"]
