"""How long the review page of a large run takes to appear and to answer, in headless Chromium.

python -m Testing.Benchmarks.batch.review_page --out Testing/Benchmarks/results/review_page.json

The run is simulated (see `simulated_run`); needs Chromium and playwright (see `browser`). Times of
answers are from the event to the next frame on the screen. Then some cases are accepted and
rejected by keys, the decisions are saved, and the file is read back into the run's folder.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from RegQCLib.batch.review_page import PAGE_FILE, write_review_page
from RegQCLib.batch.reviews import import_reviews, read_reviews
from Testing.Benchmarks.batch.browser import new_page, why_not
from Testing.Benchmarks.batch.simulated_run import link_pictures, simulated_rows
from Testing.Benchmarks.results_file import write_results

LIMITS_MS = {"first paint": 2000.0, "rows in view": 2000.0}
ANSWER_LIMIT_MS = 200.0
REPEATS, DECIDED = 7, 20
TITLE = "Simulated study, 5,000 pairs"

WHEN_ROWS_APPEAR = """
const look = () => document.querySelector("#table tbody tr[aria-selected]")
  ? requestAnimationFrame(() => { window.rowsInView = performance.now(); })
  : requestAnimationFrame(look);
look();
"""
TIMED = """async () => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await frame();
  const start = performance.now();
  ACTION;
  await frame();
  return performance.now() - start;
}"""
WRITE = (
    'const e = document.querySelector("{0}"); e.value = "{1}"; e.dispatchEvent(new Event("input"))'
)
CLICK = 'document.querySelector("{0}").click()'
KEY = 'document.body.dispatchEvent(new KeyboardEvent("keydown", {{ key: "{0}", bubbles: true }}))'
NO_FILTER = CLICK.format("#clear")
ACTIONS = {
  "search, many hits": (WRITE.format("#search", "graz"), NO_FILTER),
  "search, one hit": (WRITE.format("#search", "sub-1234_ses-2"), NO_FILTER),
  "verdict": (CLICK.format("#kinds [data-name=misaligned]"), NO_FILTER),
  "range of the error": (WRITE.format("#plots input", "2.5"), NO_FILTER),
  "clear filters": (NO_FILTER, CLICK.format("#kinds [data-name=aligned]")),
  "sort by error": (CLICK.format("[title='Sort by Mean, mm']"), ""),
  "sort by case": (CLICK.format("[title='Sort by Case']"), ""),
  "sort by decision": (CLICK.format("[title='Sort by Decision']"), ""),
  "next case": (KEY.format("j"), ""),
  "last case": (KEY.format("End"), KEY.format("Home")),
  "scroll far": ('document.getElementById("scroll").scrollTop = 150000',
                 'document.getElementById("scroll").scrollTop = 0'),
  "accept": (KEY.format("a"), KEY.format("u")),
}  # fmt: skip
"""What is timed, and what then makes it ready for the next time."""


def main() -> int:
    """Measure and write what was found; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--screenshot", type=Path, help="also draw the README's picture")
    options = parser.parse_args()
    if why_not():
        raise SystemExit(why_not())
    with tempfile.TemporaryDirectory() as folder:
        result = measured(Path(folder), options.cases, options.screenshot)
    write_results(options.out, result)
    print(json.dumps(result, indent=1))
    return 0 if result["within_limits"] and result["read_back"]["all"] else 1


def measured(folder: Path, count: int, screenshot: Path | None) -> dict[str, Any]:
    """Return everything about a page of ``count`` cases."""
    rows = simulated_rows(count)
    link_pictures(rows, folder)
    write_review_page(rows, folder, title=TITLE)
    with new_page() as page:
        page.add_init_script(WHEN_ROWS_APPEAR)
        appearing = {name: appeared(page, folder / PAGE_FILE) for name in ("cold", "warm")}
        page.fill("#reviewer", "R. Eader")
        page.keyboard.press("Escape")
        answers = {name: answer(page, *action) for name, action in ACTIONS.items()}
        page.reload()
        back = read_back(page, folder, rows)
        if screenshot is not None:
            draw(page, folder / PAGE_FILE, screenshot)
        problems, browser = page.problems, page.context.browser.version
    slowest = max(one["largest_ms"] for one in answers.values())
    within = slowest < ANSWER_LIMIT_MS and all(
        one[name] < limit for one in appearing.values() for name, limit in LIMITS_MS.items()
    )
    return {
        "cases": count,
        "chromium": browser,
        "processors": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "page_bytes": (folder / PAGE_FILE).stat().st_size,
        "appearing_ms": appearing,
        "answers_ms": answers,
        "limits_ms": {**LIMITS_MS, "answer": ANSWER_LIMIT_MS},
        "within_limits": within,
        "read_back": back,
        "problems": problems,
    }


def appeared(page: Any, file: Path) -> dict[str, float]:
    """Open the page; returns when something, and when the table, was on the screen."""
    page.goto(file.as_uri())
    page.wait_for_function("window.rowsInView")
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    found = {"first paint": page.evaluate(paint), "rows in view": page.evaluate("rowsInView")}
    return {name: round(time, 1) for name, time in found.items()}


def answer(page: Any, action: str, reset: str) -> dict[str, float]:
    """Time an action several times."""
    times = []
    for _ in range(REPEATS):
        times.append(page.evaluate(TIMED.replace("ACTION", action)))
        page.evaluate(TIMED.replace("ACTION", reset))
    return {"median_ms": round(median(times), 1), "largest_ms": round(max(times), 1)}


def read_back(page: Any, folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Decide by keys, save, and read the file; returns whether every decision came through."""
    for number in range(DECIDED):
        page.keyboard.press("r" if number % 4 == 3 else "a")
        if number % 4 == 3:
            page.keyboard.press("1")
    with page.expect_download() as download:
        page.keyboard.press("s")
    file = folder / "decisions.json"
    download.value.save_as(file)
    reviews = read_reviews(file).values()
    taken = import_reviews(file, folder, rows).taken
    rejected = sum(one.decision == "rejected" for one in reviews)
    return {
        "decided": DECIDED,
        "in_file": len(reviews),
        "rejected": rejected,
        "taken_over": len(taken),
        "all": len(reviews) == len(taken) == DECIDED and rejected == DECIDED // 4,
    }


def draw(page: Any, file: Path, path: Path) -> None:
    """Save a picture of doubtful cases, some decided, in few enough colors to be small."""
    from PIL import Image

    page.goto(file.as_uri())
    page.evaluate("localStorage.clear()")
    page.reload()
    page.fill("#reviewer", "Dr. Reader")
    page.fill("#plots input", "1.6")
    page.fill("#plots figcaption input:last-child", "2.6")
    page.keyboard.press("Escape")
    for key in "r1aaajjj":
        page.keyboard.press(key)
    page.wait_for_timeout(1000)
    page.screenshot(path=path)
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    raise SystemExit(main())
