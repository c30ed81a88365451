"""How each supported type is kept in a parameter node: as text, or as a reference to a node."""

from __future__ import annotations

import enum
import pathlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, get_args, get_origin

import slicer

from .ranges import FloatRange


class Serializer(ABC):
    """Keeps values of one type under a name; `default` is what a new node gets."""

    default: Any = None

    @abstractmethod
    def check(self, value: Any) -> None:
        """Raise TypeError or ValueError if the value is not of this type."""

    @abstractmethod
    def isIn(self, node: Any, name: str) -> bool: ...

    @abstractmethod
    def write(self, node: Any, name: str, value: Any) -> None: ...

    @abstractmethod
    def read(self, node: Any, name: str) -> Any: ...

    @abstractmethod
    def remove(self, node: Any, name: str) -> None: ...


class TextSerializer(Serializer):
    """A value as one text parameter."""

    def __init__(
        self,
        accepted: type | tuple[type, ...],
        default: Any,
        parse: Callable[[str], Any],
        format: Callable[[Any], str] = str,  # noqa: A002
    ) -> None:
        self.default = default
        self._accepted = accepted
        self._parse = parse
        self._format = format

    def check(self, value: Any) -> None:
        if value is None:
            raise ValueError("The value must not be None")
        if not isinstance(value, self._accepted):
            raise TypeError(f"{value!r} is a {type(value).__name__}, not a {self._accepted}")

    def isIn(self, node: Any, name: str) -> bool:
        return name in node.GetParameterNames()

    def write(self, node: Any, name: str, value: Any) -> None:
        node.SetParameter(name, self._format(value))

    def read(self, node: Any, name: str) -> Any:
        return self._parse(node.GetParameter(name))

    def remove(self, node: Any, name: str) -> None:
        node.UnsetParameter(name)


class NodeSerializer(Serializer):
    """A node reference with the member's name as its role."""

    def __init__(self, nodeType: type) -> None:
        self._nodeType = nodeType

    def check(self, value: Any) -> None:
        if value is not None and not isinstance(value, self._nodeType):
            raise TypeError(f"{value!r} is no {self._nodeType.__name__}")

    def isIn(self, node: Any, name: str) -> bool:
        return node.GetNodeReferenceID(name) is not None

    def write(self, node: Any, name: str, value: Any) -> None:
        node.SetNodeReferenceID(name, None if value is None else value.GetID())

    def read(self, node: Any, name: str) -> Any:
        return node.GetNodeReference(name)

    def remove(self, node: Any, name: str) -> None:
        node.SetNodeReferenceID(name, None)


class ListSerializer(Serializer):
    """A number of items, and each item under a name of its own."""

    def __init__(self, item: Serializer) -> None:
        self.default: list[Any] = []
        self._item = item

    def check(self, value: Any) -> None:
        if value is None or isinstance(value, str) or not isinstance(value, Iterable):
            raise TypeError(f"{value!r} is no list")
        for item in value:
            self._item.check(item)

    def isIn(self, node: Any, name: str) -> bool:
        return _length(name) in node.GetParameterNames()

    def write(self, node: Any, name: str, value: Any) -> None:
        before = self._count(node, name)
        for index, item in enumerate(value):
            self._item.write(node, f"{name}_{index}", item)
        for index in range(len(value), before):
            self._item.remove(node, f"{name}_{index}")
        node.SetParameter(_length(name), str(len(value)))

    def read(self, node: Any, name: str) -> Any:
        items = [
            self._item.read(node, f"{name}_{index}") for index in range(self._count(node, name))
        ]
        return ObservedList(items, lambda changed: self.write(node, name, changed))

    def remove(self, node: Any, name: str) -> None:
        self.write(node, name, [])
        node.UnsetParameter(_length(name))

    def _count(self, node: Any, name: str) -> int:
        return int(node.GetParameter(_length(name)) or 0)


class ObservedList(list[Any]):
    """A list that writes itself back to the parameter node whenever it changes."""

    def __init__(self, items: Iterable[Any], onChanged: Callable[[list[Any]], None]) -> None:
        super().__init__(items)
        self._onChanged = onChanged


def _writingBack(name: str) -> Callable[..., Any]:
    original = getattr(list, name)

    def change(self: ObservedList, *arguments: Any, **options: Any) -> Any:
        result = original(self, *arguments, **options)
        self._onChanged(self)
        return result

    change.__name__ = name
    return change


for _name in (
    *("append", "extend", "insert", "remove", "pop", "clear", "sort", "reverse"),
    *("__setitem__", "__delitem__", "__iadd__", "__imul__"),
):
    setattr(ObservedList, _name, _writingBack(_name))


def createSerializer(datatype: Any) -> Serializer:
    """The serializer of a type; raises TypeError for types that are not supported."""
    simple = {
        bool: TextSerializer(bool, False, lambda text: text == "True"),
        int: TextSerializer(int, 0, int),
        float: TextSerializer((float, int), 0.0, float, lambda value: repr(float(value))),
        str: TextSerializer(str, "", str),
        pathlib.Path: TextSerializer(pathlib.PurePath, pathlib.Path(), pathlib.Path),
        FloatRange: TextSerializer(FloatRange, FloatRange(0.0, 1.0), _parseRange, _formatRange),
    }
    if datatype in simple:
        return simple[datatype]
    if get_origin(datatype) is list:
        return ListSerializer(createSerializer(get_args(datatype)[0]))
    if isinstance(datatype, type) and issubclass(datatype, enum.Enum):
        return TextSerializer(
            datatype, next(iter(datatype)), lambda text: datatype[text], lambda value: value.name
        )
    if isinstance(datatype, type) and issubclass(datatype, slicer.vtkMRMLNode):
        return NodeSerializer(datatype)
    raise TypeError(f"The host's parameterNodeWrapper does not support the type {datatype}")


def _length(name: str) -> str:
    return f"{name}.length"


def _formatRange(value: FloatRange) -> str:
    return f"{value.minimum!r} {value.maximum!r}"


def _parseRange(text: str) -> FloatRange:
    minimum, maximum = map(float, text.split())
    return FloatRange(minimum, maximum)
