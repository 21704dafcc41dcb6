"""Flows from masks and masks from flows."""

from cellmend.dynamics.flows import masks_to_flows
from cellmend.dynamics.masks import MaskMaker, MaskResult, flows_to_masks, masks_from_flows

__all__ = ["MaskMaker", "MaskResult", "flows_to_masks", "masks_from_flows", "masks_to_flows"]
