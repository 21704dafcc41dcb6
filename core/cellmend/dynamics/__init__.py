"""Flows from masks and masks from flows."""

from cellmend.dynamics.flows import masks_to_flows

__all__ = ["masks_to_flows"]
