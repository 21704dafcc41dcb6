"""How a training went, as a table and a picture beside the model."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from cellmend.io.atomic import replacing
from cellmend.registry.store import curve_files
from cellmend.train.loop import EpochRecord

Points = list[tuple[float, float]]

SIZE = (900, 420)
PANELS = ((70, 40, 420, 350), (520, 40, 870, 350))
"""Left, top, right, bottom of the loss and of the average precision."""
TRAINING, VALIDATION, GREY = "#1f77b4", "#d1690e", "#888888"


def write_curves(record: Sequence[EpochRecord], model: Path) -> None:
    """Write ``<name>_training.csv`` and ``<name>_training.png`` beside a model.

    Parameters
    ----------
    record
        One entry for each epoch.
    model
        The weight file.
    """
    table_path, picture_path = curve_files(model)
    with replacing(table_path) as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, list(record[0].as_dict()))
        table.writeheader()
        table.writerows(entry.as_dict() for entry in record)
    with replacing(picture_path) as temporary:
        draw_curves(record).save(temporary, "PNG")


def draw_curves(record: Sequence[EpochRecord]) -> Image.Image:
    """Draw the losses and, where there was validation, the average precision."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    losses = {"training": [(float(e.epoch), e.loss) for e in record]}
    held_out = [
        (float(e.epoch), e.validation_loss) for e in record if e.validation_loss is not None
    ]
    if held_out:
        losses["validation"] = held_out
    precision = [(float(e.epoch), e.validation_ap) for e in record if e.validation_ap is not None]
    top = max(value for points in losses.values() for _, value in points)
    _panel(draw, PANELS[0], "loss", losses, (len(record), top))
    if precision:
        _panel(draw, PANELS[1], "AP at IoU 0.5", {"validation": precision}, (len(record), 1.0))
    return picture


def _panel(
    draw: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    title: str,
    curves: dict[str, Points],
    limits: tuple[float, float],
) -> None:
    """Draw axes from (1, 0) to `limits`, and the curves with their names."""
    left, top, right, bottom = box
    font = ImageFont.load_default(13)
    last, highest = max(2.0, limits[0]), max(limits[1], 1e-9)

    def place(epoch: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * (epoch - 1) / (last - 1)
        return x, bottom - (bottom - top) * value / highest

    draw.text((left, top - 26), title, "black", font)
    for part in (0.0, 0.5, 1.0):
        x, y = place(1, part * highest)
        draw.line([(x, y), (right, y)], "#dddddd")
        draw.text((x - 8, y), f"{part * highest:.3g}", GREY, font, anchor="rm")
    for epoch in (1, round((1 + last) / 2), last):
        draw.text((place(epoch, 0)[0], bottom + 8), f"{epoch:g}", GREY, font, anchor="mt")
    draw.text(((left + right) / 2, bottom + 28), "epoch", GREY, font, anchor="mt")
    for line, (name, points) in enumerate(curves.items()):
        color = VALIDATION if name == "validation" else TRAINING
        places = [place(*point) for point in points]
        draw.line(places, color, 2, joint="curve")
        for x, y in places if len(places) < 40 else []:
            draw.ellipse((x - 2, y - 2, x + 2, y + 2), color)
        draw.text((right, top - 26 + 15 * line), name, color, font, anchor="ra")
