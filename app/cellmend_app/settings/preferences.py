"""Typed access to the few things that are remembered between sessions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PyQt6.QtCore import QByteArray, QSettings


class Preferences:
    """The window, theme, device, model, keys, last folder, and what is known of folders."""

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store if store is not None else QSettings("Cellmend", "Cellmend")

    @property
    def light(self) -> bool:
        """Whether the person chose the light theme; dark is the default."""
        return str(self._store.value("theme", "dark")) == "light"

    @light.setter
    def light(self, value: bool) -> None:
        self._store.setValue("theme", "light" if value else "dark")

    @property
    def device(self) -> str:
        """Where networks run: ``auto``, or as the command line names it."""
        return str(self._store.value("device", "auto"))

    @device.setter
    def device(self, value: str) -> None:
        self._store.setValue("device", value)

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """Shortcuts that the person gave to actions, by their ids; the others have the usual."""
        try:
            given = json.loads(str(self._store.value("keys", "{}")))
            return {str(name): tuple(map(str, keys)) for name, keys in given.items()}
        except (ValueError, TypeError, AttributeError):
            return {}

    @keys.setter
    def keys(self, value: Mapping[str, Sequence[str]]) -> None:
        self._store.setValue("keys", json.dumps({name: list(keys) for name, keys in value.items()}))

    @property
    def geometry(self) -> QByteArray | None:
        """Place and size of the window, as Qt stores them."""
        value = self._store.value("geometry")
        return value if isinstance(value, QByteArray) else None

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("geometry", value)

    @property
    def arrangement(self) -> QByteArray | None:
        """Whether and where the table of cells is shown, as Qt stores it."""
        value = self._store.value("arrangement")
        return value if isinstance(value, QByteArray) else None

    @arrangement.setter
    def arrangement(self, value: QByteArray) -> None:
        self._store.setValue("arrangement", value)

    @property
    def model(self) -> str:
        """The model that found cells the last time; empty at first."""
        return str(self._store.value("model", ""))

    @model.setter
    def model(self, value: str) -> None:
        self._store.setValue("model", value)

    @property
    def folder(self) -> Path:
        """Where the last file was opened; the home folder at first."""
        path = Path(str(self._store.value("folder", str(Path.home()))))
        return path if path.is_dir() else Path.home()

    @folder.setter
    def folder(self, value: Path) -> None:
        self._store.setValue("folder", str(value))

    def review(self, folder: Path) -> dict[str, str]:
        """Return the review state of the images of a folder, by file name."""
        try:
            states = json.loads(str(self._store.value(_folder_key("review", folder), "{}")))
        except ValueError:
            return {}
        if not isinstance(states, dict):
            return {}
        return {str(name): str(state) for name, state in states.items()}

    def set_review(self, folder: Path, states: Mapping[str, str]) -> None:
        """Remember the review state of the images of a folder."""
        self._store.setValue(_folder_key("review", folder), json.dumps(dict(states)))

    def pixel_size(self, folder: Path) -> dict[str, float]:
        """Return the size of a pixel in µm of images of a folder whose files tell none."""
        try:
            size = json.loads(str(self._store.value(_folder_key("pixel-size", folder), "{}")))
            return {str(axis): float(length) for axis, length in size.items() if length > 0}
        except (ValueError, TypeError, AttributeError):
            return {}

    def set_pixel_size(self, folder: Path, size_um: Mapping[str, float]) -> None:
        """Remember the size of a pixel of images of a folder whose files tell none."""
        self._store.setValue(_folder_key("pixel-size", folder), json.dumps(dict(size_um)))


def _folder_key(what: str, folder: Path) -> str:
    # A path itself would make groups of its parts.
    return f"{what}/{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}"
