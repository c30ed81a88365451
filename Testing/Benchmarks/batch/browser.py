"""A headless Chromium, driven by playwright: python -m pip install playwright.

Takes the system's browser, or the one that REGQC_CHROMIUM names; downloads none.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def why_not() -> str:
    """Return why no browser can be driven here, or ""."""
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: python -m pip install playwright"
    return "" if _executable() else f"no browser found ({', '.join(NAMES)}, or REGQC_CHROMIUM)"


@contextmanager
def new_page(*, width: int = 1360, height: int = 860) -> Iterator[Any]:
    """Yield a page of a fresh browser; what its scripts complain about is in ``page.problems``."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # Containers run tests as root, where Chromium's sandbox refuses to start.
        browser = driver.chromium.launch(executable_path=_executable(), args=["--no-sandbox"])
        try:
            size: Any = {"width": width, "height": height}
            page = browser.new_context(viewport=size, accept_downloads=True).new_page()
            page.problems = problems = []
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
            page.set_default_timeout(120_000)
            yield page
        finally:
            browser.close()


def _executable() -> str | None:
    named = os.environ.get("REGQC_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)
