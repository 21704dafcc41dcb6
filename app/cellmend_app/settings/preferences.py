"""Typed access to the few things that are remembered between sessions."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QByteArray, QSettings


class Preferences:
    """Window geometry, theme and last folder, in `QSettings`."""

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
    def geometry(self) -> QByteArray | None:
        """Place and size of the window, as Qt stores them."""
        value = self._store.value("geometry")
        return value if isinstance(value, QByteArray) else None

    @geometry.setter
    def geometry(self, value: QByteArray) -> None:
        self._store.setValue("geometry", value)

    @property
    def folder(self) -> Path:
        """Where the last file was opened; the home folder at first."""
        path = Path(str(self._store.value("folder", str(Path.home()))))
        return path if path.is_dir() else Path.home()

    @folder.setter
    def folder(self, value: Path) -> None:
        self._store.setValue("folder", str(value))
