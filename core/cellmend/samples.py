"""The small sample images that come with the program."""

from __future__ import annotations

import sys
from pathlib import Path

from cellmend.errors import InputError

DEFAULT = "nuclei_noisy"
"""The sample to open when nothing else is asked for: it has something to mend."""


def resource_folder() -> Path:
    """Return the folder of icons, styles and samples.

    It is found in a frozen program, an installed wheel and a checkout.

    Raises
    ------
    FileNotFoundError
        If the installation is incomplete.
    """
    package = Path(__file__).resolve().parent
    frozen = getattr(sys, "_MEIPASS", None)
    places = [Path(frozen) / "resources"] if frozen else []
    places += [package.parent / "cellmend_app" / "_resources", package.parents[1] / "resources"]
    for place in places:
        if place.is_dir():
            return place
    raise FileNotFoundError(f"No resources beside {package}; the installation is incomplete.")


def sample_names() -> list[str]:
    """Return the names of the samples, sorted."""
    return sorted(path.stem for path in (resource_folder() / "samples").glob("*.tif"))


def sample_path(name: str = DEFAULT) -> Path:
    """Return the file of the sample `name`.

    Raises
    ------
    InputError
        If there is no such sample.
    """
    path = resource_folder() / "samples" / f"{name}.tif"
    if not path.is_file():
        known = ", ".join(sample_names())
        raise InputError(f"There is no sample named {name!r}.", hint=f"There are: {known}.")
    return path
