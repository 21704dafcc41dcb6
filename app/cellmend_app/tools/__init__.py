"""What the pointer does on the image: one class per tool, all `Tool`.

A tool is told of presses, moves, releases and clicks in image coordinates and changes the
document through commands, or has `CellService` change whole cells. It knows nothing of the
view.
"""

from cellmend_app.tools.cells import Delete, Fill, Find, Merge, Pick
from cellmend_app.tools.move import Move
from cellmend_app.tools.outline import Outline
from cellmend_app.tools.polygon import Polygon
from cellmend_app.tools.protocol import Pointer, Tool
from cellmend_app.tools.region import RegionTool
from cellmend_app.tools.select import Lasso, Rectangle
from cellmend_app.tools.split import SplitLine, SplitPoints
from cellmend_app.tools.strokes import Brush, Eraser, Stroke

__all__ = [
    "Brush",
    "Delete",
    "Eraser",
    "Fill",
    "Find",
    "Lasso",
    "Merge",
    "Move",
    "Outline",
    "Pick",
    "Pointer",
    "Polygon",
    "Rectangle",
    "RegionTool",
    "SplitLine",
    "SplitPoints",
    "Stroke",
    "Tool",
]
