"""Which files are images, which are results, and how results are named.

The names are Cellpose's: a result is called after its image, `<stem><suffix>`,
where the stem is the file name without its last extension.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cellmend.errors import FileFormatError
from cellmend.io import scenes
from cellmend.io.formats import EXTENSIONS
from cellmend.io.ome_zarr import is_zarr

MASKS_TIF = "_cp_masks.tif"
MASKS_PNG = "_cp_masks.png"
MASKS_ZARR = "_cp_masks.zarr"
OUTLINES_TXT = "_cp_outlines.txt"
FLOWS_TIF = "_cp_flows.tif"
CELLPROB_TIF = "_cp_cellprob.tif"
ROIS_ZIP = "_rois.zip"
GEOJSON = "_rois.geojson"
COCO_JSON = "_coco.json"
SEG_NPY = "_seg.npy"
RESTORED = "_restored"
RESTORED_TIF = f"{RESTORED}.tif"
MEASUREMENTS_CSV = "_measurements.csv"
MEASUREMENTS_XLSX = "_measurements.xlsx"
OVERLAY_PNG = "_overlay.png"

Wanted = Callable[[Path], bool]

_DERIVED = re.compile(
    r"(_masks|_seg|_flows|_flows_\d|_dP|_cellprob|_cp_output|_outlines|_overlay)$"
)


@dataclass(frozen=True)
class FileList:
    """Images that were found, and what could not be found.

    Parameters
    ----------
    files
        Images in the order of the inputs; within a folder by name, numbers by value.
    problems
        One error per input that gave nothing, to be reported beside the results.
    """

    files: list[Path] = field(default_factory=list)
    problems: list[FileFormatError] = field(default_factory=list)


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sort names as people do: ``image2`` before ``image10``."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in parts]


def is_image(path: Path) -> bool:
    """Tell whether a file is an image by its name, and not a result of another.

    A restored image counts as a result only where its original lies beside it;
    in a folder of their own restored images are images like any other.
    """
    if path.name.startswith(".") or path.suffix.lower() not in EXTENSIONS:
        return False
    return _DERIVED.search(path.stem) is None and not _lies_beside_its_original(path)


def is_masks(path: Path) -> bool:
    """Tell by its name whether a file holds masks: ``_seg.npy``, or ``_masks.`` and an ending."""
    return path.name.endswith(SEG_NPY) or path.stem.endswith("_masks")


def is_there(path: Path) -> bool:
    """Tell whether `path` is a file, one image of a file, or a Zarr folder, which counts as one."""
    return scenes.split(path)[0].is_file() or is_zarr(path)


def _lies_beside_its_original(path: Path) -> bool:
    original = path.stem.removesuffix(RESTORED)
    if original == path.stem:
        return False
    return any(path.with_name(original + ending).exists() for ending in EXTENSIONS)


def list_images(inputs: Iterable[str | Path]) -> FileList:
    """Find the images that files, folders and patterns such as ``data/*.tif`` name.

    A file that is named itself is always taken; folders (not their subfolders)
    and patterns leave out results such as ``_masks.tif``. Each image comes once.
    """
    return _list(inputs, is_image, "images")


def list_masks(inputs: Iterable[str | Path]) -> FileList:
    """Find the masks that files, folders and patterns name; a named file is always taken."""
    return _list(inputs, _is_readable_masks, "masks")


def _is_readable_masks(path: Path) -> bool:
    visible = not path.name.startswith(".")
    return visible and path.suffix.lower() in EXTENSIONS and is_masks(path)


def _list(inputs: Iterable[str | Path], wanted: Wanted, noun: str) -> FileList:
    found = FileList()
    seen: set[Path] = set()
    for item in inputs:
        try:
            files = _matches(Path(item), wanted, noun)
        except FileFormatError as error:
            found.problems.append(error)
            continue
        except OSError as error:
            reason = f"it cannot be reached ({error.strerror})."
            found.problems.append(FileFormatError(item, reason))
            continue
        new = [file for file in files if file.resolve() not in seen]
        seen.update(file.resolve() for file in new)
        found.files.extend(new)
    return found


def _matches(path: Path, wanted: Wanted, noun: str) -> list[Path]:
    if path.is_dir() and not is_zarr(path):
        files = _in_folder(path, wanted)
        if not files:
            raise FileFormatError(path, f"there are no {noun} in this folder.")
        return files
    if scenes.split(path)[0].exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise FileFormatError(path, "there is no such file or folder.")
    hits = (Path(hit) for hit in glob.iglob(str(path), recursive=True))
    files = sorted((hit for hit in hits if wanted(hit) and is_there(hit)), key=_by_folder)
    if not files:
        raise FileFormatError(path, f"no {noun} match this pattern.")
    return files


def _by_folder(path: Path) -> tuple[str, list[tuple[int, int, str]]]:
    return str(path.parent), natural_key(path)


def images_in(folder: Path) -> list[Path]:
    """Return the images of a folder, by name."""
    return _in_folder(folder, is_image)


def _in_folder(folder: Path, wanted: Wanted) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if wanted(file) and is_there(file)]
    except OSError as error:
        raise FileFormatError(folder, f"the folder cannot be read ({error.strerror}).") from error
    return sorted(files, key=natural_key)


def siblings(path: str | Path) -> list[Path]:
    """Return the images of the folder that `path` is in, itself included."""
    file = Path(path)
    files = images_in(file.parent)
    return files if file in files else sorted([*files, file], key=natural_key)


def output_path(image: str | Path, suffix: str, folder: str | Path | None = None) -> Path:
    """Return ``<stem><suffix>`` beside the image, or in `folder`; see also `scenes.stem`."""
    file = Path(image)
    return Path(file.parent if folder is None else folder) / f"{scenes.stem(file)}{suffix}"
