"""Ask for files and folders."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QWidget

IMAGES = "Images (*.tif *.tiff *.png *.jpg *.jpeg *.bmp *.npy);;All files (*)"
SEGMENTATIONS = "Cellpose segmentation (*_seg.npy);;All files (*)"
MASKS = "Masks (*.tif *.tiff *.png *_seg.npy);;All files (*)"
MODELS = "Models (*.safetensors *);;All files (*)"


def choose_file(parent: QWidget, title: str, folder: Path, kinds: str) -> Path | None:
    """Return the file that the person chose, None if they cancelled."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, str(folder), kinds)
    return Path(chosen) if chosen else None


def choose_folder(parent: QWidget, title: str, folder: Path) -> Path | None:
    """Return the folder that the person chose, None if they cancelled."""
    chosen = QFileDialog.getExistingDirectory(parent, title, str(folder))
    return Path(chosen) if chosen else None
