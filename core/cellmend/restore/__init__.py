"""Mending images: the restoration networks, and the degradations they are trained on."""

from cellmend.restore.degrade import Degradation, degrade
from cellmend.restore.pipeline import Restoration, Restorer
from cellmend.restore.scale import SCALES, Scale, to_scale

__all__ = ["SCALES", "Degradation", "Restoration", "Restorer", "Scale", "degrade", "to_scale"]
