"""What a reader decided about the chosen pair, in a text node beside the result of its check.

`RegQCLib.report.decisions` says what a decision is, and what a signature seals. The text node holds
``decisions.json``; it is found again through the node that holds the report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.geometry.transforms import Affine
from RegQCLib.report.decisions import (
    CaseDecision,
    Decisions,
    SliceDecision,
    utc_now,
)
from RegQCScene.folders import folderOf, putIntoFolder
from RegQCScene.result_nodes import ROLE, resultRoot
from RegQCScene.transform_exchange import fixedToMoving, worldToMoving

DECISIONS = "decisionsText"
CHECKED = "RegQC.CheckedTransform"
"""Attribute of the report's node: digest of the report, and the matrix that it judged."""
SAME_MM = 1e-3

Place = tuple[str, int]


def decisionsOf(parameters: Any) -> Decisions:
    """Return the decisions on the chosen pair; none where nothing was decided.

    Raises InputError when the text node was edited into something else.
    """
    node = _node(parameters)
    text = "" if node is None else node.GetText() or ""
    return Decisions.from_json(text, source=node.GetName()) if text else Decisions()


def storeDecisions(session: Any, decisions: Decisions) -> None:
    """Keep decisions in the scene and tell the panels. Raises InputError without a check."""
    parameters = session.parameters
    root = _root(parameters)
    if root is None:
        raise InputError(_("check the pair first; decisions are made on the result of a check"))
    node = _node(parameters)
    if node is None:
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", _("RegQC decisions"))
        root.SetNodeReferenceID(ROLE + DECISIONS, node.GetID())
        putIntoFolder(node, folderOf(root))
    node.SetText(decisions.to_json())
    parameters.decisionsText = node
    session.decisionsChanged.emit()


def decide(
    session: Any, places: Iterable[Place], decision: str, reason: str = "", comment: str = ""
) -> None:
    """Accept or reject slices. places: planes and indices, as in the result.

    decision: "accepted" or "rejected". Raises InputError without a check of such slices.
    """
    result = session.result
    if result is None:
        raise InputError(_("check the pair first; decisions are made on the result of a check"))
    positions = {(plane, one.index): one.position_mm for plane, one in result.slices()}
    words = {
        "reason": reason.strip(),
        "comment": comment.strip(),
        "reviewer": session.parameters.reviewer.strip(),
        "time": utc_now(),
    }
    decided = []
    for place in places:
        if place not in positions:
            raise InputError(_("there is no {} slice {}").format(*place))
        decided.append(SliceDecision(*place, positions[place], decision, **words))
    storeDecisions(session, decisionsOf(session.parameters).with_slices(decided))


def takeBack(session: Any, places: Iterable[Place]) -> None:
    """Forget the decisions on some slices."""
    storeDecisions(session, decisionsOf(session.parameters).without_slices(places))


def sign(session: Any, decision: str, reason: str = "", comment: str = "") -> None:
    """Accept or reject the pair in the reviewer's name, and seal everything.

    Raises InputError without a check, without a name, and where the pair was moved after the check.
    """
    if session.result is None:
        raise InputError(_("check the pair first; decisions are made on the result of a check"))
    requireUnchanged(session)
    case = CaseDecision(
        decision,
        reason.strip(),
        comment.strip(),
        session.parameters.reviewer.strip(),
        utc_now(),
    )
    decisions = decisionsOf(session.parameters)
    storeDecisions(session, decisions.signed(case, session.result.report))


def withdraw(session: Any) -> None:
    """Take back the decision on the pair; those on slices remain."""
    storeDecisions(session, Decisions(decisionsOf(session.parameters).slices))


def signatureOf(session: Any) -> str:
    """Return "unsigned", "valid" or "changed", see `Decisions.signature`."""
    report = None if session.result is None else session.result.report
    return decisionsOf(session.parameters).signature(report)


def rememberChecked(session: Any) -> None:
    """Note which transform the result is about; call it whenever the result is another.

    A result that comes back with a saved scene keeps its note.
    """
    root = _root(session.parameters)
    if root is None or session.result is None:
        return
    report = hashlib.sha256(session.result.text.encode("utf-8")).hexdigest()
    noted = json.loads(root.GetAttribute(CHECKED) or "{}")
    if noted.get("report") != report:
        matrix = _matrix(session.parameters)
        noted = {"report": report, "matrix": None if matrix is None else matrix.tolist()}
        root.SetAttribute(CHECKED, json.dumps(noted))


def requireUnchanged(session: Any) -> None:
    """Raise InputError when the moving volume lies elsewhere than when it was checked.

    Only linear transforms are compared; for others it cannot be told quickly.
    """
    root = _root(session.parameters)
    noted = json.loads((root and root.GetAttribute(CHECKED)) or "{}").get("matrix")
    now = _matrix(session.parameters)
    if noted is None or now is None:
        same = noted is None and now is None
    else:
        same = bool(np.allclose(noted, now, atol=SAME_MM))
    if not same:
        raise InputError(
            _("the transform was changed after the check; check the pair again, then sign")
        )


def _matrix(parameters: Any) -> Any:
    """(4, 4) from fixed to moving points, or None where the way bends."""
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    way = worldToMoving(moving, parameters.transform)
    if not slicer.vtkMRMLTransformNode.IsGeneralTransformLinear(way):
        return None
    found = fixedToMoving(fixed, moving, parameters.transform)
    return found.matrix if isinstance(found, Affine) else None


def _root(parameters: Any) -> Any:
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    return None if fixed is None or moving is None else resultRoot(fixed, moving)


def _node(parameters: Any) -> Any:
    root = _root(parameters)
    return None if root is None else root.GetNodeReference(ROLE + DECISIONS)
