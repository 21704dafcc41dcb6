"""What can be done: a table of actions, what they act on, and what they do.

`table` is the data, `editing` its part on masks, `viewing` its part on how the image is
seen, `when` its conditions; `live` makes Qt
actions of it, `workbench` is what they act on.
"""

from cellmend_app.actions.editing import PANEL, TOOLS
from cellmend_app.actions.live import Actions
from cellmend_app.actions.table import PRIMARY, PROMINENT, TABLE, TOOL_BAR, usual_keys
from cellmend_app.actions.viewing import ARRANGEMENT_ACTIONS, VIEW_TOOLS
from cellmend_app.actions.workbench import Panels, Services, Workbench

__all__ = [
    "ARRANGEMENT_ACTIONS",
    "PANEL",
    "PRIMARY",
    "PROMINENT",
    "TABLE",
    "TOOLS",
    "TOOL_BAR",
    "VIEW_TOOLS",
    "Actions",
    "Panels",
    "Services",
    "Workbench",
    "usual_keys",
]
