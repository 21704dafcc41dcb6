"""The switches that commands share, and how their values are read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

SETTING = "setting:"
ALL_SCENES = "all"


def setting(path: str) -> dict[str, Any]:
    """Return the keywords of a switch that sets the field `path` of a settings object.

    Such a switch has no default of its own: not given, the settings file or the
    settings object decides (see `cellmend.cli.config`).
    """
    return {"dest": f"{SETTING}{path}", "default": argparse.SUPPRESS}


def plain(name: str) -> dict[str, Any]:
    """Return the keywords of a switch that is an ordinary argument."""
    return {"dest": name, "default": None}


def add_everywhere(
    parser: argparse.ArgumentParser, *, batch_size: str = "", training: bool = False
) -> None:
    """Add the switches that every command has.

    Parameters
    ----------
    parser
        The command's parser.
    batch_size
        The settings field that ``--batch-size`` sets, if the command has one.
    training
        Whether device and seed are fields of the command's settings, too.
    """
    keywords = setting if training else plain
    group = parser.add_argument_group("everywhere")
    group.add_argument(
        "--device",
        **keywords("device"),
        metavar="D",
        help="where networks run: auto (default), cpu, cuda[:N] or mps",
    )
    group.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="tiles that a network takes at once",
        **(setting(batch_size) if batch_size else plain("batch_size")),
    )
    group.add_argument("--seed", type=seed, metavar="N", help="seed of chance", **keywords("seed"))
    group.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML file of settings; switches overrule it"
    )
    group.add_argument("--json", action="store_true", help="print one report as JSON")
    group.add_argument(
        "--dry-run", action="store_true", help="say what would be done, write nothing"
    )
    group.add_argument(
        "--skip-existing", action="store_true", help="leave out files whose results are there"
    )


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Add the input images and the output folder."""
    parser.add_argument("input", nargs="+", metavar="INPUT", help="images, folders or globs")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder of the results (default: beside the input)",
    )
    add_axes(parser)
    add_scene(parser)


def add_axes(parser: argparse.ArgumentParser) -> None:
    """Add what the dimensions of images are."""
    parser.add_argument(
        "--axes",
        metavar="AXES",
        help="what the dimensions of the files are, such as ZCYX, where they do not say it",
    )


def add_scene(parser: argparse.ArgumentParser) -> None:
    """Add which image of files is taken that hold several."""
    parser.add_argument(
        "--scene",
        type=scene,
        metavar="N|all",
        help="of ND2, CZI, LIF and .ome.tif files, the N-th position, scene or image (default:"
        " the first), or all of them; FILE#N is one of a single file",
    )


def add_normalization(parser: argparse.ArgumentParser) -> None:
    """Add what decides how channels are scaled; one switch given, the others are default."""
    group = parser.add_argument_group("normalisation (default: as the model was trained)")

    def add(field: str, switch: str, meaning: str, **how: Any) -> None:
        group.add_argument(f"--{switch}", help=meaning, **how, **setting(f"normalize.{field}"))

    add("enabled", "no-normalize", "take values as they are", action="store_false")
    add(
        "percentiles",
        "percentiles",
        "percentiles that become 0 and 1 (default: 1,99)",
        type=numbers,
        metavar="LOW,HIGH",
    )
    add("lowhigh", "lowhigh", "values that become 0 and 1", type=numbers, metavar="LOW,HIGH")
    add("per_plane", "per-plane", "scale every plane for itself", action="store_true")
    add("tile_size", "tile-norm", "percentiles of tiles of this size", type=int, metavar="PX")
    add(
        "sharpen_radius",
        "sharpen",
        "subtract a Gaussian as wide as this",
        type=float,
        metavar="PX",
    )
    add("smooth_radius", "smooth", "average by a Gaussian", type=float, metavar="PX")
    add("background", "background", "subtract this value first", type=float, metavar="V")
    add("dark_frame", "dark-frame", "image to subtract first", type=Path, metavar="FILE")
    add("invert", "invert", "show dark cells bright", action="store_true")


def diameter(text: str) -> float | None:
    """Read ``PX`` or ``auto``; None asks for an estimate."""
    return None if text == "auto" else float(text)


def channels(text: str) -> tuple[int, int]:
    """Read ``A`` or ``A,B``: the one-based channel to segment and the nuclear one."""
    first, _, second = text.partition(",")
    return int(first), int(second or 0)


def scene(text: str) -> int | str:
    """Read the number of an image, from 1, or ``all``."""
    if text == ALL_SCENES:
        return text
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def seed(text: str) -> int:
    """Read a whole number that is not negative."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers with commas between them."""
    return tuple(float(part) for part in text.split(","))


def whole_numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them."""
    return tuple(int(part) for part in text.split(","))


def words(text: str) -> tuple[str, ...]:
    """Read words with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
