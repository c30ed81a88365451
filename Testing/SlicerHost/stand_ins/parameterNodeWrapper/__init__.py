"""Stand-in for slicer.parameterNodeWrapper, written from its documentation.

Typed members of a class become values that live in a parameter node, so they are saved with the
scene. Supported: bool, int, float, str, pathlib.Path, enumerations, MRML nodes, FloatRange, lists
of these. Slicer also takes tuples, dictionaries, unions and packs, which are refused here.
"""

from .annotations import Decimals, Default, RangeBounds, SingleStep
from .ranges import FloatRange
from .validators import (
    Choice,
    Exclude,
    IsInstance,
    Maximum,
    Minimum,
    NotNone,
    RegexMatch,
    Validator,
    WithinRange,
)
from .wrapper import parameterNodeWrapper

__all__ = [
    "Choice",
    "Decimals",
    "Default",
    "Exclude",
    "FloatRange",
    "IsInstance",
    "Maximum",
    "Minimum",
    "NotNone",
    "RangeBounds",
    "RegexMatch",
    "SingleStep",
    "Validator",
    "WithinRange",
    "parameterNodeWrapper",
]
