"""Reading and writing volumes. World is RAS mm; every header is checked before voxels are read.

Read: NIfTI, NRRD, MetaImage, MGH, a DICOM folder, and whatever else SimpleITK knows.
Written: .nii, .nii.gz, .nrrd, .mha, .mgh, .mgz.
"""

from __future__ import annotations

from pathlib import Path

import SimpleITK

from RegQCLib.errors import InputError
from RegQCLib.geometry.atomic_file import atomic_file
from RegQCLib.geometry.dicom import load_series, read_slices
from RegQCLib.geometry.file_bytes import content_kind, is_gzip
from RegQCLib.geometry.itk_io import read_itk
from RegQCLib.geometry.nibabel_io import read_mgh, read_nifti, write_mgh, write_nifti
from RegQCLib.geometry.sitk import quiet, to_sitk
from RegQCLib.geometry.volume import Volume

FORMATS = {
    ".nii": "NIfTI",
    ".nii.gz": "NIfTI",
    ".hdr": "NIfTI",
    ".nrrd": "NRRD",
    ".nhdr": "NRRD",
    ".mha": "MetaImage",
    ".mhd": "MetaImage",
    ".mgh": "MGH",
    ".mgz": "MGH",
}
COMPRESSED = {".nii": ".nii.gz", ".mgh": ".mgz"}
WRITABLE = (".nii", ".nii.gz", ".nrrd", ".mha", ".mgh", ".mgz")


def load_volume(path: str | Path, *, name: str | None = None) -> Volume:
    """Read a scalar 3-D image from a file, or from a folder that holds one DICOM series.

    name: what to call it in messages and reports; the file's name by default.
    Values keep their stored type unless the header scales them (then floating point).
    Raises InputError, one line, when there is no such image or it is not usable: DESIGN.md 5.
    """
    path = Path(path).expanduser()
    name = path.name if name is None else name
    try:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")
        with quiet():
            return load_series(path, name) if path.is_dir() else _load_file(path, name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path}: cannot be read ({reason}); check it and its rights") from error


def save_volume(volume: Volume, path: str | Path) -> None:
    """Write ``volume`` in the format of the suffix: .nii, .nii.gz, .nrrd, .mha, .mgh or .mgz.

    The file appears complete or not at all and replaces an earlier one. Booleans become uint8,
    float16 float32.
    Raises InputError for another suffix or a folder that cannot be written.
    """
    path = Path(path).expanduser()
    ending = suffix(path)
    if ending not in WRITABLE:
        raise InputError(
            f"{path}: cannot write {ending or 'a file without suffix'}; "
            f"choose one of {', '.join(WRITABLE)}"
        )
    with atomic_file(path) as staging:
        if FORMATS[ending] == "NIfTI":
            write_nifti(volume, staging)
        elif FORMATS[ending] == "MGH":
            write_mgh(volume, staging)
        else:
            SimpleITK.WriteImage(to_sitk(volume), str(staging), useCompression=True)


def suffix(path: Path) -> str:
    """Return the lower-case suffix, ".nii.gz" and the like as one."""
    parts = [s.lower() for s in path.suffixes]
    return "".join(parts[-2:]) if parts[-1:] == [".gz"] else "".join(parts[-1:])


def _load_file(path: Path, name: str) -> Volume:
    if not path.is_file():
        raise InputError(f"{path}: not a regular file; give an image file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; copy or export it again")
    kind = _truthful_kind(path)
    if suffix(path) in FORMATS and kind in ("NIfTI", "Analyze"):
        return read_nifti(path, name)
    if kind == "MGH":
        return read_mgh(path, name)
    if kind == "DICOM":
        return read_slices(path, (str(path),), name)
    return read_itk(path, name)


def _truthful_kind(path: Path) -> str | None:
    """Return the kind of the content; raise InputError when the suffix says another."""
    ending = suffix(path)
    expected = FORMATS.get(ending)
    found = content_kind(path)
    fitting = sorted(s for s, kind in FORMATS.items() if kind == found)
    if expected is None:
        if found == "text":
            raise InputError(f"{path}: a text file; give an image file")
        if fitting:
            raise InputError(
                f"{path}: the content is {found} but the suffix is not; "
                f"rename it to {' or '.join(fitting)}"
            )
        return found
    if found is None:
        raise InputError(
            f"{path}: not a {expected} file, and of no kind known here; copy or export it again"
        )
    if found != expected and not (ending == ".hdr" and found == "Analyze"):
        advice = f"rename it to {' or '.join(fitting)}" if fitting else "give an image file"
        raise InputError(f"{path}: named like {expected} but the content is {found}; {advice}")
    zipped = is_gzip(path)
    for plain, packed in COMPRESSED.items():
        if ending == plain and zipped:
            raise InputError(f"{path}: compressed by gzip; rename it to {packed}")
        if ending == packed and not zipped:
            raise InputError(f"{path}: not compressed by gzip; rename it to {plain}")
    return found
