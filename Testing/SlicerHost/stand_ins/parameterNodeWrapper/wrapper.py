"""The decorator: it turns a class's annotated members into values in a parameter node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_type_hints

import slicer

from .annotations import Default
from .gui_connection import GuiConnection
from .serializers import Serializer, createSerializer
from .validators import Validator

T = TypeVar("T")

# Names that the decorator itself gives to the class.
RESERVED = ("parameterNode", "allParameters", "connectGui", "disconnectGui", "default")


@dataclass(frozen=True)
class Parameter:
    """One member of the class."""

    name: str
    datatype: Any
    annotations: tuple[Any, ...]
    serializer: Serializer
    default: Default

    def read(self, node: Any) -> Any:
        return self.serializer.read(node, self.name)

    def write(self, node: Any, value: Any) -> None:
        self.check(value)
        with slicer.util.NodeModify(node):
            self.serializer.write(node, self.name, value)

    def check(self, value: Any) -> None:
        """Raise TypeError or ValueError if `value` may not be written."""
        self.serializer.check(value)
        for annotation in self.annotations:
            if isinstance(annotation, Validator):
                annotation.validate(value)


def parameterNodeWrapper(classtype: type[T]) -> type[T]:
    """Give the class a constructor that takes a parameter node, and its members their values."""
    parameters = {
        name: _parameter(classtype, name, hint)
        for name, hint in get_type_hints(classtype, include_extras=True).items()
    }
    for parameter in parameters.values():
        setattr(classtype, parameter.name, _property(parameter))
    for name, value in vars(_Wrapper).items():
        if name not in ("__dict__", "__weakref__", "__doc__", "__module__"):
            setattr(classtype, name, value)
    classtype.allParameters = parameters  # type: ignore[attr-defined]
    return classtype


class _Wrapper:
    """Members that every wrapped class gets."""

    allParameters: dict[str, Parameter]

    def __init__(self, parameterNode: Any) -> None:
        self.parameterNode = parameterNode
        self._connections: dict[int, GuiConnection] = {}
        with slicer.util.NodeModify(parameterNode):
            for parameter in self.allParameters.values():
                if not parameter.serializer.isIn(parameterNode, parameter.name):
                    parameter.write(parameterNode, parameter.default.get())

    def default(self, name: str) -> Default:
        return self.allParameters[name].default

    def dataType(self, name: str) -> Any:
        return self.allParameters[name].datatype

    def getValue(self, name: str) -> Any:
        return getattr(self, name)

    def setValue(self, name: str, value: Any) -> None:
        setattr(self, name, value)

    def connectGui(self, gui: Any) -> int:
        """Connect all widgets under `gui` that have the dynamic property SlicerParameterName.

        `gui` is what slicer.util.childWidgetVariables gives. Returns a tag for disconnectGui.
        """
        widgets = [widget for widget in vars(gui).values() if hasattr(widget, "property")]
        named = {
            widget.property("SlicerParameterName"): widget
            for widget in widgets
            if widget.property("SlicerParameterName")
        }
        return self.connectParametersToGui(named)

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        """Connect widgets by the names of their parameters; returns a tag for disconnectGui."""
        for name in mapping:
            if name not in self.allParameters:
                raise ValueError(f"Cannot find a parameter with the name {name!r}")
        connection = GuiConnection(
            self.parameterNode, [(self.allParameters[name], mapping[name]) for name in mapping]
        )
        tag = max(self._connections, default=0) + 1
        self._connections[tag] = connection
        return tag

    def disconnectGui(self, tag: int) -> None:
        self._connections.pop(tag).disconnect()

    def StartModify(self) -> int:
        return self.parameterNode.StartModify()

    def EndModify(self, wasModifying: int) -> int:
        return self.parameterNode.EndModify(wasModifying)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)

    def RemoveObservers(self, event: Any) -> None:
        self.parameterNode.RemoveObservers(event)

    def HasObserver(self, event: Any) -> bool:
        return bool(self.parameterNode.HasObserver(event))


def _parameter(classtype: type, name: str, hint: Any) -> Parameter:
    if name in RESERVED:
        raise ValueError(f"{classtype.__name__}.{name}: the wrapper needs this name itself")
    annotated = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    datatype, annotations = annotated[0], tuple(annotated[1:])
    serializer = createSerializer(datatype)
    given = [a for a in annotations if isinstance(a, Default)]
    if name in vars(classtype):
        given = [Default(vars(classtype)[name])]
    default = given[0] if given else Default(serializer.default)
    parameter = Parameter(name, datatype, annotations, serializer, default)
    if default.generator is None:
        try:
            parameter.check(default.value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{classtype.__name__}.{name}: bad default: {error}") from None
    return parameter


def _property(parameter: Parameter) -> property:
    def read(self: Any) -> Any:
        return parameter.read(self.parameterNode)

    def write(self: Any, value: Any) -> None:
        parameter.write(self.parameterNode, value)

    return property(read, write)
