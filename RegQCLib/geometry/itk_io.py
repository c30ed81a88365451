"""NRRD, MetaImage and all other files that SimpleITK reads.

ITK accepts negative spacings (it flips the axis) and missing NRRD directions without a word, and
prints to stderr when voxels are missing; so text headers are checked here first.
"""

from __future__ import annotations

import logging
import math
import re
from pathlib import Path

import SimpleITK

from RegQCLib.errors import InputError
from RegQCLib.geometry.file_bytes import opened, truncated
from RegQCLib.geometry.memory import require_memory
from RegQCLib.geometry.nibabel_io import require_grid, require_spacing, scalar_shape
from RegQCLib.geometry.sitk import affine_from_lps, from_sitk
from RegQCLib.geometry.volume import Volume

log = logging.getLogger(__name__)

MAX_HEADER_BYTES = 1 << 16

META_BYTES = {
    "MET_CHAR": 1,
    "MET_UCHAR": 1,
    "MET_SHORT": 2,
    "MET_USHORT": 2,
    "MET_INT": 4,
    "MET_UINT": 4,
    "MET_LONG": 4,
    "MET_ULONG": 4,
    "MET_LONG_LONG": 8,
    "MET_ULONG_LONG": 8,
    "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}


def read_itk(path: Path, name: str) -> Volume:
    """Read a scalar 3-D image through SimpleITK.

    Raises InputError when SimpleITK does not know the file, or it holds no scalar 3-D image on a
    usable grid.
    """
    with opened(path) as stream:
        head = stream.read(MAX_HEADER_BYTES)
    if head.startswith(b"NRRD"):
        _check_nrrd(path, head)
    elif path.suffix.lower() in (".mha", ".mhd"):
        check_meta(path, head)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _refusal(path, error) from error
    shape = scalar_shape(path, reader.GetSize())
    if reader.GetNumberOfComponents() != 1:
        pixel = SimpleITK.GetPixelIDValueAsString(reader.GetPixelID())
        if "complex" in pixel:
            raise InputError(f"{path}: complex values; save the magnitude first")
        raise InputError(
            f"{path}: {reader.GetNumberOfComponents()} values a voxel (color or vector); "
            "extract one scalar channel first"
        )
    dimension = reader.GetDimension()
    direction = reader.GetDirection()
    rows = [direction[r * dimension + c] for r in range(3) for c in range(3)]
    affine = affine_from_lps(reader.GetOrigin()[:3], reader.GetSpacing()[:3], rows)
    require_grid(path, shape, affine)
    require_memory(path, shape, 8)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _refusal(path, error) from error
    while image.GetDimension() > 3:
        image = image[..., 0]
    volume = from_sitk(image, name)
    return Volume(volume.array, affine, name)


def _check_nrrd(path: Path, head: bytes) -> None:
    """Refuse what ITK would read in another way than the file says."""
    text = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].decode("latin-1")
    fields = dict(re.findall(r"^([^#:\n]+):\s+(.*?)\s*$", text, re.MULTILINE))
    if "sizes" not in fields:
        raise InputError(f"{path}: the NRRD header lists no sizes; export the image again")
    if "space directions" in fields:
        columns = re.findall(r"none|\([^)]*\)", fields["space directions"].lower())
        if "none" in columns[-3:]:
            raise InputError(
                f"{path}: a spatial axis has no direction, or the image is a vector image; "
                "extract one scalar channel first"
            )
        vectors = [_numbers(c.strip("()"), ",") for c in columns if c != "none"]
        require_spacing(path, [math.hypot(*v) for v in vectors])
    elif "spacings" in fields:
        require_spacing(path, _numbers(fields["spacings"])[:3])
        log.warning("%s: no orientation in the header; axes are taken as left, posterior, up", path)
    else:
        log.warning("%s: no voxel size in the header; 1 mm is assumed", path)


def check_meta(path: Path, head: bytes) -> None:
    """Raise InputError for what MetaIO repairs, and for damage about which it prints to stderr.

    head: the first MAX_HEADER_BYTES of the file.
    """
    fields, offset = _meta_fields(path, head)
    spacing = fields.get("ElementSpacing") or fields.get("ElementSize")
    if spacing is None:
        log.warning("%s: no voxel size in the header; 1 mm is assumed", path)
    else:
        require_spacing(path, _numbers(spacing)[:3])
    sizes = _numbers(fields.get("DimSize", ""))
    channels = _numbers(fields.get("ElementNumberOfChannels", "1"))
    stored = fields.get("ElementType", "").removesuffix("_ARRAY")
    if (
        [float(len(sizes))] != _numbers(fields.get("NDims", ""))
        or not all(n >= 1 for n in sizes + channels)
        or stored not in META_BYTES
    ):
        raise truncated(path, "NDims, DimSize and ElementType do not describe an image")
    data = fields["ElementDataFile"]
    if data.startswith("LIST") or "%" in data:
        return  # one file a slice: ITK's own message must do
    source = path if data == "LOCAL" else path.parent / data
    if not source.is_file():
        raise InputError(f"{path}: its voxels are in {data}, which is missing; copy both files")
    expected = int(math.prod(sizes) * math.prod(channels)) * META_BYTES[stored]
    if fields.get("CompressedData", "").lower() == "true":
        packed = _numbers(fields.get("CompressedDataSize", "0"))
        expected = int(packed[0]) if packed and math.isfinite(packed[0]) else 0
    missing = expected - (source.stat().st_size - (offset if data == "LOCAL" else 0))
    if missing > 0:
        raise truncated(path, f"{missing} of {expected} bytes of voxels are missing")


def _meta_fields(path: Path, head: bytes) -> tuple[dict[str, str], int]:
    """Return the lines "key = value" up to ElementDataFile, and where voxels begin after it."""
    fields: dict[str, str] = {}
    offset = 0
    for line in head.split(b"\n"):
        offset += len(line) + 1
        key, sign, value = (part.strip() for part in line.decode("latin-1").partition("="))
        fields[key] = value
        if not sign:
            raise truncated(path, "a line of the header has no value")
        if key == "ElementDataFile":
            return fields, offset
    raise truncated(path, "the header has no ElementDataFile")


def _numbers(text: str, separator: str | None = None) -> list[float]:
    """Read the numbers of a header line; what is none becomes NaN, which later checks refuse."""
    result = []
    for word in text.split(separator):
        try:
            result.append(float(word))
        except ValueError:
            result.append(math.nan)
    return result


def _refusal(path: Path, error: RuntimeError) -> InputError:
    """Say in one line what ITK says in ten."""
    message = str(error)
    if "Unable to determine ImageIO" in message:
        return InputError(
            f"{path}: no image format known here; convert it to .nii.gz, .nrrd or .mha"
        )
    if "determinant is 0" in message:
        return InputError(f"{path}: the orientation in the header is singular; repair the header")
    if "Zero-valued spacing" in message:
        return InputError(f"{path}: a voxel size of 0 mm in the header; repair the header")
    if "couldn't open" in message:
        return InputError(f"{path}: its voxels are in another file, which is missing; copy both")
    return truncated(path, "the reader stopped")
