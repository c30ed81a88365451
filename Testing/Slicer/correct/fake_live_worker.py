"""Stands for RegQCLib.cli.live_worker, without its networks: tells what reached it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from RegQCLib.geometry.fields import DisplacementField
from RegQCLib.geometry.transforms import Affine, Composite


def read_transform(parts, folder):
    """As the real one; importing that would load much more."""
    steps = []
    for part in parts:
        if "matrix" in part:
            steps.append(Affine(np.array(part["matrix"])))
        else:
            steps.append(DisplacementField(np.load(folder / part["array"]), part["affine"]))
    return Composite(steps)


def main() -> None:
    file = Path(sys.argv[1])
    pair = json.loads(file.read_text())
    sums = [int(np.load(file.parent / pair[name]["array"]).sum()) for name in ("fixed", "moving")]
    (file.parent / "seen.json").write_text(json.dumps({"pair": pair, "sums": sums}))
    if pair["fixed"]["name"] == "refused":
        print(json.dumps({"event": "error", "message": "refused: cannot be judged"}), flush=True)
        return
    transform = read_transform(pair["transform"], file.parent)
    print(json.dumps({"event": "ready"}), flush=True)
    for line in sys.stdin:
        question = json.loads(line)
        if "index" not in question:
            transform = read_transform(question["transform"], file.parent)
            continue
        if question["index"] == [0, 0, 0]:
            said = {"event": "error", "message": "outside", "number": question["number"]}
        elif question["index"] == [1, 1, 1]:
            sys.exit(3)
        else:
            point = np.array(question["matrix"]) @ [11, -7, 5, 1]
            ends = transform.apply(point[:3])
            said = {"event": "scores", "number": question["number"]}
            said["planes"] = [
                {"name": n, "probability_misaligned": None, "error_mm": e, "flagged": False}
                for n, e in zip(("sagittal", "coronal", "axial"), ends, strict=True)
            ]
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
