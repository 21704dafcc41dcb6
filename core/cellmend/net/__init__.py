"""The network: blocks, residual U-Net, losses, and safe loading of weights."""
