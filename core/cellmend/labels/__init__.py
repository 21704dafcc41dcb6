"""Editing label images: patches, painting, operations, outlines and an index of ids.

Everything here reads a label image and describes a change; only
`Patch.apply` and `Patch.revert` ever write to an array.
"""
