"""What is done with one pair: each step writes a folder of its own, as its command does.

A step is known by its key: digests of the inputs it uses, its options, the version, and the key of
the step that made its inputs. A step whose key is unchanged is taken over, not repeated. What a
step makes for later ones (a repaired stack, a transform) they read from its files, so that a result
is the same whether the run was interrupted or not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from RegQCLib import __version__
from RegQCLib.batch.case_folder import CHECK_FOLDER
from RegQCLib.batch.options import Options
from RegQCLib.errors import InputError
from RegQCLib.outputs import output_folder

IMAGES = ("fixed", "moving")
KNOWN_POINTS = ("fixed_labels", "moving_labels", "fixed_landmarks", "moving_landmarks")
THUMBNAIL = "thumbnail.png"
CORRECTED, TRANSFORM = "slices/corrected.nii.gz", "registration/transform.h5"
ONE_PLACE = ("transform", "mask")


@dataclass
class Work:
    """A pair while its steps run. paths: inputs by role; folder: of the case, where steps write.

    made: what steps put in the place of inputs, relative to ``folder``.
    """

    paths: Mapping[str, Path]
    folder: Path
    options: Options
    made: dict[str, str] = field(default_factory=dict)
    _read: dict[Path, Any] = field(default_factory=dict)

    def path(self, role: str) -> Path | None:
        """Where an input lies now."""
        return self.folder / self.made[role] if role in self.made else self.paths.get(role)

    def given(self, roles: tuple[str, ...]) -> dict[str, Path]:
        """Paths of those inputs that are there, by role."""
        found = {role: self.path(role) for role in roles}
        return {role: path for role, path in found.items() if path is not None}

    def inputs(self, roles: tuple[str, ...]) -> dict[str, Any]:
        """Keyword arguments of a library call: inputs that are there, each file read once."""
        from RegQCLib.inputs import read_inputs

        given = self.given(roles)
        asked: dict[str, Any] = {r: p for r, p in given.items() if not r.endswith("landmarks")}
        if "fixed_landmarks" in given:
            asked["landmarks"] = (given["fixed_landmarks"], given["moving_landmarks"])
        kept = {role: path for role, path in asked.items() if role in (*IMAGES, *ONE_PLACE)}
        new = {role: p for role, p in asked.items() if role not in kept or p not in self._read}
        found = read_inputs(new, lambda _stage, _fraction: None)
        self._read |= {kept[role]: found[role] for role in kept if role in found}
        return {**{role: self._read[path] for role, path in kept.items()}, **found}

    def describe(self, roles: tuple[str, ...]) -> dict[str, Any]:
        """Paths and digests of inputs, for the provenance."""
        from RegQCLib.inputs import describe

        return {role: describe(path) for role, path in self.given(roles).items()}


@dataclass(frozen=True)
class Step:
    """name: also that of its column of seconds. subfolder: of the case. roles: inputs it uses.

    run: does it and returns columns of the tables; notes for the user go to the list. makes: what
    it leaves for later steps, by role. beside: files it writes beside its folder. uses_models: its
    result depends on the shipped models.
    """

    name: str
    subfolder: str
    roles: tuple[str, ...]
    options: Mapping[str, Any]
    run: Callable[[Work, list[str]], dict[str, Any]]
    makes: Mapping[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    uses_models: bool = False

    def key(self, digests: Mapping[str, str], earlier: str) -> str:
        """Return what this step's result depends on, as a digest."""
        content = {
            "step": self.name,
            "inputs": {role: digests[role] for role in self.roles if role in digests},
            "options": self.options,
            "earlier": earlier,
            "regqc": __version__,
            "models": models() if self.uses_models else None,
        }
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def steps_of(options: Options, roles: Mapping[str, Any]) -> list[Step]:
    """Return the steps in their order. roles: the inputs there are.

    Raises InputError when an input is missing that a step needs.
    """
    if options.needs_images:
        for role in IMAGES:
            if role not in roles:
                raise InputError(f"has no {role} image; name it in the column {role}")
    judging = options.judging()
    placed, all_known = (*IMAGES, "transform"), (*ONE_PLACE, *KNOWN_POINTS)
    steps = []
    if options.fix_slices:
        made, chosen = {options.fix_slices: CORRECTED}, {"stack": options.fix_slices}
        steps.append(Step("fix_slices", "slices", placed, chosen, _fix_slices, made))
    if options.register:
        made, chosen = {"transform": TRANSFORM}, {"kind": options.register, **judging}
        step = Step("register", "registration", placed, chosen, _register, made, uses_models=True)
        steps.append(step)
    if options.check:
        roles_used = (*IMAGES, *all_known)
        beside = (THUMBNAIL,)
        step = Step(
            "check", CHECK_FOLDER, roles_used, judging, _check, beside=beside, uses_models=True
        )
        steps.append(step)
    if options.evaluate:
        steps.append(Step("evaluate", "evaluation", all_known, {}, _evaluate))
    return steps


