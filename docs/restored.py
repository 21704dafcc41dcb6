"""Make the picture of what each restoration model does to images of many kinds.

``python docs/restored.py FOLDER...`` degrades the images with masks of the folders as
``cellmend study restoration`` does, mends them, and writes ``docs/images/restored.jpg``.
Cells drawn by ``cellmend synthesize`` stand below, of which no model has seen any.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image as Pillow

from cellmend.restore import Restorer
from cellmend.segment import Segmenter
from cellmend.study.cache import Cache
from cellmend.study.cases import Case, masked_files, read_case
from cellmend.study.compare import CLEAN, Comparison, Record
from cellmend.study.methods import model_methods
from cellmend.study.plots import Panel, picture_grid
from cellmend.study.strength import RANGES
from cellmend.train.synthetic import KINDS, write_training_folder

PICTURE = Path(__file__).resolve().parent / "images" / "restored.jpg"
CROP = 128
WIDTH = 1000
WORDS = {"denoise": "noisy", "deblur": "blurred", "upsample": "undersampled"}


def main() -> None:
    """Draw one row per image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="images with masks")
    parser.add_argument("--limit", type=int, default=0, help="images of each folder (0: all)")
    parser.add_argument("--output", type=Path, default=PICTURE)
    args = parser.parse_args()
    methods = {task: model_methods(task, [Restorer(task)], 8) for task in RANGES}
    with tempfile.TemporaryDirectory() as name:
        comparison = Comparison(Segmenter("generalist"), methods, Cache(Path(name) / "cache"))
        drawn = Path(name) / "drawn"
        write_training_folder(drawn, len(KINDS), kinds=KINDS, seed=1)
        cases = [*read_cases(args.folders, args.limit), *read_cases([drawn], 0)]
        rows = [(label(case), list(panels(comparison, case))) for case in cases]
    with Pillow.open(io.BytesIO(picture_grid(rows))) as image:
        image.thumbnail((WIDTH, image.height))
        image.convert("RGB").save(args.output, quality=70, optimize=True)


def read_cases(folders: list[Path], limit: int) -> Iterator[Case]:
    """Read the part of each image with the most cells."""
    for files in masked_files(folders, limit):
        yield read_case(files, CROP)


def label(case: Case) -> str:
    """Return what stands left of a row."""
    return case.name.replace("/", "\n")


def panels(comparison: Comparison, case: Case) -> Iterator[Panel]:
    """Show each degraded image and the mended one, and last the clean one with the true cells."""
    clean: Record | None = None
    for task, word in WORDS.items():
        before, after, clean = comparison.of_case(case, task, pictures=True)
        yield panel(before, word)
        yield panel(after, task)
    assert clean is not None
    assert clean.picture is not None
    yield Panel(f"{CLEAN}, true cells", clean.picture.image, case.masks)


def panel(record: Record, word: str) -> Panel:
    """Show the cells found, and the average precision."""
    assert record.picture is not None
    return Panel(f"{word} {record.score.ap[0]:.2f}", record.picture.image, record.picture.masks)


if __name__ == "__main__":
    main()
