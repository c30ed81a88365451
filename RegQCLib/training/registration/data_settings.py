"""[data]: which images a registration network learns from, and how they are laid on one grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from RegQCLib.errors import InputError
from RegQCLib.training.tables import require_not_negative, require_positive, require_share


@dataclass(frozen=True)
class DataSettings:
    """Where pairs come from.

    source: "folder" of images, table ("csv") or synthetic "shapes". path: of the folder or table;
    ``~`` and ``$NAME`` are replaced. images, labels, masks: patterns of files in the folder, with
    ``{subject}`` for what tells people apart, ``*`` for anything, ``**/`` for folders between.
    pairs: "all" ordered pairs of different subjects, or the moving "atlas" (a file, and its labels)
    to each subject; tables with the columns fixed and moving name pairs themselves.
    validation_share: of the subjects, kept for validation; validation_subjects, test_subjects:
    instead, who is kept for validation, and who is not used; a table may say so in a column split.
    validation_pairs: at most so many.
    align: before training, images meet by their "center", their "header", or an "affine"
    registration to the atlas or else the first image. keep_gb: memory for prepared images.
    Of shapes: size: voxels along each side. bank_maps, bank_size: label maps they are cut from.
    curriculum: share of the steps over which pairs grow from easy to hard. shapes: settings of
    `RegQCLib.synthesis.registration_pairs.ShapeSettings`.
    """

    source: Literal["folder", "csv", "shapes"]
    path: str = ""
    images: str = ""
    labels: str = ""
    masks: str = ""
    pairs: Literal["all", "atlas"] = "all"
    atlas: str = ""
    atlas_labels: str = ""
    validation_share: float = 0.2
    validation_subjects: tuple[str, ...] = ()
    test_subjects: tuple[str, ...] = ()
    validation_pairs: int = 20
    align: Literal["center", "header", "affine"] = "center"
    keep_gb: float = 8.0
    size: int = 128
    bank_maps: int = 96
    bank_size: int = 128
    curriculum: float = 0.0
    shapes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_share(self, "validation_share", "curriculum")
        require_positive(self, "keep_gb", "size", "bank_maps", "bank_size")
        require_not_negative(self, "validation_pairs")
        if self.source == "folder" and not self.images:
            raise InputError("needs images, a pattern such as {subject}/t1.nii.gz")
        if self.pairs == "atlas" and not self.atlas:
            raise InputError("pairs = 'atlas' needs atlas, an image file")
