"""Rules on connections: PQ04 and PQ05; on names, enums and `exec`: PQ07 to PQ09; on data: PQ11."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from SlicerHost.lint import kinds
from SlicerHost.lint.finding import Finding
from SlicerHost.lint.source import Source, dotted
from SlicerHost.qt_versions import OVERLOADED_SIGNALS, UNPORTABLE_NAMES, isHidden

_CONNECTING = {"connect", "disconnect"}
_ROOTS = ("qt.", "ctk.")
_THREADS = {"qt.QThread", "qt.QThreadPool", "qt.QRunnable"}
_ITEM_DATA = {"setData", "setItemData", "addItem", "insertItem"}
_EVERY_OVERLOAD = frozenset().union(*OVERLOADED_SIGNALS.values())


def check(source: Source) -> Iterator[Finding]:
    """All findings of these rules in one file."""
    for call in source.nodes(ast.Call):
        yield from _connection(source, call)
        yield from _item(source, call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "exec" and source.usesQt:
            yield Finding(source.path, call.lineno, "PQ09", "exec_() runs in Qt 5 and Qt 6")
        if dotted(call.func) == "int" and call.args and _isEnum(call.args[0]):
            yield Finding(source.path, call.lineno, "PQ08", "int() of an enum")
    for attribute in source.nodes(ast.Attribute):
        yield from _name(source, attribute)
    for operation in source.nodes(ast.BinOp):
        flags = isinstance(operation.op, ast.BitOr | ast.BitAnd | ast.BitXor)
        if not flags and (_isEnum(operation.left) or _isEnum(operation.right)):
            yield Finding(source.path, operation.lineno, "PQ08", "arithmetic on an enum")


def _connection(source: Source, call: ast.Call) -> Iterator[Finding]:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _CONNECTING:
        return
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield from _signature(source, call, function.value, first.value)
    elif isinstance(function.value, ast.Attribute):
        yield from _byName(source, call, function.value)


def _signature(source: Source, call: ast.Call, sender: ast.AST, text: str) -> Iterator[Finding]:
    if "(" not in text:
        yield Finding(source.path, call.lineno, "PQ04", f"'{text}' has no parameter list")
        return
    owner = source.kindOf(sender)
    known = kinds.signals(owner) if owner is not None else kinds.knownSignals()
    if kinds.normalized(text) not in known and not _isApplication(sender):
        whose = owner.__name__ if owner is not None else "any class"
        yield Finding(source.path, call.lineno, "PQ04", f"no signal '{text}' of {whose}")


def _isApplication(sender: ast.AST) -> bool:
    """Slicer's application and its managers have signals that the host need not know."""
    return dotted(sender).startswith("slicer.app") or isinstance(sender, ast.Call)


def _byName(source: Source, call: ast.Call, signal: ast.Attribute) -> Iterator[Finding]:
    owner, name = source.kindOf(signal.value), signal.attr
    if owner is None:
        overloaded = source.usesQt and name in _EVERY_OVERLOAD
    else:
        bases = [base.__name__ for base in owner.__mro__]
        overloaded = isHidden(bases, name, OVERLOADED_SIGNALS)
    if overloaded:
        text = f"'{name}' is overloaded: connect('{name}(...)', ...)"
        yield Finding(source.path, call.lineno, "PQ05", text)


def _isEnum(node: ast.AST) -> bool:
    return kinds.isEnum(kinds.lookUp(dotted(node)))


def _name(source: Source, node: ast.Attribute) -> Iterator[Finding]:
    name = dotted(node)
    if not name.startswith(_ROOTS):
        return
    if name in _THREADS:
        yield Finding(source.path, node.lineno, "PQ07", f"{name}: no Qt threads under PythonQt")
        return
    owner = kinds.lookUp(dotted(node.value))
    if name.count(".") == 1 and kinds.lookUp(name) is None:
        instead = UNPORTABLE_NAMES.get(node.attr)
        advice = f"; use {instead}" if instead else ""
        yield Finding(source.path, node.lineno, "PQ07", f"{name} is not in both Qt 5 and 6{advice}")
    elif isinstance(owner, type) and kinds.isEnum(owner):
        flat = ".".join([*name.split(".")[:-2], node.attr])
        yield Finding(source.path, node.lineno, "PQ08", f"write {flat} for {name}")
    elif kinds.isQtClass(owner) and kinds.lookUp(name) is None:
        yield Finding(source.path, node.lineno, "PQ07", f"{name} is not in both Qt 5 and 6")


def _item(source: Source, call: ast.Call) -> Iterator[Finding]:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _ITEM_DATA:
        return
    refused = (ast.Dict, ast.List, ast.Tuple, ast.Set)
    if source.usesQt and any(isinstance(argument, refused) for argument in call.args):
        yield Finding(source.path, call.lineno, "PQ11", "items hold str and int alone")
