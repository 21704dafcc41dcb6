"""How closely flows and masks agree with another program's, data set by data set.

    python tests/benchmarks/agreement.py PEER_PYTHON DATA [--images N] [--no-network]

PEER_PYTHON is the interpreter of an environment with cellpose 3.1.1.2. DATA holds data sets:
folders of ``NAME_img.tif`` and ``NAME_masks.tif``. Printed for each data set: the mean cosine
between the two programs' flows of the true masks, and AP@0.9 between the two programs' masks,
once from the true flows (5 times the flow, cell probability ±5) and once from the output of
the bundled network, which both are given. In volumes the flows are halved, so that a step is
one pixel long: with longer ones cellpose's masks are off by up to half a pixel, since it
samples the flows of volumes beside the pixels' centres.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import cellmend
from cellmend.dynamics import masks_from_flows, masks_to_flows
from cellmend.io.labels import read_labels
from cellmend.metrics import match
from cellmend.params import MaskSettings
from cellmend.segment import Segmenter

PEER = Path(__file__).with_name("agreement_peer.py")
SIDE = 512
"""Images are cut to this many pixels along Y and X, to keep the peer's time within minutes."""

Array = NDArray[np.generic]


def data_sets(data: Path) -> Iterator[tuple[str, list[Path]]]:
    """Yield the name and the mask files of each data set, those for validation first."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(data.rglob("*_masks.tif"), key=lambda f: ("val" not in f.parts, f)):
        folder = file.parent
        folder = folder.parent if folder.name in ("train", "val") else folder
        found[str(folder.relative_to(data))].append(file)
    yield from found.items()


def consecutive(masks: Array) -> NDArray[np.int32]:
    """Return the central part of the masks, numbered without gaps as the peer needs them."""
    cut = tuple(slice((n - min(n, SIDE)) // 2, (n + min(n, SIDE)) // 2) for n in masks.shape[-2:])
    part = np.maximum(masks[(..., *cut)].astype(np.int64), 0)
    ids, inverse = np.unique(part, return_inverse=True)
    return (inverse.reshape(part.shape) + (0 if ids[0] == 0 else 1)).astype(np.int32)


def network_output(segmenter: Segmenter, file: Path) -> dict[str, Array]:
    """Return what the network says about an image, and the steps it asks for."""
    image = cellmend.read(file.with_name(file.name.replace("_masks", "_img")))
    found = segmenter.run(image, do_3d="Z" in image.axes)
    cut = (..., slice(SIDE), slice(SIDE))
    return {
        "flows": np.ascontiguousarray(found.flows[cut]),
        "cellprob": np.ascontiguousarray(found.cellprob[cut]),
        "niter": np.array(found.niter),
    }


def ask_peer(peer: str, job: dict[str, Array], folder: Path) -> dict[str, Array]:
    """Have the other program compute its side of `job`."""
    given, answer = folder / "given.npz", folder / "answer.npz"
    np.savez(given, **job)
    subprocess.run([peer, "-W", "ignore", str(PEER), str(given), str(answer)], check=True)
    with np.load(answer) as arrays:
        return dict(arrays)


def compare(job: dict[str, Array], theirs: dict[str, Array]) -> tuple[Array, Array, Array]:
    """Return sum of cosines and pixels, then matched and all cells from true and network flows."""
    masks = job["masks"]
    flows = masks_to_flows(masks)
    unit = flows if masks.ndim == 2 else flows / 2
    lengths = np.linalg.norm(flows, axis=0) * np.linalg.norm(theirs["flows"], axis=0)
    clear = lengths > 0.01
    cosines = (flows * theirs["flows"]).sum(0)[clear] / lengths[clear]
    return (
        np.array([cosines.sum(), clear.sum()]),
        same_masks(5 * unit, np.where(masks > 0, 5, -5), 200, theirs["true_masks"]),
        same_masks(job["flows"], job["cellprob"], int(job["niter"]), theirs["network_masks"])
        if "flows" in job
        else np.zeros(2),
    )


def same_masks(flows: Array, cellprob: Array, niter: int, theirs: Array) -> Array:
    """Return the cells that match at an IoU of 0.9, and all cells of both programs."""
    ours = masks_from_flows(
        flows.astype(np.float32), cellprob.astype(np.float32), MaskSettings(niter=niter)
    )
    found = match(theirs, ours.masks, (0.9,))
    return np.array([found.tp[0], found.tp[0] + found.fp[0] + found.fn[0]])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer")
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=1, help="of each data set (default: 1)")
    parser.add_argument("--no-network", action="store_true", help="true flows only")
    parser.add_argument("--only", default="", help="data sets whose name contains this")
    options = parser.parse_args()
    segmenter = None if options.no_network else Segmenter(device="cpu")
    print(f"{'data set':36s} {'cells':>6s} {'cosine':>8s} {'AP true':>8s} {'AP net':>8s} (cells)")
    for name, files in data_sets(options.data):
        if options.only not in name:
            continue
        sums = np.zeros((3, 2))
        cells = 0
        for file in files[: options.images]:
            job: dict[str, Array] = {"masks": consecutive(read_labels(file))}
            if segmenter is not None:
                job |= network_output(segmenter, file)
            with tempfile.TemporaryDirectory() as folder:
                theirs = ask_peer(options.peer, job, Path(folder))
            sums += np.array(compare(job, theirs))
            cells += int(job["masks"].max())
        cosine, true, net = (part / whole if whole else np.nan for part, whole in sums)
        print(f"{name:36s} {cells:6d} {cosine:8.5f} {true:8.4f} {net:8.4f} ({sums[2, 1]:.0f})")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
