"""Where models are: those that come with the program and the person's own."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from cellmend.errors import CellmendError, FileFormatError, InputError, ModelError
from cellmend.io.atomic import replacing
from cellmend.net.card import read_card
from cellmend.registry.card import KNOWN_NAMES, ModelCard
from cellmend.registry.package import weight_file

SUFFIX = ".safetensors"
CHECKPOINT = "checkpoint.pt"
"""In the folder of a run: what it goes on from."""
_NAME = re.compile(r"[A-Za-z0-9][\w.+ -]*")


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be used.

    Attributes
    ----------
    name
        The name to ask for it.
    path
        Its weight file.
    card
        What it is for.
    bundled
        Whether it came with the program; such a model cannot be removed.
    """

    name: str
    path: Path
    card: ModelCard
    bundled: bool


def bundled_folder() -> Path:
    """Return the folder of the models that come with the program.

    It is found in a frozen program, an installed wheel and a checkout.
    """
    package = Path(__file__).resolve().parents[1]
    frozen = getattr(sys, "_MEIPASS", None)
    places = [Path(frozen) / "models"] if frozen else []
    places += [package / "_models", package.parents[1] / "models"]
    return next((place for place in places if place.is_dir()), places[-1])


def runs_folder() -> Path:
    """Return the folder that has one for each run of training."""
    return user_folder().parent / "training"


def run_folder(name: str) -> Path:
    """Return where the checkpoint of the run called `name` is kept."""
    return runs_folder() / name


def user_folder() -> Path:
    """Return the folder of the person's own models: ``$CELLMEND_HOME`` or ``~/.cellmend``."""
    return Path(os.environ.get("CELLMEND_HOME") or Path.home() / ".cellmend") / "models"


def list_models(task: str | None = None) -> list[ModelEntry]:
    """Return the installed models, bundled ones first, each group by name.

    Parameters
    ----------
    task
        Only models of this task, such as ``segmentation`` or ``denoise``.
    """
    entries = [
        entry
        for folder in (bundled_folder(), user_folder())
        for path in sorted(folder.glob("*" + SUFFIX), key=lambda file: file.stem)
        if (entry := _readable_entry(path)) is not None
    ]
    return [entry for entry in entries if task is None or entry.card.task == task]


def find(name_or_path: str | Path) -> ModelEntry:
    """Return the model of this name or in this file.

    Raises
    ------
    ModelError
        If no model has this name; the message lists those there are.
    FileFormatError
        If a file was named and it is no model.
    """
    path = Path(name_or_path)
    for folder in (bundled_folder(), user_folder()):
        installed = folder / f"{name_or_path}{SUFFIX}"
        if path.name == str(name_or_path) and installed.is_file():
            return _entry(installed)
    if path.is_file():
        return _entry(path)
    raise _unknown(str(name_or_path))


def add(path: str | Path, name: str | None = None) -> ModelEntry:
    """Copy a weight file into the person's models.

    Cellpose 1-3 files are converted, so that every stored model has a card. Of a package for
    bioimage.io that Cellmend exported, the weight file in it is taken.

    Raises
    ------
    InputError
        If the name is taken or cannot be a file name.
    FileFormatError
        If the file is no model.
    """
    from cellmend.net.weights import build_net, read_weights, save_weights

    name = name or Path(path).stem
    with weight_file(path) as weights:
        entry = check_addition(weights, name)
        card = entry.card.model_copy(update={"name": name})
        target = user_folder() / f"{name}{SUFFIX}"
        save_weights(target, build_net(read_weights(weights)), card.model_dump(mode="json"))
    return _entry(target)


def rename(name: str, new: str) -> ModelEntry:
    """Give one of the person's own models, and the curves of its training, another name.

    Raises
    ------
    ModelError
        If there is none of this name, or it came with the program.
    InputError
        If the new name is taken or cannot be a file name.
    """
    entry = _own(name, "renamed")
    renamed = add(entry.path, new)
    for before, after in zip(curve_files(entry.path), curve_files(renamed.path), strict=True):
        if before.exists():
            before.replace(after)
    entry.path.unlink()
    return renamed


def check_addition(path: str | Path, name: str) -> ModelEntry:
    """Return the model in a file that may be added as `name`; errors are those of `add`."""
    with weight_file(path) as weights:
        entry = _entry(weights)
    checked_name(name)
    return entry


def remove(name: str) -> None:
    """Delete one of the person's own models, and the curves of its training.

    Raises
    ------
    ModelError
        If there is none of this name, or it came with the program.
    """
    entry = _own(name, "removed")
    entry.path.unlink()
    for path in curve_files(entry.path):
        path.unlink(missing_ok=True)


def curve_files(model: Path) -> tuple[Path, Path]:
    """Return the table and the picture of a training, which lie beside the model's file."""
    base = f"{model.name.removesuffix(SUFFIX)}_training"
    return model.with_name(f"{base}.csv"), model.with_name(f"{base}.png")


def export_weights(name: str, path: str | Path) -> None:
    """Copy the weight file of a model, card included, to `path`."""
    with replacing(path) as temporary:
        shutil.copyfile(find(name).path, temporary)


def checked_name(name: str) -> str:
    """Return `name` if a new model can have it.

    Raises
    ------
    InputError
        If it is no plain file name, has a meaning of its own, or is taken.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a model.", hint="Use letters, digits, - and _."
        )
    if name in KNOWN_NAMES or (bundled_folder() / f"{name}{SUFFIX}").exists():
        raise InputError(f"{name!r} is the name of a model of Cellmend.", hint="Choose another.")
    if (user_folder() / f"{name}{SUFFIX}").exists():
        raise InputError(f"There is a model named {name!r} already.", hint="Choose another name.")
    return name


def _own(name: str, wanted: str) -> ModelEntry:
    """Return one of the person's own models, which is to be changed in a way that has a word."""
    entry = find(name)
    if entry.bundled or entry.path.parent != user_folder():
        raise ModelError(f"The model {name!r} came with the program and cannot be {wanted}.")
    return entry


def _readable_entry(path: Path) -> ModelEntry | None:
    """Leave a damaged file out of lists; asking for it by name tells what is wrong."""
    try:
        return _entry(path)
    except CellmendError:
        return None


def _entry(path: Path) -> ModelEntry:
    try:
        raw = read_card(path)
    except FileFormatError:
        raw = {}
    try:
        card = ModelCard.model_validate(raw) if raw else _card_of_weights(path)
    except ValidationError as error:
        raise FileFormatError(path, "its model card is damaged.") from error
    return ModelEntry(path.name.removesuffix(SUFFIX), path, card, path.parent == bundled_folder())


def _card_of_weights(path: Path) -> ModelCard:
    from cellmend.registry.files import card_of_weights  # torch, only where there is no card

    return card_of_weights(path)


def _unknown(name: str) -> ModelError:
    installed = ", ".join(entry.name for entry in list_models()) or "none"
    if name in KNOWN_NAMES:
        return ModelError(f"The model {name!r} is not installed.", hint=f"Installed: {installed}.")
    return ModelError(
        f"There is no model named {name!r}.", hint=f"Installed: {installed}; or name a file."
    )
