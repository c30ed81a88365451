"""A Python file and what its expressions are, as far as they can be told without running it."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

from SlicerHost.lint import kinds
from SlicerHost.lint.form import Form

_LOADER_CALLS = {"childWidgetVariables"}


def dotted(node: ast.AST) -> str:
    """`self.ui.table` for that expression, and nothing for one that is more than names and dots."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


class Source:
    """Knows the Qt class of names that are assigned from a constructor, or annotated, or in a form.

    A name means the same in a whole class body for `self.x`, and in a whole function for `x`;
    a name that is assigned two classes has none.
    """

    def __init__(self, path: Path, text: str, forms: dict[str, Form]) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.tree = ast.parse(text, str(path))
        self.parents: dict[ast.AST, ast.AST] = {}
        self._nodes: dict[type[ast.AST], list[Any]] = {}
        self._index()
        self._forms = [form for name, form in forms.items() if self._mentions(name)]
        self._kinds: dict[tuple[ast.AST | None, str], Any] = {}
        self._containers: set[tuple[ast.AST | None, str]] = set()
        for kind in (ast.Assign, ast.AnnAssign, ast.arg):
            for node in self.nodes(kind):
                self._learn(node)

    def _index(self) -> None:
        """Note each node's parent, and the nodes of each kind."""
        for parent in ast.walk(self.tree):
            self._nodes.setdefault(type(parent), []).append(parent)
            for child in ast.iter_child_nodes(parent):
                self.parents[child] = parent

    @functools.cached_property
    def usesQt(self) -> bool:
        """Whether the file imports qt or ctk, or loads a form."""
        imports = [alias.name for node in self.nodes(ast.Import) for alias in node.names]
        return bool(self._forms) or not {"qt", "ctk"}.isdisjoint(imports)

    def kindOf(self, node: ast.AST) -> Any:
        """The Qt class of an expression, or None where it is unknown."""
        if isinstance(node, ast.Call):
            found = kinds.lookUp(dotted(node.func))
            return found if kinds.isQtClass(found) else None
        if isinstance(node, ast.Attribute) and self._isContainer(node.value):
            return self._widget(node.attr)
        name = dotted(node)
        scope = self._scope(node, name)
        while name and scope is not None and (scope, name) not in self._kinds:
            scope = self._scope(scope, name)  # a name of the function around this one
        return self._kinds.get((scope, name))

    def nodes(self, kind: type[ast.AST]) -> list[Any]:
        """All nodes of exactly this kind."""
        return self._nodes.get(kind, [])

    def enclosing(self, node: ast.AST, *wanted: type[ast.AST]) -> ast.AST | None:
        """The nearest function or class around a node."""
        current = self.parents.get(node)
        while current is not None and not isinstance(current, wanted):
            current = self.parents.get(current)
        return current

    def _mentions(self, form: str) -> bool:
        texts = (node.value for node in self.nodes(ast.Constant))
        return any(
            isinstance(text, str) and text.rpartition("/")[2] in {form, f"{form}.ui"}
            for text in texts
        )

    def _widget(self, name: str) -> Any:
        found = {form.widgets[name] for form in self._forms if name in form.widgets}
        return found.pop() if len(found) == 1 else None

    def _isContainer(self, node: ast.AST) -> bool:
        name = dotted(node)
        return bool(name) and (self._scope(node, name), name) in self._containers

    def _scope(self, node: ast.AST, name: str) -> ast.AST | None:
        if name.startswith("self."):
            return self.enclosing(node, ast.ClassDef)
        return self.enclosing(node, ast.FunctionDef, ast.Lambda)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign):
            self._annotate(node.target, dotted(node.target), node.annotation)
        elif isinstance(node, ast.arg) and node.annotation is not None:
            self._annotate(node, node.arg, node.annotation)

    def _assign(self, target: ast.AST, value: ast.AST) -> None:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for one, other in zip(target.elts, value.elts, strict=False):
                self._assign(one, other)
            return
        name = dotted(target)
        if not name:
            return
        key = (self._scope(target, name), name)
        if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in _LOADER_CALLS:
            self._containers.add(key)
        self._store(key, self.kindOf(value))

    def _annotate(self, node: ast.AST, name: str, annotation: ast.AST) -> None:
        found = kinds.lookUp(dotted(annotation))
        if name and kinds.isQtClass(found):
            self._store((self._scope(node, name), name), found)

    def _store(self, key: tuple[ast.AST | None, str], kind: Any) -> None:
        known = self._kinds.get(key, kind)
        self._kinds[key] = kind if known is kind else None
