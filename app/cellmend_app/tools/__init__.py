"""What the pointer does on the image: one class per tool, all `Tool`.

A tool is told of presses, moves, releases and clicks in image coordinates and
changes the document through commands. It knows nothing of the view.
"""

from cellmend_app.tools.cells import Delete, Merge, Pick
from cellmend_app.tools.outline import Outline
from cellmend_app.tools.protocol import Pointer, Tool
from cellmend_app.tools.strokes import Brush, Eraser, Stroke

__all__ = [
    "Brush",
    "Delete",
    "Eraser",
    "Merge",
    "Outline",
    "Pick",
    "Pointer",
    "Stroke",
    "Tool",
]
