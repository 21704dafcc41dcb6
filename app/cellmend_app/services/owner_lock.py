"""Locks that tell other windows that a file's owner is alive."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QLockFile


def owner_lock(path: Path) -> QLockFile:
    """Return the lock of a file, not yet taken; only the death of its owner makes it stale."""
    lock = QLockFile(str(path.with_suffix(".lock")))
    lock.setStaleLockTime(0)
    return lock
