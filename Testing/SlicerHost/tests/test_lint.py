"""Each rule finds what it is for, and nothing in the same code written rightly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HEAD = "import ctk\nimport qt\nimport slicer\nfrom slicer.i18n import tr as _\n"
CLASS = HEAD + "class Panel:\n    def __init__(self):\n        self.w = {kind}()\n"

# code, wrong lines, right lines; `self.w` is a widget of the class.
CASES = [
    ("PQ01", "qt.QLabel", "x = self.w.text()", "x = self.w.text"),
    ("PQ01", "qt.QComboBox", "x = self.w.count()", "x = self.w.count"),
    ("PQ01", "qt.QLabel", "x = other.currentText()", "x = other.currentText"),
    ("PQ01", "ctk.ctkSliderWidget", "x = self.w.value()", "self.w.setValue(1)"),
    ("PQ02", "ctk.ctkSliderWidget", "self.w.setMinimum(0)", "self.w.minimum = 0"),
    ("PQ02", "ctk.ctkCollapsibleButton", "self.w.setCollapsed(True)", "self.w.collapsed = True"),
    ("PQ02", "slicer.qMRMLNodeComboBox", "self.w.nodes()", "self.w.nodeFromIndex(0)"),
    ("PQ02", "qt.QHeaderView", "x = self.w.sectionsMovable", "self.w.setSectionsMovable(True)"),
    ("PQ03", "qt.QLabel", "self.w.node = 1", "self.w.text = 'a'"),
    ("PQ03", "qt.QComboBox", "self.w.count = 1", "self.w.currentIndex = 1"),
    ("PQ03", "qt.QLabel", "a, self.w.row = 1, 2", "a, self.w.text = 1, 'b'"),
    ("PQ04", "qt.QPushButton", "self.w.connect('clicked(int)', f)",
     "self.w.connect('clicked(bool)', f)"),
    ("PQ04", "qt.QPushButton", "self.w.connect('clicked', f)", "self.w.connect('clicked()', f)"),
    ("PQ04", "qt.QLabel", "x.connect('sliderDropped(int)', f)",
     "x.connect('currentNodeChanged(vtkMRMLNode*)', f)"),
    ("PQ04", "qt.QCheckBox", "self.w.connect('checkStateChanged(Qt::CheckState)', f)",
     "self.w.connect('stateChanged(int)', f)"),
    ("PQ05", "qt.QComboBox", "self.w.activated.connect(f)", "self.w.connect('activated(int)', f)"),
    ("PQ05", "qt.QLabel", "x.valueChanged.connect(f)", "x.connect('valueChanged(int)', f)"),
    ("PQ06", "qt.QLabel", "x = qt.QLabel(parent=None)", "x = qt.QLabel('a', None)"),
    ("PQ06", "qt.QLabel", "self.w.setText(text='a')", "self.w.setText('a')"),
    ("PQ07", "qt.QLabel", "x = qt.Signal()", "x = qt.QTimer()"),
    ("PQ07", "qt.QLabel", "x = qt.QRegExp('a')", "x = qt.QRegularExpression('a')"),
    ("PQ07", "qt.QLabel", "x = ctk.ctkVTKNothing()", "x = ctk.ctkSliderWidget()"),
    ("PQ07", "qt.QLabel", "x = qt.QThread()", "x = qt.QProcess()"),
    ("PQ08", "qt.QLabel", "x = qt.Qt.AlignmentFlag.AlignRight", "x = qt.Qt.AlignRight"),
    ("PQ08", "qt.QLabel", "x = int(qt.Qt.AlignRight)", "x = int('2')"),
    ("PQ08", "qt.QLabel", "x = qt.Qt.UserRole + 1", "x = qt.Qt.AlignTop | qt.Qt.AlignRight"),
    ("PQ09", "qt.QDialog", "self.w.exec()", "self.w.exec_()"),
    ("PQ10", "qt.QWidget", "x = self.w.sizeHint", "x = self.w.property('sizeHint')"),
    ("PQ10", "qt.QVBoxLayout", "x = self.w.spacing", "self.w.setSpacing(1)"),
    ("PQ11", "qt.QComboBox", "self.w.addItem('a', {'k': 1})", "self.w.addItem('a', 'k')"),
    ("PQ12", "slicer.qMRMLNodeComboBox", "self.w.nodeTypes.append('a')",
     "self.w.nodeTypes = ['a']"),
    ("PQ13", "qt.QLabel", "self.w.text = 5", "self.w.text = str(5)"),
    ("PQ13", "qt.QLabel", "self.w.text = Path('a')", "self.w.text = str(Path('a'))"),
    ("PQ14", "qt.QLabel", "self.w.setStyleSheet('color: red')",
     "self.w.setStyleSheet('color: palette(text)')"),
    ("PQ14", "qt.QLabel", "self.w.styleSheet = 'a {background-color: #fff}'",
     "self.w.styleSheet = 'font-weight: bold'"),
    ("PQ16", "qt.QLabel", "self.addObserver(a, b, c)",
     "self.addObserver(a, b, c); self.removeObservers()"),
    ("PQ16", "qt.QLabel", "self.pair = a, a.AddObserver(b, c)",
     "self.pair = a, a.AddObserver(b, c); self.pair[0].RemoveObserver(self.pair[1])"),
    ("PQ17", "qt.QLabel", "x = _(f'{a} mm')", "x = _('{a} mm').format(a=a)"),
    ("PQ17", "qt.QLabel", "x = [1 for _ in a]", "x = [1 for one in a]"),
]  # fmt: skip


def codes(text: str, forms: Any = None) -> list[str]:
    from SlicerHost.lint.run import lintText

    return [finding.code for finding in lintText(Path("panel.py"), text, forms or {})]


@pytest.mark.parametrize(("code", "kind", "wrong", "right"), CASES)
def test_rule(qt: Any, code: str, kind: str, wrong: str, right: str) -> None:
    start = CLASS.format(kind=kind)
    assert codes(f"{start}        {wrong}\n") == [code]
    assert codes(f"{start}        {right}\n") == []


def test_finding_says_where(qt: Any) -> None:
    from SlicerHost.lint.run import lintText

    (found,) = lintText(Path("a/panel.py"), HEAD + "x = qt.Signal()\n", {})
    assert str(found).startswith("a/panel.py:5: PQ07 qt.Signal ")


def test_mouse_position_in_event_handlers(qt: Any) -> None:
    handler = "    def {name}(self, event):\n        return event.position()\n"
    start = HEAD + "class Strip(qt.QWidget):\n"
    assert codes(start + handler.format(name="mousePressEvent")) == ["PQ15"]
    assert codes(start + handler.format(name="wheelEvent")) == []


def test_finding_is_silenced_by_its_code_alone(qt: Any) -> None:
    assert codes(HEAD + "x = qt.Signal()  # pythonqt: PQ07\n") == []
    assert codes(HEAD + "x = qt.Signal()  # pythonqt: PQ01\n") == ["PQ07"]


def test_name_of_two_classes_is_not_judged(qt: Any) -> None:
    text = (
        HEAD
        + "def f(a):\n    w = qt.QLabel() if a else None\n    w = qt.QSlider()\n    w.value()\n"
    )
    two = HEAD + "def f(a):\n    w = qt.QLabel()\n    w = qt.QSlider()\n    w.value()\n"
    assert codes(text) == []
    assert codes(two) == []


def test_inner_function_sees_the_outer_ones_widgets(qt: Any) -> None:
    text = HEAD + "def f():\n    w = qt.QLabel()\n    return lambda: w.{end}\n"
    assert codes(text.format(end="text()")) == ["PQ01"]
    assert codes(text.format(end="text")) == []


def test_annotated_parameter_has_a_class(qt: Any) -> None:
    assert codes(HEAD + "def f(w: qt.QLabel):\n    return w.text()\n") == ["PQ01"]


def test_file_without_widgets_may_name_things_as_qt_does(qt: Any) -> None:
    assert codes("def f(a):\n    return a.currentText()\n") == []


FORM = """<ui version="4.0"><class>P</class><widget class="qMRMLWidget" name="P">
<layout class="QVBoxLayout" name="l"><item><widget class="{kind}" name="w">
<property name="toolTip"><string>Tip</string></property>
<property name="accessibleName"><string>Name</string></property>{properties}</widget></item>
</layout></widget><connections>{connections}</connections></ui>"""
CONNECTION = (
    "<connection><sender>P</sender><signal>{signal}</signal>"
    "<receiver>w</receiver><slot>{slot}</slot></connection>"
)


def makeForm(path: Path, kind: str = "QSlider", properties: str = "", connections: str = "") -> Any:
    from SlicerHost.lint.form import Form

    file = path / "Panel.ui"
    file.write_text(FORM.format(kind=kind, properties=properties, connections=connections))
    return Form(file)


def formCodes(form: Any, parameters: tuple[str, ...] = ()) -> list[str]:
    from SlicerHost.lint.form import checkForm

    return [finding.code for finding in checkForm(form, frozenset(parameters))]


def test_right_form(qt: Any, tmp_path: Path) -> None:
    link = CONNECTION.format(
        signal="mrmlSceneChanged(vtkMRMLScene*)", slot="setMRMLScene(vtkMRMLScene*)"
    )
    bound = '<property name="SlicerParameterName" stdset="0"><string>volume</string></property>'
    form = makeForm(tmp_path, "qMRMLNodeComboBox", bound, link)
    assert formCodes(form, ("volume",)) == []
    assert formCodes(form, ("other",)) == ["PQ22"]


@pytest.mark.parametrize(
    ("kind", "properties", "connections", "code"),
    [
        ("QNothing", "", "", "PQ20"),
        ("QSlider", '<property name="o"><enum>Qt::Orientation::Horizontal</enum></property>', "",
         "PQ20"),
        ("QSlider", "", CONNECTION.format(signal="changed()", slot="setEnabled(bool)"), "PQ20"),
        ("QSlider", "", CONNECTION.format(
            signal="mrmlSceneChanged(vtkMRMLScene*)", slot="setMRMLScene(vtkMRMLScene*)"), "PQ20"),
        ("QLabel", '<property name="styleSheet"><string>color: red</string></property>', "",
         "PQ14"),
    ],
)  # fmt: skip
def test_wrong_form(
    qt: Any, tmp_path: Path, kind: str, properties: str, connections: str, code: str
) -> None:
    assert formCodes(makeForm(tmp_path, kind, properties, connections)) == [code]


def test_widget_without_tool_tip_and_name(qt: Any, tmp_path: Path) -> None:
    form = makeForm(tmp_path)
    form.root.find(".//widget[@name='w']").clear()
    form.root.find(".//item/widget").attrib.update({"class": "QPushButton", "name": "w"})
    assert formCodes(form) == ["PQ21", "PQ21"]


def test_widgets_of_a_form_have_classes(qt: Any, tmp_path: Path) -> None:
    form = makeForm(tmp_path, "ctkSliderWidget")
    text = (
        HEAD + "class Panel:\n    def __init__(self):\n        widget = load('Panel')\n"
        "        self.ui = slicer.util.childWidgetVariables(widget)\n        {line}\n"
    )
    assert codes(text.format(line="self.ui.w.value()"), {"Panel": form}) == ["PQ01"]
    assert codes(text.format(line="self.ui.w.setMaximum(1)"), {"Panel": form}) == ["PQ02"]
    assert codes(text.format(line="self.ui.w.maximum = 1"), {"Panel": form}) == []
