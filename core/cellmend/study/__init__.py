"""Studies: what the models do on images with true masks, as tables and a page with pictures."""
