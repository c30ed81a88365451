"""Rules on looks, observers and texts: PQ14, PQ16, PQ17."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from SlicerHost.lint.finding import Finding
from SlicerHost.lint.form import hasFixedColor
from SlicerHost.lint.source import Source, dotted


def check(source: Source) -> Iterator[Finding]:
    """All findings of these rules in one file."""
    yield from _styleSheets(source)
    yield from _observers(source)
    if _translates(source):
        yield from _translations(source)


def _styleSheets(source: Source) -> Iterator[Finding]:
    if not source.usesQt:
        return
    for node in source.nodes(ast.Constant):
        if isinstance(node.value, str) and _isStyle(source, node) and hasFixedColor(node.value):
            yield Finding(source.path, node.lineno, "PQ14", "a color that no dark palette changes")


def _isStyle(source: Source, node: ast.AST) -> bool:
    statement = source.enclosing(node, ast.Assign, ast.Call)
    if isinstance(statement, ast.Call):
        return dotted(statement.func).endswith("setStyleSheet")
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(dotted(target).endswith("styleSheet") for target in targets)


def _observers(source: Source) -> Iterator[Finding]:
    """A class that adds observers has to remove them: PythonQt and VTK hold what they call."""
    for kind in source.nodes(ast.ClassDef):
        called = {
            node.func.attr: node
            for node in ast.walk(kind)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        for adds, removes in (
            ("addObserver", {"removeObserver", "removeObservers"}),
            ("AddObserver", {"RemoveObserver", "RemoveObservers", "RemoveAllObservers"}),
        ):
            if adds in called and removes.isdisjoint(called):
                text = f"{kind.name} adds observers and removes none"
                yield Finding(source.path, called[adds].lineno, "PQ16", text)


def _translates(source: Source) -> bool:
    return any(alias.asname == "_" for node in source.nodes(ast.ImportFrom) for alias in node.names)


def _translations(source: Source) -> Iterator[Finding]:
    for node in source.nodes(ast.Name):
        if node.id == "_" and isinstance(node.ctx, ast.Store):
            yield Finding(source.path, node.lineno, "PQ17", "_ is the translator in this file")
    for argument in source.nodes(ast.arg):
        if argument.arg == "_":
            yield Finding(source.path, argument.lineno, "PQ17", "_ is the translator in this file")
    for call in source.nodes(ast.Call):
        if dotted(call.func) != "_" or not call.args:
            continue
        if not isinstance(call.args[0], ast.Constant):
            text = "_() takes a literal; put values in by .format()"
            yield Finding(source.path, call.lineno, "PQ17", text)
