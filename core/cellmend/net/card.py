"""The model card in the header of a weight file; read without torch."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cellmend.errors import FileFormatError

CARD_KEY = "cellmend"


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_card(path: str | Path) -> dict[str, Any]:
    """Read only the model card of a safetensors file, without its tensors or torch.

    Raises
    ------
    FileFormatError
        If the header is not that of a safetensors file.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= path.stat().st_size:
                raise ValueError("header length")
            metadata = json.loads(file.read(length)).get("__metadata__", {})
        card: dict[str, Any] = json.loads(metadata.get(CARD_KEY, "{}"))
    except (OSError, ValueError, AttributeError) as error:
        raise FileFormatError(path, "this is not a safetensors file.") from error
    return card
