"""What is open: the image, its layers, the labels and the history of edits.

`Document` is the one object that panels, services, tools and the viewer share.
Only `LabelModel` writes labels; only commands (see `cellmend_app.commands`)
ask it to, so that every edit can be undone.
"""

from cellmend_app.document.document import Document
from cellmend_app.document.history import Block, History, Packable
from cellmend_app.document.labels import Box, LabelContent, LabelModel, Snapshot
from cellmend_app.document.layers import FlowLayer, MaskLayer, RestoredLayer, labels_shape
from cellmend_app.document.review import Review, ReviewState

__all__ = [
    "Block",
    "Box",
    "Document",
    "FlowLayer",
    "History",
    "LabelContent",
    "LabelModel",
    "MaskLayer",
    "Packable",
    "RestoredLayer",
    "Review",
    "ReviewState",
    "Snapshot",
    "labels_shape",
]
