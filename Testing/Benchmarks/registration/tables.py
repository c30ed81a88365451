"""The figures of a run as Markdown."""

from __future__ import annotations

from typing import Any

from Testing.Benchmarks.detection.tables import table

COLUMNS = (
    ("TRE mean mm", "tre_mean"),
    ("p95", "tre_p95"),
    ("worst case", "worst_tre"),
    ("Dice", "dice"),
    ("folds", "folds"),
    ("SDlogJ", "sdlogj"),
    ("inverse mm", "inverse_mean"),
    ("wall s", "wall_s"),
    ("CPU s", "registration_cpu_s"),
    ("process wall s", "process_s"),
    ("process CPU s", "cpu_s"),
    ("GB", "peak_gb"),
    ("error / best peer", "accuracy_ratio"),
    ("wall / best peer", "wall_ratio"),
)
CAPTURE_COLUMNS = (
    ("below 2 mm", "success"),
    ("whole heads", "success_whole"),
    ("cropped", "success_cropped"),
)
TITLES = {
    "rigid": "Rigid, two contrasts",
    "affine": "Affine, two contrasts",
    "random": "Affine, random contrast",
    "capture": "Capture range",
    "same": "Deformable, one contrast",
    "cross": "Deformable, two contrasts",
    "inter": "Two people's brains",
    "natural": "Natural misalignments",
}


def markdown(result: dict[str, Any]) -> str:
    """A table a task; see summary.summarize."""
    parts = [_task(task, methods) for task, methods in result["tasks"].items()]
    parts += [f"Not run: {name}, {why}." for name, why in result["not_run"].items()]
    return "\n\n".join(parts) + "\n"


def _task(task: str, methods: dict[str, dict[str, Any]]) -> str:
    columns = CAPTURE_COLUMNS + COLUMNS if task == "capture" else COLUMNS
    used = [
        (head, key)
        for head, key in columns
        if any(m.get(key) is not None for m in methods.values())
    ]
    rows = []
    for name, figures in methods.items():
        if all(value is None for value in figures.values()):
            continue  # no truth is known
        failed = figures.get("failed")
        told = f"{name} ({failed} of {figures['cases']} failed)" if failed else name
        rows.append([told, *(figures.get(key) for _, key in used)])
    return f"### {TITLES[task]}\n\n" + table(["method", *(head for head, _ in used)], rows)
