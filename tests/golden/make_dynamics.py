"""Write ``dynamics.npz``: what cellpose 3.1.1.2 makes of one small image.

    python tests/golden/make_dynamics.py PEER_PYTHON NAME_masks.tif

The file that is here comes from an image of the 2018 Data Science Bowl (CC0). It holds the true
masks and cellpose's flows of them; and the bundled network's output, rounded so that the file
stays small, with cellpose's masks of it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import agreement

from cellmend.io.labels import read_labels
from cellmend.segment import Segmenter

agreement.SIDE = 80


def main(peer: str, file: Path) -> None:
    """Write the arrays."""
    masks = agreement.consecutive(agreement.central(read_labels(file)))
    output = agreement.network_output(Segmenter(device="cpu"), file, masks)
    flows = np.rint(output["flows"] * 16).clip(-127, 127).astype(np.int8)
    cellprob = np.rint(output["cellprob"] * 8).clip(-127, 127).astype(np.int8)
    niter = output["niter"]
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder) / "a.npz"
        np.savez(given, masks=masks, flows=flows / 16, cellprob=cellprob / 8, niter=niter)
        subprocess.run([peer, "-W", "ignore", str(agreement.PEER), folder], check=True)
        theirs = agreement.load(given.with_suffix(".peer.npz"))
    np.savez_compressed(
        Path(__file__).with_name("dynamics.npz"),
        masks=masks.astype(np.uint8),
        true_flows=np.rint(theirs["flows"] * 127).astype(np.int8),
        flows=flows,
        cellprob=cellprob,
        niter=niter,
        network_masks=theirs["network_masks"].astype(np.uint8),
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
