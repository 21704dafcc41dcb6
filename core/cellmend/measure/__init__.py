"""Numbers about each cell."""

from cellmend.labels.confidence import Confidence
from cellmend.measure.cells import table

__all__ = ["Confidence", "table"]
