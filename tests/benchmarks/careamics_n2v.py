"""Our Noise2Void beside that of CAREamics, on the same noisy images with the same budget.

    python tests/benchmarks/careamics_n2v.py FOLDER... --peer PYTHON --output DIR

FOLDER holds images with masks, PYTHON is an interpreter of an environment that has
`careamics`. The images are degraded as in `cellmend study restoration`, each program
trains on each of them alone (as many steps of 32 crops of 64 pixels; all else is its own,
the learning rate of CAREamics that of the paper unless given), and the same network finds
cells in what comes out.
Results are kept in DIR; one of a study can be given, whose results are then used.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

PATCH, BATCH = 64, 32
DIVISOR = 4
"""Of the sides that CAREamics' network takes."""


def main() -> None:
    """Run both on every image and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--peer", required=True, metavar="PYTHON")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, default=1, help="images per folder")
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rates", type=float, nargs="+", default=[4e-4], help="of CAREamics")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    from cellmend.errors import CellmendError
    from cellmend.segment import Segmenter
    from cellmend.study.cache import Cache
    from cellmend.study.cases import masked_files, read_case
    from cellmend.study.compare import Comparison
    from cellmend.study.methods import Method
    from cellmend.study.settings import RestorationStudySettings
    from cellmend.study.summary import group_table, task_table
    from cellmend.study.trained import blind_methods

    settings = RestorationStudySettings(
        baselines=("noise2void",), blind_epochs=args.steps, seed=args.seed
    )
    methods = blind_methods(settings)
    for rate in args.rates:
        order = {"steps": args.steps, "seed": args.seed, "rate": rate}
        by_peer = partial(denoise_by_peer, args.peer, order)
        name, key = f"careamics, rate {rate:g}", f"n2v {order}"
        methods.append(Method(name, f"{args.steps} epochs", "denoise", key, by_peer))
    cache = Cache(args.output / "cache")
    comparison = Comparison(Segmenter("generalist"), {"denoise": methods}, cache, seed=args.seed)
    records = []
    for files in masked_files(args.folders, args.limit):
        try:
            records += comparison.of_case(read_case(files, args.crop), "denoise")
        except CellmendError as error:
            print(f"{files.name}: {error}", flush=True)
    for failure in comparison.failures:
        print(failure)
    print(task_table(records, "denoise").as_text())
    print(group_table(records, "denoise").as_text())


def denoise_by_peer(python: str, settings: dict[str, float], seen) -> np.ndarray:
    """Train CAREamics on a degraded image, in its own interpreter; return what it makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "noisy.npy", Path(folder) / "denoised.npy"
        np.save(given, seen.image)
        order = json.dumps({"given": str(given), "made": str(made), **settings})
        subprocess.run([python, __file__, order], check=True, cwd=folder, stdout=subprocess.DEVNULL)
        return np.load(made)


def peer(given: str, made: str, steps: int, seed: int, rate: float) -> None:
    """Train CAREamics' Noise2Void on one image for so many batches, and denoise it."""
    from careamics import CAREamist
    from careamics.config import create_advanced_n2v_config
    from lightning import seed_everything

    seed_everything(seed)
    image = np.load(given)
    per_copy = max(1, image.shape[0] // PATCH) * max(1, image.shape[1] // PATCH)
    copies = -(-BATCH // per_copy) + 1
    config = create_advanced_n2v_config(
        "noise2void",
        data_type="array",
        axes="SYX",
        patch_size=[PATCH, PATCH],
        batch_size=BATCH,
        num_epochs=steps,
        num_steps=1,
        optimizer_params={"lr": rate},
        num_workers=0,
        trainer_params={"accelerator": "cpu"},
    )
    careamist = CAREamist(config, work_dir=Path.cwd(), enable_progress_bar=False)
    careamist.train(train_data=np.repeat(image[None], copies, axis=0))
    height, width = image.shape
    padded = np.pad(image, ((0, -height % DIVISOR), (0, -width % DIVISOR)), mode="reflect")
    restored, _ = careamist.predict(padded, axes="YX")
    np.save(made, np.squeeze(restored[0])[:height, :width].astype(np.float32))


if __name__ == "__main__":
    if sys.argv[1].startswith("{"):
        peer(**json.loads(sys.argv[1]))
    else:
        main()
