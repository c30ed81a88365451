"""antsApplyTransforms on every job: see support.py. Knows nothing of RegQC."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ants

for job in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
    fixed, moving = ants.image_read(job["fixed"]), ants.image_read(job["moving"])
    files = [job["transform"]]
    moved = ants.apply_transforms(fixed, moving, files, interpolator="linear")
    ants.image_write(moved, job["moved"])
    field = ants.apply_transforms(fixed, moving, files, compose=job["stem"])
    Path(field).rename(job["field"])
