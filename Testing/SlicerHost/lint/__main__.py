"""`python -m SlicerHost.lint FOLDER ...`: one line a finding, exit code 1 if there are any."""

from __future__ import annotations

import sys
from pathlib import Path

from SlicerHost.lint.finding import RULES
from SlicerHost.lint.run import lintFolder


def main(arguments: list[str]) -> int:
    """Lint the folders that are named."""
    findings = [one for folder in arguments for one in lintFolder(Path(folder))]
    for finding in findings:
        print(finding)
    for code in sorted({finding.code for finding in findings}):
        print(f"{code}: {RULES[code]}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
