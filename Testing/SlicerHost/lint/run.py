"""Runs all rules over a folder."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from SlicerHost.lint import rules_members, rules_signals, rules_style
from SlicerHost.lint.finding import Finding
from SlicerHost.lint.form import Form, checkForm
from SlicerHost.lint.source import Source

_MARK = "# pythonqt:"


def lintFolder(folder: Path) -> list[Finding]:
    """All findings in a folder's .py and .ui files, by path and line."""
    forms = {path.stem: Form(path) for path in sorted(folder.rglob("*.ui"))}
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}
    parameters = _parameters(texts.values())
    findings = [found for form in forms.values() for found in checkForm(form, parameters)]
    for path, text in texts.items():
        findings += lintText(path, text, forms)
    return sorted(findings)


def lintText(path: Path, text: str, forms: dict[str, Form]) -> list[Finding]:
    """All findings in one Python file that are not silenced at the end of their line."""
    source = Source(path, text, forms)
    found = [one for rules in _RULES for one in rules.check(source)]
    return sorted({one for one in found if not _isSilenced(one, source.lines)})


_RULES = (rules_members, rules_signals, rules_style)


def _isSilenced(finding: Finding, lines: list[str]) -> bool:
    _, mark, codes = lines[finding.line - 1].partition(_MARK)
    return bool(mark) and finding.code in codes


def _parameters(texts: Iterable[str]) -> frozenset[str]:
    """Fields of all classes under @parameterNodeWrapper."""
    return frozenset(name for text in texts if "NodeWrapper" in text for name in _fields(text))


def _fields(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and any(
            isinstance(one, ast.Name) and one.id in {"parameterNodeWrapper", "parameterPack"}
            for one in node.decorator_list
        ):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield statement.target.id
