"""Numbers about each cell."""

from cellmend.measure.cells import table

__all__ = ["table"]
