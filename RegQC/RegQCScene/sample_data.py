"""The bundled pair in the Sample Data module: no network needed, checked by SHA256."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer

CATEGORY = "RegQC"
ALIGNED, MOVED = "RegQC_AlignedPair", "RegQC_MovedPair"

# name of the node, file, type of file in Slicer's words, checksum
FILES = {
    "RegQC_FLAIR": (
        "flair.nii.gz",
        "VolumeFile",
        "071fe721dac5a17d9c4bd36885c15ee54497174983c3be6a78fc1b7e6b181f76",
    ),
    "RegQC_T1": (
        "t1w.nii.gz",
        "VolumeFile",
        "449d3c9a76b9a9290e702884670d81bec1a99a578a6de8954d01dfe84bbfc152",
    ),
    "RegQC_Moved": (
        "moved.tfm",
        "TransformFile",
        "9c54cb30830293f78cf64246d9fb4f26831254df0288ffc9de3415eb1bd04da2",
    ),
}
SAMPLES = {ALIGNED: ("RegQC_FLAIR", "RegQC_T1"), MOVED: tuple(FILES)}


def sampleFolder() -> Path:
    """Return the folder of the bundled files: beside the module, or the top of a checkout.

    Raises FileNotFoundError where it is in neither place.
    """
    module = Path(__file__).resolve().parents[1]
    for folder in (module, module.parent):
        sample = folder / "Resources" / "SampleData"
        if sample.is_dir():
            return sample
    raise FileNotFoundError(f"no folder Resources/SampleData in {module} or above it")


def registerSampleData() -> None:
    """Offer the pair in the Sample Data module, aligned and moved; nothing where that is absent."""
    try:
        from SampleData import SampleDataLogic
    except ImportError:  # started without Slicer's own scripted modules
        return
    for name in SAMPLES:
        SampleDataLogic.registerCustomSampleDataSource(**source(name))


def loadSample() -> list[Any]:
    """Load the bundled files; returns the fixed volume, the moving volume, the transform."""
    nodes = []
    for name, (file, kind, _digest) in FILES.items():
        load = slicer.util.loadTransform if kind == "TransformFile" else slicer.util.loadVolume
        node = load(str(sampleFolder() / file))
        node.SetName(name)
        nodes.append(node)
    return nodes


def source(sample: str) -> dict[str, Any]:
    """Return the arguments of ``registerCustomSampleDataSource`` for one of `SAMPLES`."""
    folder = sampleFolder()
    nodes = SAMPLES[sample]
    files, types, digests = zip(*(FILES[node] for node in nodes), strict=True)
    thumbnail = Path(__file__).resolve().parents[1] / "Resources" / "Icons" / f"{sample}.png"
    return {
        "category": CATEGORY,
        "sampleName": sample,
        "uris": [(folder / name).as_uri() for name in files],
        "fileNames": [f"RegQC-{name}" for name in files],  # the cache is shared by all modules
        "nodeNames": list(nodes),
        "loadFileType": list(types),
        "checksums": [f"SHA256:{digest}" for digest in digests],
        "thumbnailFileName": str(thumbnail),
    }
