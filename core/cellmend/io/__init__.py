"""Files in and out."""

from cellmend.io.formats import read

__all__ = ["read"]
