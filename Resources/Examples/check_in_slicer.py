"""Check a pair of volumes inside 3D Slicer, without its windows.

Slicer --no-splash --no-main-window --python-script check_in_slicer.py FIXED MOVING OUT [TRANSFORM]

FIXED, MOVING: images that Slicer reads. TRANSFORM: from moving to fixed, as Slicer loads it. OUT: a
folder for the report, made new. The same lines work in Slicer's Python console, with volumes that
are loaded already. Exits with 0 for aligned, 3 for misaligned, 4 where it cannot tell, 2 for inputs
that cannot be checked.
"""

import sys

import slicer

from RegQC import RegQCLogic

EXIT_CODES = {"aligned": 0, "misaligned": 3, "cannot_tell": 4}
BAD_INPUT = 2


def main(fixed, moving, out, transform=None):
    """Load, check, say what was found; returns the exit code."""
    try:
        fixed_node = slicer.util.loadVolume(fixed)
        moving_node = slicer.util.loadVolume(moving)
        transform_node = slicer.util.loadTransform(transform) if transform else None
        result = RegQCLogic().check(fixed_node, moving_node, transform_node, folder=out)
    except (RuntimeError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    print(result.summary())
    for plane, one in result.flagged()[:10]:
        print(f"  look at {plane} slice {one.index}, at {one.position_mm:.0f} mm")
    print(f"report: {result.folder}")
    return EXIT_CODES[result.verdict]


if __name__ == "__main__":
    if len(sys.argv) in {4, 5}:
        sys.exit(main(*sys.argv[1:]))
    print(__doc__, file=sys.stderr)
    sys.exit(BAD_INPUT)
