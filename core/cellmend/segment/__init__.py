"""Finding the cells of an image."""

from cellmend.segment.pipeline import Segmentation, Segmenter

__all__ = ["Segmentation", "Segmenter"]
