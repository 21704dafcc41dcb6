"""Ask for files and folders."""

from __future__ import annotations

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


def choose_new_file(parent: QWidget, title: str, suggested: Path, kinds: str) -> Path | None:
    """Return where to save, None if the person cancelled; Qt asks before a file is replaced."""
    chosen, _ = QFileDialog.getSaveFileName(parent, title, str(suggested), kinds)
    if not chosen:
        return None
    path = Path(chosen)
    return path if path.suffix else path.with_suffix(suggested.suffix)
