"""Writes the links of CMakeLists.txt anew: python Testing/Slicer/repository_links.py

The address of the repository stands in one place, ``scm_url`` in Resources/RegQC.json. The
Extensions Index reads the links of CMakeLists.txt as plain text: a variable would not be found.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOST = "https://github.com/"
LINK = re.compile(r"(https://(?:github\.com|raw\.githubusercontent\.com)/)[^/\"]+/[^/\"#]+")


def repository(root: Path) -> str:
    """Return ``OWNER/NAME``. Raises ValueError when the entry has no address on GitHub."""
    url = json.loads((root / "Resources" / "RegQC.json").read_text(encoding="utf-8"))["scm_url"]
    name = url.removeprefix(HOST).removesuffix(".git")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"scm_url in Resources/RegQC.json: {url} is not {HOST}OWNER/NAME.git")
    return name


def write_links(root: Path) -> list[str]:
    """Let every link of CMakeLists.txt point to the repository; returns the links."""
    file = root / "CMakeLists.txt"
    text = LINK.sub(rf"\g<1>{repository(root)}", file.read_text(encoding="utf-8"))
    file.write_text(text, encoding="utf-8")
    return [match.group(0) for match in LINK.finditer(text)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(write_links(ROOT)) + "\n")
