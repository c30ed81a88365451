"""Rules on the members of widgets: PQ01 to PQ03, PQ06, PQ10, PQ12, PQ13, PQ15."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from SlicerHost.lint import kinds
from SlicerHost.lint.finding import Finding
from SlicerHost.lint.source import Source, dotted

_HINTS = {"sizeHint", "minimumSizeHint"}
_CHANGES = {"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"}
_SIX_ONLY_EVENTS = {"position", "globalPosition", "scenePosition"}


def check(source: Source) -> Iterator[Finding]:
    """All findings of these rules in one file."""
    for call in source.nodes(ast.Call):
        yield from _call(source, call)
    for attribute in source.nodes(ast.Attribute):
        yield from _attribute(source, attribute)
    for assignment in source.nodes(ast.Assign):
        for target in assignment.targets:
            yield from _assignment(source, target, assignment.value)


def _finding(source: Source, node: ast.AST, code: str, text: str) -> Finding:
    return Finding(source.path, node.lineno, code, text)  # type: ignore[attr-defined]


def _call(source: Source, call: ast.Call) -> Iterator[Finding]:
    function = call.func
    constructed = kinds.lookUp(dotted(function))
    owner = source.kindOf(function.value) if isinstance(function, ast.Attribute) else None
    if call.keywords and (kinds.isQtClass(constructed) or owner is not None):
        yield _finding(source, call, "PQ06", f"keyword arguments to {dotted(function)}")
    if not isinstance(function, ast.Attribute):
        return
    name = function.attr
    if owner is not None and kinds.isProperty(owner, name):
        text = f"{owner.__name__}.{name} is a property: read it without (), set it by ="
        yield _finding(source, call, "PQ01", text)
    elif owner is None and not call.args and _isCertain(source, function):
        yield _finding(source, call, "PQ01", f"'{name}' is a property in Qt: read it without ()")
    if name in _CHANGES and isinstance(function.value, ast.Attribute):
        inner = source.kindOf(function.value.value)
        if inner is not None and kinds.propertyType(inner, function.value.attr) == "QStringList":
            yield _finding(source, call, "PQ12", f"'{function.value.attr}' is a copy; set it anew")


def _isCertain(source: Source, function: ast.Attribute) -> bool:
    """Whether a name alone tells that a property is meant, in a file about widgets."""
    return source.usesQt and function.attr in kinds.certainProperties()


def _attribute(source: Source, node: ast.Attribute) -> Iterator[Finding]:
    owner, name = source.kindOf(node.value), node.attr
    loaded = isinstance(node.ctx, ast.Load)
    if name in _HINTS and loaded and source.usesQt:
        yield _finding(source, node, "PQ10", f'w.property("{name}") in place of w.{name}')
    elif name == "spacing" and loaded and (_isLayout(owner) or "ayout" in dotted(node.value)):
        yield _finding(source, node, "PQ10", "a layout's spacing can be set, not read")
    elif owner is not None and loaded and not kinds.hasMember(owner, name):
        yield _finding(source, node, "PQ02", f"PythonQt shows no '{name}' of {owner.__name__}")
    if name in _SIX_ONLY_EVENTS and source.usesQt and _isInEventHandler(source, node):
        yield _finding(source, node, "PQ15", f"Qt 5's events have pos(), not {name}()")


def _isLayout(owner: kinds.Kind | None) -> bool:
    return owner is not None and any(base.__name__ == "QLayout" for base in owner.__mro__)


def _isInEventHandler(source: Source, node: ast.AST) -> bool:
    """Wheel events have `position()` in both."""
    function = source.enclosing(node, ast.FunctionDef)
    name = function.name if isinstance(function, ast.FunctionDef) else ""
    return name.endswith(("Event", "eventFilter")) and name != "wheelEvent"


def _assignment(source: Source, target: ast.AST, value: ast.AST) -> Iterator[Finding]:
    if isinstance(target, ast.Tuple):
        for one in target.elts:
            yield from _assignment(source, one, ast.Constant(None))
    if not isinstance(target, ast.Attribute):
        return
    owner, name = source.kindOf(target.value), target.attr
    if owner is None:
        return
    if not kinds.isWritable(owner, name):
        text = f"{owner.__name__} has no property '{name}' to set"
        yield _finding(source, target, "PQ03", text)
    elif kinds.propertyType(owner, name) == "QString" and _isNoText(value):
        yield _finding(source, target, "PQ13", f"'{name}' takes a str")


def _isNoText(value: ast.AST) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is not None and not isinstance(value.value, str)
    return isinstance(value, ast.Call) and dotted(value.func) in {"Path", "int", "float", "len"}
