"""``regqc manifest``: the list of pairs that ``regqc batch`` takes, from what lies in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make a manifest for `regqc batch`.", no_args_is_help=True)

Out = Annotated[
    Path, typer.Option(help="The manifest, a .csv or .tsv; best in a folder above the images.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier manifest.")]


@app.command("bids")
def bids_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A BIDS dataset.")],
    out: Out = Path("manifest.csv"),
    fixed: Annotated[
        str, typer.Option(metavar="FILTER", help="Entities of fixed images.")
    ] = "suffix=T1w",
    moving: Annotated[
        str | None,
        typer.Option(
            metavar="FILTER",
            help="Entities of moving images, such as suffix=bold; else all other anatomical ones.",
        ),
    ] = None,
    transform: Annotated[
        str | None, typer.Option(metavar="FILTER", help="Entities of transforms.")
    ] = None,
    mask: Annotated[
        str | None, typer.Option(metavar="FILTER", help="Entities of masks of the fixed images.")
    ] = None,
    derivatives: Annotated[
        list[Path] | None, typer.Option(help="Folder of derived data to look into, too.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Pair the images of each subject and session; a FILTER is like suffix=T1w,space=MNI152."""
    from RegQCLib.batch.bids import parsed_filters, rows_of_bids

    rows = rows_of_bids(
        folder,
        fixed=parsed_filters(fixed),
        moving=parsed_filters(moving),
        transform=parsed_filters(transform),
        mask=parsed_filters(mask),
        derivatives=derivatives or (),
    )
    _write(rows, out, overwrite=overwrite)


@app.command("folder")
def folder_command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files lie.")],
    patterns: Annotated[
        list[str],
        typer.Argument(
            metavar="ROLE=PATTERN...",
            help="Such as 'fixed={id}/t1.nii.gz' 'moving={id}/{visit}_t2.nii.gz'.",
        ),
    ],
    out: Out = Path("manifest.csv"),
    overwrite: Overwrite = False,
) -> None:
    """Pair files whose {names} agree; * is anything within a name, **/ any folders between."""
    from RegQCLib.batch.patterns import rows_of_folder

    _write(rows_of_folder(folder, patterns), out, overwrite=overwrite)


def _write(rows: list[dict[str, str]], out: Path, *, overwrite: bool) -> None:
    from RegQCLib.batch.write_manifest import write_manifest

    path = write_manifest(rows, out, overwrite=overwrite)
    typer.echo(f"{len(rows)} {'pair' if len(rows) == 1 else 'pairs'} in {path}")
