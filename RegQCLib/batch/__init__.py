"""Many pairs: manifests, runs that can be stopped and continued, tables, the review page."""

from __future__ import annotations

from RegQCLib.batch.options import Options
from RegQCLib.batch.running import run

__all__ = ["Options", "run"]
