"""Files in and out."""

from cellmend.io.formats import read, write

__all__ = ["read", "write"]