@cache
def models() -> dict[str, str]:
    """Digests of the shipped models and their calibration, as a process first saw them.

    It keeps the networks that it has loaded, too; and every pair asks, of 7 MB.
    """
    from RegQCLib.qc.inference import model_hashes

    return model_hashes()


def _fix_slices(work: Work, notes: list[str]) -> dict[str, Any]:
    """Put back slices; the other image is the reference where both lie in one space."""
    from RegQCLib.registration.slices import fix_slices

    images = work.inputs(IMAGES)
    stack = images.pop(str(work.options.fix_slices))
    (other,) = images.values()
    repair = fix_slices(stack, None if work.path("transform") else other)
    repair.provenance["files"] = work.describe(IMAGES)
    with output_folder(work.folder / "slices") as folder:
        repair.save(folder)
    notes += repair.notes
    return {"slices_moved": repair.counts().get("moved", 0)}


def _register(work: Work, notes: list[str]) -> dict[str, Any]:
    from RegQCLib.registration.register import register

    roles = (*IMAGES, "transform")
    inputs = work.inputs(roles)
    found = register(
        inputs.pop("fixed"),
        inputs.pop("moving"),
        str(work.options.register),
        init=inputs.get("transform"),
        **work.options.judging(),
    )
    found.provenance["files"] = work.describe(roles)
    with output_folder(work.folder / "registration") as folder:
        found.save(folder)
    notes += found.limits
    return {
        "verdict_before": found.before.verdict,
        "error_mean_before_mm": found.before.error_mm,
        "kept": found.kept,
    }


def _check(work: Work, notes: list[str]) -> dict[str, Any]:
    from RegQCLib.batch.check_columns import check_columns
    from RegQCLib.batch.thumbnail import thumbnail
    from RegQCLib.qc.check import check

    roles = (*IMAGES, *ONE_PLACE, *KNOWN_POINTS)
    inputs = work.inputs(roles)
    report = check(inputs.pop("fixed"), inputs.pop("moving"), **inputs, **work.options.judging())
    report.provenance["warnings"] = [*notes, *report.provenance.get("warnings", ())]
    report.provenance["files"] = work.describe(roles)
    with output_folder(work.folder / CHECK_FOLDER) as folder:
        report.save(folder)
    (work.folder / THUMBNAIL).write_bytes(thumbnail(report))
    notes[:] = report.provenance["warnings"]
    return check_columns(report)


def _evaluate(work: Work, notes: list[str]) -> dict[str, Any]:
    from RegQCLib.evaluation.evaluate import evaluate

    roles = (*ONE_PLACE, *KNOWN_POINTS)
    measured = evaluate(**work.inputs(roles))
    measured.provenance["files"] = work.describe(roles)
    with output_folder(work.folder / "evaluation") as folder:
        measured.save(folder)
    notes += measured.warnings
    landmarks = measured.to_dict()["landmarks"]
    return {
        "dice_mean": measured.mean("dice"),
        "hd95_mean_mm": measured.mean("hd95_mm"),
        "assd_mean_mm": measured.mean("assd_mm"),
        "tre_mean_mm": None if landmarks is None else landmarks["mean_mm"],
    }
