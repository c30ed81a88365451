"""A .ui file: its widgets, and the rules for forms (PQ20 to PQ22)."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from SlicerHost.lint import kinds
from SlicerHost.lint.finding import Finding
from SlicerHost.stand_in import registry

# Widgets that a user reads or that only hold others.
_PASSIVE = frozenset(
    {
        "QWidget", "QFrame", "QLabel", "QGroupBox", "QScrollArea", "QStackedWidget", "QTabWidget",
        "QSplitter", "QToolBox", "QProgressBar", "Line", "Spacer", "qMRMLWidget", "qSlicerWidget",
        "ctkCollapsibleButton", "ctkCollapsibleGroupBox", "ctkFittedTextBrowser",
    }
)  # fmt: skip


class Form:
    """Widgets of a .ui file by object name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = path.read_text(encoding="utf-8")
        self.root = ET.fromstring(self.text)
        self.widgets = {
            element.get("name", ""): kind
            for element in self.root.iter("widget")
            if (kind := formKind(element.get("class", ""))) is not None
        }

    def lineOf(self, name: str) -> int:
        """Where an object name stands."""
        position = self.text.find(f'name="{name}"')
        return self.text.count("\n", 0, max(position, 0)) + 1


def formKind(name: str) -> kinds.Kind | None:
    """The class that a form means by a name."""
    found = registry.get(name) or kinds.lookUp(f"qt.{name}")
    return found if kinds.isQtClass(found) else None


def checkForm(form: Form, parameters: frozenset[str]) -> Iterator[Finding]:
    """All findings in one form; `parameters` are the names a widget may be bound to, if known."""
    yield from _names(form)
    yield from _enums(form)
    yield from _connections(form)
    for element in form.root.iter("widget"):
        yield from _widget(form, element, parameters)


def _finding(form: Form, name: str, code: str, text: str) -> Finding:
    return Finding(form.path, form.lineOf(name), code, text)


def _names(form: Form) -> Iterator[Finding]:
    seen: set[str] = set()
    for element in form.root.iter("widget"):
        name = element.get("name", "")
        if name in seen:
            yield _finding(form, name, "PQ20", f"two widgets are named '{name}'")
        seen.add(name)


def _enums(form: Form) -> Iterator[Finding]:
    """Qt 5 reads `Qt::Horizontal`, not `Qt::Orientation::Horizontal` that newer Designers write."""
    for kind in ("enum", "set"):
        for element in form.root.iter(kind):
            for value in (element.text or "").split("|"):
                if value.count("::") > 1:
                    line = form.text[: form.text.find(value)].count("\n") + 1
                    short = f"{value.split('::')[0]}::{value.split('::')[-1]}"
                    yield Finding(form.path, line, "PQ20", f"write {short} for {value}")


def _connections(form: Form) -> Iterator[Finding]:
    for element in form.root.iter("connection"):
        sender, receiver = element.findtext("sender", ""), element.findtext("receiver", "")
        signal, slot = element.findtext("signal", ""), element.findtext("slot", "")
        source, target = form.widgets.get(sender), form.widgets.get(receiver)
        if source is None or kinds.normalized(signal) not in kinds.signals(source):
            yield _finding(form, sender, "PQ20", f"'{sender}' has no signal {signal}")
        if target is None or not kinds.hasMember(target, slot.split("(")[0]):
            yield _finding(form, receiver, "PQ20", f"'{receiver}' has no slot {slot}")


def _widget(form: Form, element: ET.Element, parameters: frozenset[str]) -> Iterator[Finding]:
    name, kind = element.get("name", ""), element.get("class", "")
    own = {one.get("name", ""): one for one in element.findall("property")}
    texts = {key: "".join(one.itertext()).strip() for key, one in own.items()}
    if formKind(kind) is None and kind != "Line":
        yield _finding(form, name, "PQ20", f"the host has no widget class {kind}")
    for needed in ("toolTip", "accessibleName"):
        if kind not in _PASSIVE and not texts.get(needed):
            yield _finding(form, name, "PQ21", f"'{name}' ({kind}) has no {needed}")
    bound = texts.get("SlicerParameterName")
    if bound and parameters and bound not in parameters:
        yield _finding(form, name, "PQ22", f"'{name}' is bound to '{bound}', which is no parameter")
    if hasFixedColor(texts.get("styleSheet", "")):
        yield _finding(form, name, "PQ14", f"'{name}' has a fixed color")


def hasFixedColor(style: str) -> bool:
    """Whether a style sheet sets a color that does not follow the palette."""
    return any(
        "palette(" not in value
        for value in re.findall(r"(?:color|background)\s*:\s*([^;}]*)", style)
        if value.strip() not in {"transparent", "none", ""}
    )
