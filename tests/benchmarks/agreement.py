"""How closely flows and masks agree with another program's, data set by data set.

    python tests/benchmarks/agreement.py PEER_PYTHON DATA [--images N] [--no-network]

PEER_PYTHON is the interpreter of an environment with cellpose 3.1.1.2. DATA holds data sets:
folders of ``NAME_img.tif`` and ``NAME_masks.tif``. Printed for each data set: the mean cosine
between the two programs' flows of the true masks, and AP@0.9 between the two programs' masks,
once from the true flows (5 times the flow, cell probability ±5) and once from the output of
the bundled network, which both are given. In volumes the flows are halved, so that a step is
one pixel long: with longer ones cellpose's masks are off by up to half a pixel, since it
samples the flows of volumes at ``p * n / (n - 1) - 1/2`` instead of at ``p``. The last column
is of the network's output too, with that one call of cellpose's corrected: of noisy true flows
of a volume of 16 cells, steps two pixels long, AP@0.9 rose by this from 0.39 to 1.
"""

from __future__ import annotations

import argparse
import subprocess
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
from cellmend.size import median_diameter

PEER = Path(__file__).with_name("agreement_peer.py")
SIDE = 256
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


def central(array: Array) -> Array:
    """Return the middle of the planes, `SIDE` pixels along Y and X at most."""
    starts = [max(0, n - SIDE) // 2 for n in array.shape[-2:]]
    return array[(..., *(slice(start, start + SIDE) for start in starts))]


def consecutive(masks: Array) -> NDArray[np.int32]:
    """Return the masks numbered without gaps, as the peer needs them."""
    ids, inverse = np.unique(np.maximum(masks.astype(np.int64), 0), return_inverse=True)
    return (inverse.reshape(masks.shape) + (ids[0] > 0)).astype(np.int32)


def network_output(segmenter: Segmenter, file: Path, masks: Array) -> dict[str, Array]:
    """Return what the network says about an image, and the steps it asks for."""
    image = cellmend.read(file.with_name(file.name.replace("_masks", "_img")))
    found = segmenter.run(
        central(image.data),
        axes=image.axes,
        diameter=median_diameter(masks) or 30.0,
        do_3d=masks.ndim == 3,
    )
    return {"flows": found.flows, "cellprob": found.cellprob, "niter": np.array(found.niter)}


def compare(job: dict[str, Array], theirs: dict[str, Array]) -> tuple[Array, ...]:
    """Return sum of cosines and pixels, then matched and all cells for each kind of flows."""
    masks = job["masks"]
    flows = masks_to_flows(masks)
    unit = flows if masks.ndim == 2 else flows / 2
    lengths = np.linalg.norm(flows, axis=0) * np.linalg.norm(theirs["flows"], axis=0)
    clear = lengths > 0.01
    cosines = (flows * theirs["flows"]).sum(0)[clear] / lengths[clear]
    found = [
        np.array([cosines.sum(), clear.sum()]),
        same_masks(5 * unit, np.where(masks > 0, 5, -5), 200, theirs["true_masks"]),
    ]
    for name in ("network_masks", "centred_masks"):
        if name not in theirs:
            found.append(np.zeros(2))
            continue
        output = job["flows"], job["cellprob"], int(job["niter"])
        found.append(same_masks(*output, theirs[name]))
    return tuple(found)


def same_masks(flows: Array, cellprob: Array, niter: int, theirs: Array) -> Array:
    """Return the cells that match at an IoU of 0.9, and all cells of both programs."""
    ours = masks_from_flows(
        flows.astype(np.float32), cellprob.astype(np.float32), MaskSettings(niter=niter)
    )
    found = match(theirs, ours.masks, (0.9,))
    return np.array([found.tp[0], found.tp[0] + found.fp[0] + found.fn[0]])


def write_jobs(
    data: Path, only: str, images: int, segmenter: Segmenter | None, folder: Path
) -> dict[str, list[Path]]:
    """Write what both programs are given, a file for each image; return those of each set."""
    jobs: dict[str, list[Path]] = defaultdict(list)
    for name, files in data_sets(data):
        for file in files[:images] if only in name else []:
            job: dict[str, Array] = {"masks": consecutive(central(read_labels(file)))}
            if segmenter is not None:
                job |= network_output(segmenter, file, job["masks"])
            jobs[name].append(folder / f"{name.replace('/', '-')}-{file.stem}.npz")
            np.savez(jobs[name][-1], **job)
    return jobs


def load(file: Path) -> dict[str, Array]:
    """Return the arrays of an npz file."""
    with np.load(file) as arrays:
        return dict(arrays)


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
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        jobs = write_jobs(options.data, options.only, options.images, segmenter, folder)
        subprocess.run([options.peer, "-W", "ignore", str(PEER), place], check=True)
        print(
            f"{'data set':36s} {'cells':>6s} {'cosine':>8s} {'AP true':>8s} {'AP net':>8s} "
            f"{'centred':>8s} (cells)"
        )
        for name, files in jobs.items():
            sums = np.zeros((4, 2))
            cells = 0
            for file in files:
                job = load(file)
                sums += np.array(compare(job, load(file.with_suffix(".peer.npz"))))
                cells += int(job["masks"].max())
            shares = (part / whole if whole else np.nan for part, whole in sums)
            cosine, true, net, centred = shares
            print(
                f"{name:36s} {cells:6d} {cosine:8.5f} {true:8.4f} {net:8.4f} {centred:8.4f} "
                f"({sums[2, 1]:.0f})"
            )


if __name__ == "__main__":
    main()
