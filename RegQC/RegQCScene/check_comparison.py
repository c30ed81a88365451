"""What a check found before and after a correction, in words."""

from __future__ import annotations

from slicer.i18n import tr as _

from RegQCScene.check_result import CheckResult


def comparison(before: CheckResult | None, after: CheckResult) -> str:
    """Return one line; ``before`` is None where the pair was not checked."""
    if before is None:
        return _("Check: {after}").format(after=_short(after))
    text = _("Check: {before} before, {after} now")
    return text.format(before=_short(before), after=_short(after))


def _short(result: CheckResult) -> str:
    if result.errorMean is None:
        return str(result.verdictText)
    return _("{verdict} ({mm:.1f} mm)").format(verdict=result.verdictText, mm=result.errorMean)
