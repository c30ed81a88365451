"""Benchmarks are run from the top of the repository; tests import them from there as well."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
