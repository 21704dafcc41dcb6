"""The other program's side of `agreement.py`; runs in its environment, not in ours."""

import sys
from pathlib import Path

import numpy as np
import torch
from cellpose import dynamics

CPU = torch.device("cpu")
GRID_SAMPLE = torch.nn.functional.grid_sample


def centred(image, points, align_corners):
    """Sample at the pixels' centres, as cellpose's code for planes does on a CPU."""
    return GRID_SAMPLE(image, points, align_corners=True)


def masks(flows, cellprob, niter):
    """Return the masks that cellpose makes of these flows with its default thresholds."""
    return dynamics.resize_and_compute_masks(
        flows.astype(np.float32),
        cellprob.astype(np.float32),
        niter=niter,
        do_3D=cellprob.ndim == 3,
        device=CPU,
    )


def answer(given):
    """Return the flows of the true masks, and the masks of those flows and of the network's."""
    truth = given["masks"]
    flows = dynamics.masks_to_flows(truth.astype(np.int64), device=CPU)[: truth.ndim]
    unit = flows if truth.ndim == 2 else flows / 2
    found = {"flows": flows, "true_masks": masks(5 * unit, np.where(truth > 0, 5, -5), 200)}
    if "flows" in given:
        network = given["flows"], given["cellprob"], int(given["niter"])
        found["network_masks"] = masks(*network)
        torch.nn.functional.grid_sample = centred
        found["centred_masks"] = masks(*network)
        torch.nn.functional.grid_sample = GRID_SAMPLE
    return found


for file in sorted(Path(sys.argv[1]).glob("*.npz")):
    np.savez(file.with_suffix(".peer.npz"), **answer(np.load(file)))
