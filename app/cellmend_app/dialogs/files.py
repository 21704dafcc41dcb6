"""Ask for files and folders."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QWidget

IMAGES = (
    "Images and projects (*.cellmend *.tif *.tiff *.png *.jpg *.jpeg *.bmp *.npy"
    " *.nd2 *.czi *.lif *.h5 *.zarr.zip);;All files (*)"
)
SEGMENTATIONS = "Cellpose segmentation (*_seg.npy);;All files (*)"
PROJECTS = "Cellmend projects (*.cellmend)"
TABLES = "Tables (*.csv *.xlsx *.parquet)"
PICTURES = "Pictures (*.png)"
MASKS = "Masks (*.tif *.tiff *.png *_seg.npy);;All files (*)"
SETTINGS = "Settings (*.yaml *.yml);;All files (*)"
MODELS = "Models (*.safetensors *);;All files (*)"


def choose_file(parent: QWidget, title: str, folder: Path, kinds: str) -> Path | None:
    """Return the file that the person chose, None if they cancelled."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, str(folder), kinds)
    return Path(chosen) if chosen else None


def choose_folder(parent: QWidget, title: str, folder: Path) -> Path | None:
    """Return the folder that the person chose, None if they cancelled."""
    chosen = QFileDialog.getExistingDirectory(parent, title, str(folder))
    return Path(chosen) if chosen else None


def choose_new_file(
    parent: QWidget,
    title: str,
    suggested: Path,
    kinds: str,
    may_replace: Callable[[Path], bool],
) -> Path | None:
    """Return where to save, None if the person cancelled.

    A name without an ending of the kinds gets that of the suggested one. Qt asks before a file
    of the name typed is replaced; `may_replace` is asked about one of the name completed.
    """
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(suggested), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    if path.suffix.lower() in re.findall(r"\*(\.\w+)", kinds):
        return path
    path = path.with_name(path.name + suggested.suffix)
    return path if not path.exists() or may_replace(path) else None
