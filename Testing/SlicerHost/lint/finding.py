"""What a rule reports."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

# What each code stands for; README.md tells why.
RULES: dict[str, str] = {
    "PQ01": "a property is read without ()",
    "PQ02": "PythonQt shows no such member of this class",
    "PQ03": "no new attributes on widgets",
    "PQ04": "signals by an exact signature that Qt 5 and Qt 6 have",
    "PQ05": "overloaded signals by full signature",
    "PQ06": "no keyword arguments to Qt",
    "PQ07": "names that PythonQt, Qt 5 and Qt 6 share",
    "PQ08": "flat enums, and no arithmetic on them",
    "PQ09": "exec_, not exec",
    "PQ10": "size hints and spacing through property() and setters",
    "PQ11": "only str and int as data of items",
    "PQ12": "returned lists are not changed in place",
    "PQ13": "text properties get str",
    "PQ14": "no fixed colors in style sheets",
    "PQ15": "pos() of mouse events, not position()",
    "PQ16": "observers are removed again",
    "PQ17": "whole sentences to translate, and no other use of _",
    "PQ20": "a form can be read by Qt 5 and by the host",
    "PQ21": "a widget to operate has a tool tip and an accessible name",
    "PQ22": "SlicerParameterName names a parameter",
}


class Finding(NamedTuple):
    """One line of the report."""

    path: Path
    line: int
    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.text}"
