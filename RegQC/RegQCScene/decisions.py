"""What a reader decided about the chosen pair, in a text node beside the result of its check.

`RegQCLib.report.decisions` says what a decision is, and what a signature seals. The text node holds
``decisions.json``; it is found again through the node that holds the report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

import slicer
from slicer.i18n import tr as _

from RegQCLib.errors import InputError
from RegQCLib.report.decisions import (
    CaseDecision,
    Decisions,
    SliceDecision,
    utc_now,
)
from RegQCScene.folders import folderOf, putIntoFolder
from RegQCScene.placement import chosenPlacement, isSamePlace, placement
from RegQCScene.result_nodes import ROLE, resultRoot

DECISIONS = "decisionsText"
CHECKED = "RegQC.CheckedPlace"
"""Attribute of the report's node: digest of the report, and where the pair lay that it judged."""

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


def noteChecked(root: Any, text: str, place: Mapping[str, Any] | None) -> None:
    """Note where the pair lay when it was checked, beside the report that was made of it.

    root: the report's node; text: its text. place: `placement` when the check began.
    """
    root.SetAttribute(CHECKED, json.dumps({"report": _digest(text), "place": place}))


def rememberChecked(session: Any) -> None:
    """Note where the pair lies now, for a result that has no note: one that was read from a file.

    A result that comes back with a saved scene keeps its note.
    """
    root = _root(session.parameters)
    if root is None or session.result is None:
        return
    if _noted(root).get("report") != _digest(session.result.text):
        noteChecked(root, session.result.text, chosenPlacement(session.parameters))


def requireUnchanged(session: Any) -> None:
    """Raise InputError when the moving volume lies elsewhere than when it was checked.

    Bending transforms count as well: an edited field is noticed, see `placement`.
    """
    parameters = session.parameters
    place = placement(parameters.fixedVolume, parameters.movingVolume, parameters.transform)
    if not isSamePlace(_noted(_root(parameters)).get("place"), place):
        raise InputError(
            _("the transform was changed after the check; check the pair again, then sign")
        )


def _noted(root: Any) -> dict[str, Any]:
    noted: dict[str, Any] = json.loads((root and root.GetAttribute(CHECKED)) or "{}")
    return noted


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _root(parameters: Any) -> Any:
    fixed, moving = parameters.fixedVolume, parameters.movingVolume
    return None if fixed is None or moving is None else resultRoot(fixed, moving)


def _node(parameters: Any) -> Any:
    root = _root(parameters)
    return None if root is None else root.GetNodeReference(ROLE + DECISIONS)
