"""Flows from masks and masks from flows."""

from cellmend.dynamics.flows import masks_to_flows
from cellmend.dynamics.masks import MaskResult, flows_to_masks, masks_from_flows

__all__ = ["MaskResult", "flows_to_masks", "masks_from_flows", "masks_to_flows"]
