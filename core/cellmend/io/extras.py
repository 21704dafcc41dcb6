"""Libraries that are installed only by those who need them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from cellmend.errors import FileFormatError


def library(path: Path, module: str, extra: str) -> Any:
    """Import the library that reads `path`.

    Raises
    ------
    FileFormatError
        If it is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise FileFormatError(
            path,
            f"reading {path.suffix} files needs a library that is not installed.",
            hint=f'Install it with: pip install "cellmend[{extra}]"',
        ) from error
